package transform

import (
	"bytes"
	"testing"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// page makes a Page of records of one Shard of a Stream.
func page(s chatferry.Stream, header string, records ...string) *chatferry.Page {
	p := &chatferry.Page{Shard: &chatferry.Shard{ID: 7, Stream: s}, From: "0", After: "1"}
	if header != "" {
		p.Header = []byte(header)
	}
	at := int64(0)
	for _, r := range records {
		p.Records = append(p.Records, chatferry.Record{Raw: []byte(r), Offset: chatferry.FileOffset(0, at)})
		p.RawBytes += int64(len(r))
		at += int64(len(r)) + 1
	}
	return p
}

// run transforms a Page; the Batch is released when the test ends.
func run(t testing.TB, tr *Transformer, p *chatferry.Page) *chatferry.Batch {
	t.Helper()
	b, err := tr.Transform(p, 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Release)
	if err := b.Books.Close(); err != nil {
		t.Fatalf("the books of the Batch: %v", err)
	}
	if int(b.Books.Read.N) != len(p.Records) {
		t.Fatalf("read %d records of %d", b.Books.Read.N, len(p.Records))
	}
	return b
}

func tables(b *chatferry.Batch) map[chatferry.Table]arrow.Record {
	m := map[chatferry.Table]arrow.Record{}
	for _, r := range b.Rows {
		m[r.Table] = r.Record
	}
	return m
}

// rebuilt returns the records that the rows of a Batch give back.
func rebuilt(t testing.TB, s chatferry.Stream, b *chatferry.Batch) [][]byte {
	t.Helper()
	if len(b.Rows) == 0 {
		return nil
	}
	r, err := NewRebuilder(s, tables(b))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for rec, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}

// sameJSON fails the test unless two texts are equal as JSON values.
func sameJSON(t testing.TB, got, want []byte) {
	t.Helper()
	w, err := jsonValue(want)
	if err != nil {
		t.Fatalf("the expected text: %v\n%s", err, want)
	}
	g, err := jsonValue(got)
	if err != nil {
		t.Fatalf("the rebuilt text: %v\n%s", err, got)
	}
	if g != w {
		t.Fatalf("the record was not rebuilt\n got %s\nwant %s", clip(got), clip(want))
	}
}

func clip(b []byte) []byte { return bytes.Clone(b[:min(len(b), 4000)]) }

// loadOne transforms one record that must be loaded and gives it back; the record must come back equal.
func loadOne(t testing.TB, s chatferry.Stream, record string) *chatferry.Batch {
	t.Helper()
	b := run(t, New(s, Options{}), page(s, "", record))
	if len(b.Rejects) > 0 {
		t.Fatalf("rejected: %s: %s\n%s", b.Rejects[0].Code, b.Rejects[0].Reason, clip([]byte(record)))
	}
	if b.Books.Loaded.N != 1 {
		t.Fatalf("not loaded: %+v", b.Ledger)
	}
	got := rebuilt(t, s, b)
	sameJSON(t, got[0], []byte(record))
	return b
}

// validUTF8 checks every string of a column: one that is not UTF-8 makes the column unreadable for others.
func validUTF8(c arrow.Array) error {
	switch a := c.(type) {
	case *array.String:
		for i := range a.Len() {
			if err := validString(a.Value(i)); err != nil {
				return err
			}
		}
	case *array.List:
		return validUTF8(a.ListValues())
	}
	return nil
}
