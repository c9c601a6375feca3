package load

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// arrowBytes is about how many bytes the rows of a record take in memory.
func arrowBytes(rec arrow.Record) int64 {
	var n int64
	for _, c := range rec.Columns() {
		n += columnBytes(c)
	}
	return n
}

func columnBytes(a arrow.Array) int64 {
	rows := int64(a.Len())
	if rows == 0 {
		return 0
	}
	switch a := a.(type) {
	case *array.String:
		return 4*rows + stringBytes(a)
	case *array.List:
		offsets := a.Offsets()[a.Data().Offset():]
		values := a.ListValues()
		elems := array.NewSlice(values, int64(offsets[0]), int64(offsets[a.Len()]))
		defer elems.Release()
		return 4*rows + columnBytes(elems)
	case *array.Boolean:
		return rows/8 + 1
	}
	if w, ok := a.DataType().(arrow.FixedWidthDataType); ok {
		return rows * int64(w.BitWidth()) / 8
	}
	return rows * 8
}

// stringBytes is the length of all values of a string column together.
func stringBytes(a *array.String) int64 {
	if a.Len() == 0 {
		return 0
	}
	return int64(a.ValueOffset(a.Len()) - a.ValueOffset(0))
}
