package load_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"chatferry"
	"chatferry/load"
	"chatferry/load/storetest"
)

func TestInspect(t *testing.T) {
	a := newAccount(chatferry.Chats)
	store := &storetest.Memory{}
	sink := load.NewSink(store)
	sink.SetLayout(1<<20, 150, 1<<20)
	part, err := build(t, sink, a, a.batch(1, 200), a.batch(2, 100))
	if err != nil {
		t.Fatal(err)
	}
	info := inspect(t, store, part.Files[0])
	if info.Rows != part.Files[0].Rows || info.Size != part.Files[0].Size || len(info.Groups) != 3 || len(info.Columns) != 19 {
		t.Errorf("%d rows, %d bytes, %d groups, %d columns", info.Rows, info.Size, len(info.Groups), len(info.Columns))
	}
	columns := map[string]load.ColumnInfo{}
	for _, c := range info.Columns {
		columns[c.Path] = c
	}
	for _, want := range []load.ColumnInfo{
		{Path: "id", Type: "BYTE_ARRAY", Logical: "String", Repetition: "required"},
		{Path: "missed", Type: "BOOLEAN", Repetition: "optional"},
		{Path: "tags.list.element", Type: "BYTE_ARRAY", Logical: "String", Repetition: "optional"},
	} {
		if got := columns[want.Path]; got != want {
			t.Errorf("column %+v, want %+v", got, want)
		}
	}
	var rows int64
	for _, g := range info.Groups {
		rows += g.Rows
		for _, c := range g.Chunks {
			if c.Codec != "ZSTD" || c.Compressed <= 0 || c.Uncompressed <= 0 || len(c.Encodings) == 0 {
				t.Errorf("%+v", c)
			}
			if c.Path == "timestamp" && (c.Min == nil || !strings.HasSuffix(*c.Min, "Z") || *c.Min < "2017" || *c.Max > "2050") {
				t.Errorf("timestamps %v to %v", c.Min, c.Max)
			}
			if c.Path == "_source_shard" && (c.Min == nil || *c.Min != "42") {
				t.Errorf("shard %v", c.Min)
			}
		}
	}
	if rows != info.Rows {
		t.Errorf("%d rows in groups, %d in all", rows, info.Rows)
	}
	for _, bad := range []string{"", "PAR1", "PAR1PAR1", "\x00\x00\x00\xffPAR1", strings.Repeat("x", 100)} {
		if _, err := load.Inspect(bytes.NewReader([]byte(bad)), int64(len(bad))); err == nil {
			t.Errorf("%q was inspected", bad)
		}
		if _, err := load.OpenRows(bytes.NewReader([]byte(bad)), int64(len(bad))); err == nil {
			t.Errorf("%q was opened", bad)
		}
	}
}

// A damaged footer is an error or another description, never a panic.
func TestInspectOfDamagedFiles(t *testing.T) {
	const seed = 1
	a := newAccount(chatferry.Visitors)
	store := &storetest.Memory{}
	part, err := build(t, load.NewSink(store), a, columnsBatch(a, true, true, 1))
	if err != nil {
		t.Fatal(err)
	}
	good, _ := store.StagedBytes(part.Files[0].Staging)
	r := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for run := range 5000 {
		bad := bytes.Clone(good)
		for range 1 + r.IntN(4) {
			bad[len(bad)-9-r.IntN(900)] = byte(r.Uint32())
		}
		info, err := load.Inspect(bytes.NewReader(bad), int64(len(bad)))
		if (err == nil) != (info != nil) {
			t.Fatalf("seed %d, run %d: %v and %v", seed, run, info, err)
		}
		if err != nil {
			refused++
		}
	}
	if refused < 1000 {
		t.Errorf("seed %d: only %d of 5000 damaged footers were refused", seed, refused)
	}
}
