package load_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/load"
	"chatferry/load/local"
	"chatferry/load/storetest"
)

// benchBatches makes Batches of about 1 MiB of Arrow data each, shaped like chats: some ids, some words of few values,
// free text, numbers.
func benchBatches(a *account, n int) (batches []*chatferry.Batch, size int64) {
	const seed, rows = 7, 500
	r := rand.New(rand.NewPCG(seed, 0))
	words := make([]string, 4096)
	for i := range words {
		b := make([]byte, 2+r.IntN(9))
		for j := range b {
			b[j] = byte('a' + r.IntN(26))
		}
		words[i] = string(b)
	}
	text := func(n int) string {
		var out []byte
		for len(out) < n {
			out = append(append(out, words[r.IntN(1+r.IntN(len(words)))]...), ' ')
		}
		return string(out)
	}
	fields := []arrow.Field{{Name: "_raw_sha256", Type: &arrow.FixedSizeBinaryType{ByteWidth: 32}}}
	for i := range 8 {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("kind", i), Type: arrow.BinaryTypes.String, Nullable: true, Metadata: dictionary})
	}
	for i := range 6 {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("number", i), Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	}
	for i := range 6 {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("text", i), Type: arrow.BinaryTypes.String, Nullable: true, Metadata: freeText})
	}
	fields = append(fields, arrow.Field{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true})
	schema := arrow.NewSchema(fields, nil)
	for range n {
		b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
		out := &chatferry.Batch{Shard: a.shard, Seq: a.seq}
		for range rows {
			var raw [32]byte
			for i := range raw {
				raw[i] = byte(r.Uint32())
			}
			e := chatferry.Entry(a.shard.Stream, &raw)
			out.Books.Loaded.Count(1, &e)
			b.Field(0).(*array.FixedSizeBinaryBuilder).Append(raw[:])
			for i := 1; i <= 8; i++ {
				b.Field(i).(*array.StringBuilder).Append(words[r.IntN(8)])
			}
			for i := 9; i <= 14; i++ {
				b.Field(i).(*array.Int64Builder).Append(int64(r.IntN(100_000)))
			}
			for i := 15; i <= 20; i++ {
				b.Field(i).(*array.StringBuilder).Append(text(r.IntN(600)))
			}
			list := b.Field(21).(*array.ListBuilder)
			list.Append(true)
			for range r.IntN(4) {
				list.ValueBuilder().(*array.StringBuilder).Append(words[r.IntN(64)])
			}
		}
		rec := b.NewRecord()
		b.Release()
		size += load.ArrowBytes(rec)
		out.Rows = []chatferry.Rows{{Table: a.shard.Stream.Parent(), Record: rec}}
		batches = append(batches, out)
	}
	return batches, size
}

// BenchmarkEncode measures Batches into Parquet bytes that go nowhere: MB/s of Arrow data.
func BenchmarkEncode(b *testing.B) {
	a := newAccount(chatferry.Visitors)
	batches, size := benchBatches(a, 32)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		n, err := load.Encode(io.Discard, batches)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(n)/float64(size), "stored/arrow")
	}
}

// BenchmarkPart measures Batches into a sealed Part: digests, encoding, reading back, and on disk the fsyncs.
func BenchmarkPart(b *testing.B) {
	a := newAccount(chatferry.Visitors)
	batches, size := benchBatches(a, 32)
	for _, store := range []string{"memory", "disk"} {
		b.Run("store="+store, func(b *testing.B) {
			fsys, err := atomicfile.OS(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				var s load.Store = local.New(fsys)
				if store == "memory" {
					s = &storetest.Memory{}
				}
				w, err := load.NewSink(s).Begin(a.shard, a.seq, 1)
				if err != nil {
					b.Fatal(err)
				}
				for _, batch := range batches {
					if err := w.Write(batch); err != nil {
						b.Fatal(err)
					}
				}
				part, err := w.Seal(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				for _, f := range part.Files {
					if err := s.Unstage(b.Context(), chatferry.Staged{Ref: f.Staging}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
