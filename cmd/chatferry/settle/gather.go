package settle

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// gather makes a record of some rows of another one, in the same order. The caller releases it.
func gather(rec arrow.Record, rows []int) (arrow.Record, error) {
	if int64(len(rows)) == rec.NumRows() {
		rec.Retain()
		return rec, nil
	}
	columns := make([]arrow.Array, 0, rec.NumCols())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, c := range rec.Columns() {
		b := array.NewBuilder(memory.DefaultAllocator, c.DataType())
		b.Reserve(len(rows))
		err := appendRows(b, c, rows)
		if err == nil {
			columns = append(columns, b.NewArray())
		}
		b.Release()
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", rec.ColumnName(i), err)
		}
	}
	return array.NewRecord(rec.Schema(), columns, int64(len(rows))), nil
}

func appendRows(b array.Builder, c arrow.Array, rows []int) error {
	switch c := c.(type) {
	case *array.Int64:
		appendValues(b.(*array.Int64Builder), c, rows)
	case *array.Int32:
		appendValues(b.(*array.Int32Builder), c, rows)
	case *array.Float64:
		appendValues(b.(*array.Float64Builder), c, rows)
	case *array.Timestamp:
		appendValues(b.(*array.TimestampBuilder), c, rows)
	case *array.Boolean:
		appendValues(b.(*array.BooleanBuilder), c, rows)
	case *array.FixedSizeBinary:
		appendValues(b.(*array.FixedSizeBinaryBuilder), c, rows)
	case *array.String:
		appendStrings(b.(*array.StringBuilder), c, rows)
	case *array.List:
		return appendLists(b.(*array.ListBuilder), c, rows)
	default:
		return fmt.Errorf("no table has columns of type %s", c.DataType())
	}
	return nil
}

// appendValues appends the values of some rows.
func appendValues[T any](b interface {
	Append(T)
	AppendNull()
}, c interface {
	IsNull(int) bool
	Value(int) T
}, rows []int,
) {
	for _, r := range rows {
		if c.IsNull(r) {
			b.AppendNull()
		} else {
			b.Append(c.Value(r))
		}
	}
}

func appendStrings(b *array.StringBuilder, c *array.String, rows []int) {
	bytes := 0
	for _, r := range rows {
		bytes += c.ValueLen(r)
	}
	b.ReserveData(bytes)
	appendValues(b, c, rows)
}

func appendLists(b *array.ListBuilder, c *array.List, rows []int) error {
	var elements []int
	for _, r := range rows {
		if c.IsNull(r) {
			b.AppendNull()
			continue
		}
		b.Append(true)
		from, to := c.ValueOffsets(r)
		elements = elements[:0]
		for i := from; i < to; i++ {
			elements = append(elements, int(i))
		}
		if err := appendRows(b.ValueBuilder(), c.ListValues(), elements); err != nil {
			return err
		}
	}
	return nil
}
