package load_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"chatferry"
	"chatferry/load"
	"chatferry/load/storetest"
)

// show gives a value of an Arrow column as text, exactly.
func show(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "null"
	}
	switch a := a.(type) {
	case *array.String:
		return fmt.Sprintf("%q", a.Value(i))
	case *array.Int64:
		return fmt.Sprint(a.Value(i))
	case *array.Int32:
		return fmt.Sprint(a.Value(i))
	case *array.Timestamp:
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Boolean:
		return fmt.Sprint(a.Value(i))
	case *array.Float64:
		return fmt.Sprintf("%016x", math.Float64bits(a.Value(i)))
	case *array.FixedSizeBinary:
		return fmt.Sprintf("%q", a.Value(i))
	case *array.List:
		start, end := a.ValueOffsets(i)
		var parts []string
		for j := start; j < end; j++ {
			parts = append(parts, show(a.ListValues(), int(j)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	panic(fmt.Sprintf("a column of type %s", a.DataType()))
}

// showRow does the same for a row of parquet-go. base is the definition level of an empty list, -1 for flat columns.
func showRow(row parquet.Row, base []int) []string {
	out := make([]string, len(base))
	row.Range(func(c int, values []parquet.Value) bool {
		if base[c] < 0 {
			out[c] = showValue(values[0])
			return true
		}
		if d := values[0].DefinitionLevel(); d <= base[c] {
			out[c] = map[bool]string{true: "[]", false: "null"}[d == base[c]]
			return true
		}
		var parts []string
		for _, v := range values {
			parts = append(parts, showValue(v))
		}
		out[c] = "[" + strings.Join(parts, " ") + "]"
		return true
	})
	return out
}

func showValue(v parquet.Value) string {
	switch {
	case v.IsNull():
		return "null"
	case v.Kind() == parquet.ByteArray || v.Kind() == parquet.FixedLenByteArray:
		return fmt.Sprintf("%q", v.ByteArray())
	case v.Kind() == parquet.Double:
		return fmt.Sprintf("%016x", math.Float64bits(v.Double()))
	case v.Kind() == parquet.Boolean:
		return fmt.Sprint(v.Boolean())
	case v.Kind() == parquet.Int32:
		return fmt.Sprint(v.Int32())
	default:
		return fmt.Sprint(v.Int64())
	}
}

// Another Parquet implementation reads the same values, types, null counts, minima and maxima.
func TestAnotherReaderAgrees(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		batches, records       int
		groupBytes, rows, page int64
		nulls                  float64
	}{
		{"one group", 2, 200, 1 << 20, 1 << 20, 1 << 20, 0.3},
		{"many groups and pages", 4, 200, 1 << 20, 250, 1 << 10, 0.3},
		{"groups cut by bytes", 4, 200, 100 << 10, 1 << 20, 4 << 10, 0.3},
		{"Batches larger than a group", 2, 400, 1 << 20, 150, 1 << 10, 0.3},
		{"rows within one page", 2, 1200, 32 << 20, 1 << 20, 1 << 20, 0.1},
		{"no nulls", 3, 300, 1 << 20, 500, 1 << 10, 0},
		{"nulls only", 2, 300, 1 << 20, 500, 1 << 10, 1},
		{"one row", 1, 1, 1 << 20, 500, 1 << 10, 0.5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAccount(chatferry.Chats)
			a.nulls = tt.nulls
			store := &storetest.Memory{}
			sink := load.NewSink(store)
			sink.SetLayout(tt.groupBytes, tt.rows, tt.page)
			want := map[chatferry.Table][][]string{}
			var batches []*chatferry.Batch
			for seed := range tt.batches {
				b := a.batch(uint64(seed+2), tt.records)
				batches = append(batches, b)
				for _, r := range b.Rows {
					for i := range int(r.Record.NumRows()) {
						var row []string
						for _, c := range r.Record.Columns() {
							row = append(row, show(c, i))
						}
						want[r.Table] = append(want[r.Table], row)
					}
				}
			}
			part, err := build(t, sink, a, batches...)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range part.Files {
				if f.Kind != chatferry.FileRows {
					continue
				}
				b, _ := store.StagedBytes(f.Staging)
				checkRows(t, f, b, want[f.Table])
			}
		})
	}
}

func checkRows(t *testing.T, f chatferry.PartFile, b []byte, want [][]string) {
	t.Helper()
	file, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	base := make([]int, len(file.Schema().Columns()))
	for i, path := range file.Schema().Columns() {
		leaf, _ := file.Schema().Lookup(path...)
		base[i] = -1
		if len(path) > 1 {
			base[i] = leaf.MaxDefinitionLevel - 2
		}
	}
	n := 0
	for g, group := range file.RowGroups() {
		from := n
		rows := group.Rows()
		buf := make([]parquet.Row, 64)
		for {
			k, err := rows.ReadRows(buf)
			for _, row := range buf[:k] {
				if n >= len(want) {
					t.Fatalf("%s: more than %d rows", f.Name, len(want))
				}
				if got := showRow(row, base); !slices.Equal(got, want[n]) {
					t.Fatalf("%s row %d:\n%v\nwant\n%v", f.Name, n, got, want[n])
				}
				n++
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
		}
		rows.Close()
		checkStatistics(t, f, file, g, want[from:n])
	}
	if n != len(want) || int64(n) != f.Rows {
		t.Errorf("%s: %d rows, want %d, recorded %d", f.Name, n, len(want), f.Rows)
	}
}

// checkStatistics compares null counts, minima and maxima as parquet-go decodes them with the values themselves.
func checkStatistics(t *testing.T, f chatferry.PartFile, file *parquet.File, g int, rows [][]string) {
	t.Helper()
	for c, path := range file.Schema().Columns() {
		leaf, _ := file.Schema().Lookup(path...)
		s := file.Metadata().RowGroups[g].Columns[c].MetaData.Statistics
		if len(path) > 1 || path[0] == "message" || path[0] == "_extra" || path[0] == "msg" {
			if s.MinValue != nil || s.MaxValue != nil {
				t.Errorf("%s: column %s has statistics", f.Name, path[0])
			}
			continue
		}
		kind := leaf.Node.Type().Kind()
		nulls, values := int64(0), []parquet.Value{}
		for _, row := range rows {
			if row[c] == "null" {
				nulls++
			} else {
				values = append(values, parseValue(t, kind, row[c]))
			}
		}
		if s.NullCount != nulls || s.DistinctCount != 0 {
			t.Errorf("%s group %d column %s: %d nulls, want %d", f.Name, g, path[0], s.NullCount, nulls)
		}
		if len(values) == 0 {
			if s.MinValue != nil || s.MaxValue != nil {
				t.Errorf("%s group %d column %s: a minimum of no values", f.Name, g, path[0])
			}
			continue
		}
		compare := leaf.Node.Type().Compare
		lo, hi := slices.MinFunc(values, compare), slices.MaxFunc(values, compare)
		for what, b := range map[string]struct {
			plain []byte
			want  parquet.Value
		}{"minimum": {s.MinValue, lo}, "maximum": {s.MaxValue, hi}} {
			if len(b.want.Bytes()) > 256 && b.plain == nil {
				continue // too long to be kept
			}
			if b.plain == nil || compare(kind.Value(b.plain), b.want) != 0 {
				t.Errorf("%s group %d column %s: %s %v, want %v", f.Name, g, path[0], what, b.plain, b.want)
			}
		}
	}
}

func parseValue(t *testing.T, kind parquet.Kind, s string) parquet.Value {
	t.Helper()
	var i int64
	var u uint64
	var text string
	var err error
	switch kind {
	case parquet.Boolean:
		return parquet.BooleanValue(s == "true")
	case parquet.Double:
		_, err = fmt.Sscanf(s, "%x", &u)
		if err == nil {
			return parquet.DoubleValue(math.Float64frombits(u))
		}
	case parquet.Int32:
		if _, err = fmt.Sscan(s, &i); err == nil {
			return parquet.Int32Value(int32(i))
		}
	case parquet.Int64:
		if _, err = fmt.Sscan(s, &i); err == nil {
			return parquet.Int64Value(i)
		}
	default:
		if _, err = fmt.Sscanf(s, "%q", &text); err == nil {
			return parquet.ByteArrayValue([]byte(text))
		}
	}
	t.Fatalf("%s: %v", s, err)
	return parquet.Value{}
}

func TestSchemaOfFiles(t *testing.T) {
	a := newAccount(chatferry.Chats)
	store := &storetest.Memory{}
	part, err := build(t, load.NewSink(store), a, a.batch(1, 300))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := store.StagedBytes(part.Files[0].Staging)
	file, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	meta := file.Metadata()
	root := meta.Schema[0]
	if !root.RepetitionType.Valid || root.RepetitionType.V.String() != "REQUIRED" {
		t.Errorf("the root is %v: strict readers refuse it", root.RepetitionType)
	}
	if len(meta.KeyValueMetadata) != 0 {
		t.Errorf("metadata %v", meta.KeyValueMetadata)
	}
	if meta.CreatedBy != "chatferry version 1.0.0" {
		t.Errorf("created by %q", meta.CreatedBy)
	}
	for _, s := range []string{"chatferry.dictionary", "is not written", "ARROW:schema"} {
		if bytes.Contains(b, []byte(s)) {
			t.Errorf("the file holds %q", s)
		}
	}
	types := map[string]string{
		"timestamp": "TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)", "id": "STRING", "index": "INT(32,true)", "count": "INT(64,true)",
	}
	for _, f := range file.Schema().Fields() {
		if want, ok := types[f.Name()]; ok && f.Type().String() != want {
			t.Errorf("column %s is %s, want %s", f.Name(), f.Type(), want)
		}
		if f.Name() == "id" && f.Optional() || f.Name() == "status" && !f.Optional() {
			t.Errorf("column %s: optional %v", f.Name(), f.Optional())
		}
	}
	leaf, ok := file.Schema().Lookup("tags", "list", "element")
	if !ok || !leaf.Node.Optional() || leaf.MaxDefinitionLevel != 3 || leaf.MaxRepetitionLevel != 1 {
		t.Errorf("tags: %+v %v", leaf, ok)
	}
	for _, c := range meta.RowGroups[0].Columns {
		name := c.MetaData.PathInSchema[0]
		dict := slices.ContainsFunc(c.MetaData.Encoding, func(e format.Encoding) bool { return strings.Contains(e.String(), "DICT") })
		// Hinted columns have one always, other strings if it pays, numbers never.
		if always, never := name == "status" || name == "kind", name == "id" || name == "timestamp" || name == "index"; dict && never || !dict && always {
			t.Errorf("column %s: dictionary %v", name, dict)
		}
		if c.MetaData.Codec.String() != "ZSTD" {
			t.Errorf("column %s: codec %s", name, c.MetaData.Codec)
		}
	}
}
