package load_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"

	"chatferry"
	"chatferry/load"
	"chatferry/load/storetest"
)

// Tests of single faults of arrow/go v17 that this package works around.

// textBatch makes a Batch of the visitors stream with one text column whose data lie in buf, or in a buffer of its own.
func textBatch(a *account, from int, buf []byte, values ...string) *chatferry.Batch {
	offsets := []int32{0}
	data := buf[:0]
	for _, v := range values {
		data = append(data, v...)
		offsets = append(offsets, int32(len(data)))
	}
	text := array.NewStringData(array.NewData(arrow.BinaryTypes.String, len(values), []*memory.Buffer{
		nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(data),
	}, nil, 0, 0))
	sums := array.NewFixedSizeBinaryBuilder(memory.NewGoAllocator(), &arrow.FixedSizeBinaryType{ByteWidth: 32})
	defer sums.Release()
	out := &chatferry.Batch{Shard: a.shard, Seq: a.seq}
	for i := range values {
		raw := [32]byte{byte(from), byte(i)}
		e := chatferry.Entry(a.shard.Stream, &raw)
		out.Books.Loaded.Count(1, &e)
		sums.Append(raw[:])
	}
	out.Rows = []chatferry.Rows{{Table: a.shard.Stream.Parent(), Record: array.NewRecord(arrow.NewSchema([]arrow.Field{
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "_raw_sha256", Type: &arrow.FixedSizeBinaryType{ByteWidth: 32}},
	}, nil), []arrow.Array{text, sums.NewArray()}, int64(len(values)))}}
	return out
}

