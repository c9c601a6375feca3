package load_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/load"
	"chatferry/load/storetest"
)

// columnsBatch makes a Batch of 60 rows whose text, number and list columns are as asked.
func columnsBatch(a *account, dict, nullable bool, from int) *chatferry.Batch {
	md := arrow.Metadata{}
	if dict {
		md = dictionary
	}
	b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema([]arrow.Field{
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: nullable, Metadata: md},
		{Name: "number", Type: arrow.PrimitiveTypes.Int64, Nullable: nullable, Metadata: md},
		{Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: nullable},
		{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: nullable, Metadata: md},
		{Name: "_raw_sha256", Type: &arrow.FixedSizeBinaryType{ByteWidth: 32}},
	}, nil))
	defer b.Release()
	out := &chatferry.Batch{Shard: a.shard, Seq: a.seq}
	for i := range 60 {
		raw := [32]byte{byte(from), byte(i)}
		e := chatferry.Entry(a.shard.Stream, &raw)
		out.Books.Loaded.Count(1, &e)
		b.Field(4).(*array.FixedSizeBinaryBuilder).Append(raw[:])
		if nullable && i%3 == 0 {
			for c := range 4 {
				b.Field(c).AppendNull()
			}
			continue
		}
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprint("value ", from*i%7))
		b.Field(1).(*array.Int64Builder).Append(int64(from * i % 5))
		b.Field(2).(*array.BooleanBuilder).Append(i%2 == 0)
		list := b.Field(3).(*array.ListBuilder)
		list.Append(true)
		for j := range i % 3 {
			list.ValueBuilder().(*array.StringBuilder).Append(fmt.Sprint("element ", j))
		}
	}
	out.Rows = []chatferry.Rows{{Table: a.shard.Stream.Parent(), Record: b.NewRecord()}}
	r := chatferry.Reject{Stream: a.shard.Stream, Shard: a.shard.ID, Seq: a.seq, Offset: chatferry.Offset(from), RawLen: 1, RawSHA256: [32]byte{1}}
	e := chatferry.Entry(r.Stream, (*[32]byte)(&r.RawSHA256))
	out.Books.Quarantined.Count(1, &e)
	out.Rejects = []chatferry.Reject{r}
	return out
}

// Every write of a Part fails in every way in turn: Seal says so, or the files are perfect. Of the ways in which a sink
// can fail, arrow's writer alone lets most pass.
func TestNoWriteFailsInSilence(t *testing.T) {
	boom := errors.New("boom")
	faults := []struct {
		name string
		at   func(n, at int) bool
		do   func(p []byte) (keep, told int, err error)
	}{
		{"fails once", equal, func([]byte) (int, int, error) { return 0, 0, boom }},
		{"fails for ever", from, func([]byte) (int, int, error) { return 0, 0, boom }},
		{"fails once half-way", equal, func(p []byte) (int, int, error) { return len(p) / 2, len(p) / 2, boom }},
		{"is short without an error", equal, func(p []byte) (int, int, error) { return len(p) / 2, len(p) / 2, nil }},
		{"is short for ever", from, func(p []byte) (int, int, error) { return len(p) / 2, len(p) / 2, nil }},
		{"takes nothing without an error", equal, func([]byte) (int, int, error) { return 0, 0, nil }},
		{"fails after all was taken", equal, func(p []byte) (int, int, error) { return len(p), len(p), boom }},
		{"claims too much", equal, func(p []byte) (int, int, error) { return len(p), len(p) + 1, nil }},
		{"loses half and claims success", equal, func(p []byte) (int, int, error) { return len(p) / 2, len(p), nil }},
		{"loses all and claims success", equal, func(p []byte) (int, int, error) { return 0, len(p), nil }},
	}
	cases, silent := 0, 0
	for _, dict := range []bool{false, true} {
		for _, nullable := range []bool{false, true} {
			a := newAccount(chatferry.Visitors)
			run := func(store *storetest.Memory) (*chatferry.Part, error) {
				sink := load.NewSink(store)
				sink.SetNonce("aa")
				sink.SetLayout(1<<20, 70, 256)
				return build(t, sink, a, columnsBatch(a, dict, nullable, 1), columnsBatch(a, dict, nullable, 2))
			}
			good := &storetest.Memory{}
			want, err := run(good)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range faults {
				for at := range good.Writes() {
					cases++
					store := &storetest.Memory{OnWrite: func(n int, p []byte) (int, int, error) {
						if f.at(n, at) {
							return f.do(p)
						}
						return len(p), len(p), nil
					}}
					got, err := run(store)
					if err == nil {
						silent++
						t.Errorf("dictionary %v, nullable %v: write %d %s in silence: %v", dict, nullable, at, f.name, got)
						continue
					}
					if open, staged, _ := store.Left(); open != 0 || staged != 0 {
						t.Errorf("write %d %s: %d open, %d staged are left", at, f.name, open, staged)
					}
				}
			}
			for _, f := range want.Files {
				if b, _ := good.StagedBytes(f.Staging); int64(len(b)) != f.Size {
					t.Errorf("%s was disturbed", f.Name)
				}
			}
		}
	}
	t.Logf("%d faults, %d in silence", cases, silent)
	if cases < 500 {
		t.Errorf("only %d faults were tried", cases)
	}
}

