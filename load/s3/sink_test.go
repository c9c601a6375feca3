package s3_test

import (
	"encoding/hex"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/checkpoint/objectstore/sims3"
	"chatferry/load"
)

// A Part of several row groups goes through the Sink, is published by another machine, and is read back in rows with one
// request for each block.
func TestPartOfASink(t *testing.T) {
	const seed, batches, rows, texts = 7, 15, 500, 8
	r := rand.NewChaCha8([32]byte{seed})
	fields := []arrow.Field{{Name: load.ColumnRawSHA256, Type: &arrow.FixedSizeBinaryType{ByteWidth: 32}}}
	for i := range texts {
		fields = append(fields, arrow.Field{Name: "text" + string(rune('a'+i)), Type: arrow.BinaryTypes.String})
	}
	schema := arrow.NewSchema(fields, nil)
	sim, gets := sims3.New(), 0
	shard := &chatferry.Shard{ID: 7, Stream: chatferry.Visitors}
	sink, err := load.NewSink(newStore(t, sim.Client(nil), t.TempDir())).Begin(shard, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	for range batches {
		b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
		batch := &chatferry.Batch{Shard: shard, Seq: 1}
		for range rows {
			var raw [32]byte
			r.Read(raw[:]) // never fails
			e := chatferry.Entry(shard.Stream, &raw)
			batch.Books.Loaded.Count(1, &e)
			b.Field(0).(*array.FixedSizeBinaryBuilder).Append(raw[:])
			for i := range texts {
				noise := make([]byte, 300)
				r.Read(noise)
				b.Field(1 + i).(*array.StringBuilder).Append(hex.EncodeToString(noise))
			}
		}
		batch.Rows = []chatferry.Rows{{Table: shard.Stream.Parent(), Record: b.NewRecord()}}
		b.Release()
		if err := sink.Write(batch); err != nil {
			t.Fatal(err)
		}
		batch.Rows[0].Record.Release()
	}
	part, err := sink.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := newStore(t, sim.Client(func(op sims3.Op) sims3.Fault {
		if op.Do == string(get) {
			gets++
		}
		return sims3.Fault{}
	}), t.TempDir())
	file := part.Files[0]
	if len(part.Files) != 1 || file.StoreChecksum == "" || len(sim.Files(".")) != 0 {
		t.Fatalf("the Part has the files %+v, the bucket %d", part.Files, len(sim.Files(".")))
	}
	if err := other.Publish(t.Context(), file); err != nil || gets > 0 {
		t.Fatalf("%d reads: %v", gets, err)
	}
	f, err := other.Open(t.Context(), file.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := load.OpenRows(f, f.Size())
	if err != nil {
		t.Fatal(err)
	}
	var got chatferry.Digest
	for {
		rec, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		v, err := chatferry.ValuesDigest(rec)
		if err != nil {
			t.Fatal(err)
		}
		got.Merge(v)
		rec.Release()
	}
	if got != file.V {
		t.Errorf("the values have the digest %s, the Part's %s", got, file.V)
	}
	blocks := int((file.Size + block - 1) / block)
	t.Logf("%d row groups in %d bytes, %d blocks, %d requests", len(in.Groups()), file.Size, blocks, gets)
	if len(in.Groups()) < 2 || gets > blocks+1 {
		t.Errorf("%d row groups in %d blocks took %d requests", len(in.Groups()), blocks, gets)
	}
}