// Whoever made a Batch may use the memory of its text again once it is released.
func TestTextMayBeReused(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	buf := make([]byte, 0, 64)
	store := &storetest.Memory{}
	w, err := load.NewSink(store).Begin(a.shard, a.seq, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, values := range [][]string{{"b001", "b002"}, {"zzzz", "zzzy"}} {
		if err := w.Write(textBatch(a, 1+i, buf, values...)); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := inspect(t, store, part.Files[0]).Groups[0].Chunks[0]
	if c.Min == nil || *c.Min != "b001" || c.Max == nil || *c.Max != "zzzz" {
		t.Errorf("%+v", c)
	}
}

// Of empty strings whose data buffer is nil, v17 makes nulls in its statistics.
func TestEmptyStringIsAMinimum(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	for name, batches := range map[string][]*chatferry.Batch{
		"first": {textBatch(a, 1, nil, "", ""), textBatch(a, 2, nil, "b", "c")},
		"last":  {textBatch(a, 1, nil, "b", "c"), textBatch(a, 2, nil, "", "")},
		"alone": {textBatch(a, 1, nil, "", "")},
	} {
		store := &storetest.Memory{}
		part, err := build(t, load.NewSink(store), a, batches...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		chunk := inspect(t, store, part.Files[0]).Groups[0].Chunks[0]
		if chunk.Min == nil || *chunk.Min != "" {
			t.Errorf("%s: minimum %v, want the empty string", name, chunk.Min)
		}
	}
}

func inspect(t *testing.T, store *storetest.Memory, f chatferry.PartFile) *load.FileInfo {
	t.Helper()
	b, _ := store.StagedBytes(f.Staging)
	info, err := load.Inspect(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// A long minimum is left out rather than cut, since readers take it for a value of the column.
func TestLongBoundsAreLeftOut(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	store := &storetest.Memory{}
	part, err := build(t, load.NewSink(store), a, textBatch(a, 1, nil, strings.Repeat("a", 257), "b"))
	if err != nil {
		t.Fatal(err)
	}
	chunk := inspect(t, store, part.Files[0]).Groups[0].Chunks[0]
	if chunk.Min != nil || chunk.Max == nil || *chunk.Max != "b" || chunk.Nulls == nil || *chunk.Nulls != 0 {
		t.Errorf("%+v", chunk)
	}
}

// A count of distinct values that nobody made must not stand in the footer: arrow's own writer states 0.
func TestNoDistinctValuesAreStated(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	store := &storetest.Memory{}
	part, err := build(t, load.NewSink(store), a, textBatch(a, 1, nil, "x", "y"))
	if err != nil {
		t.Fatal(err)
	}
	if ours, _ := store.StagedBytes(part.Files[0].Staging); statesDistinct(t, ours) {
		t.Error("the file states a distinct count")
	}
}

func statesDistinct(t *testing.T, b []byte) bool {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := r.RowGroup(0).GetColumnPageReader(0)
	if err != nil || !pages.Next() {
		t.Fatal(err, pages.Err())
	}
	page, ok := pages.Page().(file.DataPage)
	if !ok {
		t.Fatalf("a %T instead of a data page", pages.Page())
	}
	stats := page.Statistics()
	return r.MetaData().RowGroups[0].Columns[0].MetaData.Statistics.DistinctCount != nil || stats.HasDistinctCount
}

// v17 panics when the first write of a file fails.
func TestFirstWriteFails(t *testing.T) {
	full := errors.New("the disk is full")
	a := newAccount(chatferry.Visitors)
	store := &storetest.Memory{OnWrite: func(int, []byte) (int, int, error) { return 0, 0, full }}
	if _, err := build(t, load.NewSink(store), a, textBatch(a, 1, nil, "x")); !errors.Is(err, full) {
		t.Error(err)
	}
	if open, staged, _ := store.Left(); open != 0 || staged != 0 {
		t.Errorf("%d open, %d staged are left", open, staged)
	}
}

// v17 closes a sink that can be closed, before its bytes are durable.
func TestSinkCannotBeClosed(t *testing.T) {
	if _, ok := load.NewHashingSink(nil).(interface{ Close() error }); ok {
		t.Error("the sink is an io.Closer")
	}
}

// v17 counts the bytes of a column's page in 32 bits. Lengths beyond are refused before they reach it.
func TestTooMuchTextInOneBatch(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	for most, good := range map[int64]bool{9: false, 10: true} {
		store := &storetest.Memory{}
		sink := load.NewSink(store)
		sink.SetColumnBytes(most)
		_, err := build(t, sink, a, textBatch(a, 1, nil, "12345", "67890"))
		if good != (err == nil) || !good && chatferry.HintOf(err) == "" {
			t.Errorf("10 bytes where %d are allowed: %v", most, err)
		}
	}
}

// A null list that claims elements has no Parquet form.
func TestNullListWithElementsIsRefused(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	b := columnsBatch(a, false, true, 1)
	list := b.Rows[0].Record.Column(3).(*array.List)
	valid := make([]byte, 8) // all null
	data := array.NewData(list.DataType(), list.Len(), []*memory.Buffer{memory.NewBufferBytes(valid), list.Data().Buffers()[1]},
		[]arrow.ArrayData{list.ListValues().Data()}, list.Len(), 0)
	columns := append([]arrow.Array(nil), b.Rows[0].Record.Columns()...)
	columns[3] = array.NewListData(data)
	b.Rows[0].Record = array.NewRecord(b.Rows[0].Record.Schema(), columns, 60)
	if _, err := build(t, load.NewSink(&storetest.Memory{}), a, b); err == nil || !strings.Contains(err.Error(), "null list") {
		t.Errorf("sealed, or another error: %v", err)
	}
}

// A column that a schema calls required must not hold nulls: v17 would write the memory below them.
func TestNullInARequiredColumnIsRefused(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	b := columnsBatch(a, false, true, 1)
	fields := b.Rows[0].Record.Schema().Fields()
	for i := range fields {
		fields[i].Nullable = false
	}
	rec := b.Rows[0].Record
	b.Rows[0].Record = array.NewRecord(arrow.NewSchema(fields, nil), rec.Columns(), rec.NumRows())
	if _, err := build(t, load.NewSink(&storetest.Memory{}), a, b); err == nil || !strings.Contains(err.Error(), "required") {
		t.Errorf("sealed, or another error: %v", err)
	}
}

// Row groups end by Arrow bytes and by rows, and a Batch beyond the limits is divided.
func TestRowGroupsEnd(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	for _, tt := range []struct {
		bytes, rows int64
		batches     []int // values of 100 bytes
		want        []int64
	}{
		{1 << 20, 100, []int{40, 40, 40, 100, 1}, []int64{80, 40, 100, 1}},
		{1 << 20, 100, []int{250}, []int64{84, 84, 82}},
		{10_000, 1000, []int{30, 30, 30, 30}, []int64{60, 60}},
		{10_000, 1000, []int{200}, []int64{67, 67, 66}},
		{100, 1000, []int{3}, []int64{1, 1, 1}},
		{1 << 20, 1000, []int{1}, []int64{1}},
	} {
		store := &storetest.Memory{}
		sink := load.NewSink(store)
		sink.SetLayout(tt.bytes, tt.rows, 1<<20)
		var batches []*chatferry.Batch
		for i, n := range tt.batches {
			values := make([]string, n)
			for j := range values {
				values[j] = fmt.Sprintf("%0100d", j)
			}
			batches = append(batches, textBatch(a, i, nil, values...))
		}
		part, err := build(t, sink, a, batches...)
		if err != nil {
			t.Errorf("%v: %v", tt.batches, err)
			continue
		}
		var got []int64
		for _, g := range inspect(t, store, part.Files[0]).Groups {
			got = append(got, g.Rows)
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%v by %d bytes and %d rows: row groups %v, want %v", tt.batches, tt.bytes, tt.rows, got, tt.want)
		}
	}
}
