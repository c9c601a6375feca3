package endtoend

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go"

	"chatferry"
	"chatferry/transform"
)

// leaf is a column of a Parquet file.
type leaf struct {
	name                   string
	definition, repetition int // levels of a value that is there
}

// readParquet calls each for every row of a Parquet file, column by column in the order of the file's leaves. The file
// is decoded by parquet-go, which shares no code with what wrote it.
func readParquet(t *testing.T, name string, data []byte, each func(leaves []leaf, row [][]parquet.Value)) {
	t.Helper()
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var leaves []leaf
	for _, path := range file.Schema().Columns() {
		c, ok := file.Schema().Lookup(path...)
		if !ok {
			t.Fatalf("%s: no column %v", name, path)
		}
		leaves = append(leaves, leaf{path[0], c.MaxDefinitionLevel, c.MaxRepetitionLevel})
	}
	buf := make([]parquet.Row, 64)
	cells := make([][]parquet.Value, len(leaves))
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		for {
			n, err := rows.ReadRows(buf)
			for _, row := range buf[:n] {
				clear(cells)
				row.Range(func(c int, values []parquet.Value) bool {
					cells[c] = values
					return true
				})
				each(leaves, cells)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// readTable reads a file of a table into an Arrow record of the table's own schema, from which records are rebuilt. The
// caller releases it.
func readTable(t *testing.T, table chatferry.Table, name string, data []byte) arrow.Record {
	t.Helper()
	schema := transform.Schema(table)
	b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	defer b.Release()
	checked := false
	readParquet(t, name, data, func(leaves []leaf, row [][]parquet.Value) {
		if !checked {
			checked = true
			if len(leaves) != schema.NumFields() {
				t.Fatalf("%s has %d columns, the schema %d", name, len(leaves), schema.NumFields())
			}
			for i, l := range leaves {
				if l.name != schema.Field(i).Name {
					t.Fatalf("column %d of %s is %s, in the schema %s", i, name, l.name, schema.Field(i).Name)
				}
			}
		}
		for i, l := range leaves {
			appendCell(t, b.Field(i), l, row[i])
		}
	})
	return b.NewRecord()
}

func appendCell(t *testing.T, to array.Builder, l leaf, values []parquet.Value) {
	t.Helper()
	if list, ok := to.(*array.ListBuilder); ok {
		// Levels of an optional list of optional elements: no list, no element, a null element, an element.
		switch depth := values[0].DefinitionLevel(); {
		case l.definition != 3 || l.repetition != 1:
			t.Fatalf("column %s has levels %d and %d", l.name, l.definition, l.repetition)
		case depth == 0:
			list.AppendNull()
		case depth == 1:
			list.AppendEmptyValue()
		default:
			list.Append(true)
			for _, v := range values {
				appendScalar(t, list.ValueBuilder(), v)
			}
		}
		return
	}
	if len(values) != 1 {
		t.Fatalf("column %s has %d values in one row", l.name, len(values))
	}
	appendScalar(t, to, values[0])
}

func appendScalar(t *testing.T, to array.Builder, v parquet.Value) {
	t.Helper()
	if v.IsNull() {
		to.AppendNull()
		return
	}
	want := parquet.ByteArray
	switch to := to.(type) {
	case *array.StringBuilder:
		to.Append(string(v.ByteArray()))
	case *array.Int64Builder:
		want = parquet.Int64
		to.Append(v.Int64())
	case *array.TimestampBuilder:
		want = parquet.Int64
		to.Append(arrow.Timestamp(v.Int64()))
	case *array.Int32Builder:
		want = parquet.Int32
		to.Append(v.Int32())
	case *array.Float64Builder:
		want = parquet.Double
		to.Append(v.Double())
	case *array.BooleanBuilder:
		want = parquet.Boolean
		to.Append(v.Boolean())
	case *array.FixedSizeBinaryBuilder:
		want = parquet.FixedLenByteArray
		to.Append(v.ByteArray())
	default:
		t.Fatalf("a column of type %s", to.Type())
	}
	if v.Kind() != want {
		t.Fatalf("a column of %s holds %s", to.Type(), v.Kind())
	}
}