func equal(n, at int) bool { return n == at }
func from(n, at int) bool  { return n >= at }

// Every single byte of what is read back is damaged in turn.
func TestNoDamageIsOverlooked(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	store := &storetest.Memory{}
	run := func(s *storetest.Memory) error {
		sink := load.NewSink(s)
		sink.SetLayout(1<<20, 70, 256)
		_, err := build(t, sink, a, columnsBatch(a, true, true, 1))
		return err
	}
	size := map[string]int{}
	store.OnReopen = func(label string, b []byte) []byte { size[label] = len(b); return b }
	if err := run(store); err != nil {
		t.Fatal(err)
	}
	for label, n := range size {
		for at := 0; at < n; at += 7 {
			s := &storetest.Memory{OnReopen: func(l string, b []byte) []byte {
				if l == label {
					b[at] ^= 0x10
				}
				return b
			}}
			if err := run(s); chatferry.KindOf(err) != chatferry.KindEnvironment {
				t.Errorf("byte %d of %s was flipped: %v", at, label, err)
			}
		}
	}
	if len(size) != 2 {
		t.Errorf("labels %v", size)
	}
}

// A file that is damaged after it was read back is an error of the readers, never a panic, whichever byte is hit. The
// reader may overlook it only where the byte means nothing: then it gives the same rows.
func TestReadersOfDamagedFiles(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	store := &storetest.Memory{}
	sink := load.NewSink(store)
	sink.SetLayout(1<<20, 70, 256)
	part, err := build(t, sink, a, columnsBatch(a, true, true, 1), columnsBatch(a, true, true, 2))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := store.StagedBytes(part.Files[0].Staging)
	digest := func(b []byte) (d chatferry.Digest, err error) {
		rows, err := load.OpenRows(bytes.NewReader(b), int64(len(b)))
		for err == nil {
			var rec arrow.Record
			if rec, err = rows.Next(); err == nil {
				var v chatferry.Digest
				v, err = chatferry.ValuesDigest(rec)
				d.Merge(v)
				rec.Release()
			}
		}
		if err == io.EOF {
			err = nil
		}
		return d, err
	}
	if d, err := digest(b); err != nil || d != part.Files[0].V {
		t.Fatalf("digest %s: %v", d, err)
	}
	for at := 0; at < len(b); at += 3 {
		bad := bytes.Clone(b)
		bad[at] ^= 0x41
		digest(bad)
		load.Inspect(bytes.NewReader(bad), int64(len(bad)))
	}
	for n := 0; n < len(b); n += 3 {
		if _, err := digest(b[:n]); err == nil {
			t.Errorf("a file cut after %d of %d bytes was read", n, len(b))
		}
	}
}
