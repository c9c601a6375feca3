package transform

import (
	"bytes"
	"context"
	"testing"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// TestRebuildFromParquet: the rows give the records back also after they have been written to Parquet and read again.
func TestRebuildFromParquet(t *testing.T) {
	records := map[chatferry.Stream][]string{
		chatferry.Chats: append(generated(4, 30),
			`{"id":"a","history":[null,{},[1],{"msg":"\ud800","tags":[null,"x",5]}],"visitor":{},"tags":[],"skills_requested":[1,null,"3"],"rating":null}`,
			`{"id":"b","timestamp":"0001-01-01T00:00:00Z","end_timestamp":"9999-12-31T23:59:59Z","duration":-9223372036854775808,"webpath":[]}`),
		chatferry.Agents:   {`{"id":1,"departments":[],"skills":[1,2],"roles":{"owner":true}}`, `{"id":2,"enabled":0}`},
		chatferry.Triggers: {`{"name":"n","definition":{"a": [1, {"b":null}]}}`},
	}
	for s, in := range records {
		t.Run(string(s), func(t *testing.T) {
			b := run(t, New(s, Options{}), page(s, "", in...))
			read := map[chatferry.Table]arrow.Record{}
			for _, rows := range b.Rows {
				read[rows.Table] = throughParquet(t, rows.Record)
			}
			r, err := NewRebuilder(s, read)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for got, err := range r.All() {
				if err != nil {
					t.Fatal(err)
				}
				sameJSON(t, got, []byte(in[n]))
				n++
			}
			if n != len(in) {
				t.Errorf("%d records of %d", n, len(in))
			}
		})
	}
}

func throughParquet(t *testing.T, rec arrow.Record) arrow.Record {
	t.Helper()
	var buf bytes.Buffer
	w, err := pqarrow.NewFileWriter(rec.Schema(), &buf, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	pr, err := file.NewParquetReader(bytes.NewReader(buf.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	fr, err := pqarrow.NewFileReader(pr, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	tbl, err := fr.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer tbl.Release()
	reader := array.NewTableReader(tbl, tbl.NumRows())
	defer reader.Release()
	if !reader.Next() {
		t.Fatal("no rows were read")
	}
	out := reader.Record()
	out.Retain()
	t.Cleanup(out.Release)
	return out
}

// TestRebuildRefusesStrangers: rows that do not belong together are an error, never a wrong record.
func TestRebuildRefusesStrangers(t *testing.T) {
	b := run(t, New(chatferry.Chats, Options{}), page(chatferry.Chats, "", `{"id":"a","history":[{},{}]}`, `{"id":"b","history":[{},{}]}`))
	r, err := NewRebuilder(chatferry.Chats, tables(b))
	if err != nil {
		t.Fatal(err)
	}
	for name, span := range map[string]Span{"another chat's": {2, 4}, "too few": {0, 1}, "none": {}, "shifted": {1, 3}, "outside": {4, 6}} {
		if got, err := r.Append(nil, 0, map[chatferry.Table]Span{chatferry.ChatHistory: span}); err == nil {
			t.Errorf("%s: rebuilt as %s", name, got)
		}
	}
	twice := run(t, New(chatferry.Chats, Options{}), page(chatferry.Chats, "", `{"id":"a","history":[{},{}]}`, `{"id":"a","history":[{},{}]}`))
	if r, err = NewRebuilder(chatferry.Chats, tables(twice)); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Append(nil, 0, map[chatferry.Table]Span{chatferry.ChatHistory: {1, 3}}); err == nil {
		t.Errorf("elements out of order: rebuilt as %s", got)
	}
	only := tables(b)
	delete(only, chatferry.Chats.Parent())
	if _, err := NewRebuilder(chatferry.Chats, only); err == nil {
		t.Error("child rows were taken without their parents")
	}
	if _, err := NewRebuilder(chatferry.Agents, map[chatferry.Table]arrow.Record{"agents": b.Rows[0].Record}); err == nil {
		t.Error("rows of another table were taken")
	}
}
