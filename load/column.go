package load

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// columnLevels holds the definition and repetition levels of one column of one Batch, and is reused for the next. The
// encoder takes the levels in at once and keeps no reference.
type columnLevels struct {
	def, rep []int16
}

// write appends one Arrow column to one Parquet column of a buffered row group.
//
// Definition levels count how far a value is present. Flat: 0 null, 1 value; none where the column is required.
// List with nullable elements, counted from base (1 where the list itself may be null, else 0): base-1 null list,
// base empty list, base+1 null element, base+2 element.
func (l *columnLevels) write(ctx context.Context, cw file.ColumnChunkWriter, f arrow.Field, arr arrow.Array) error {
	n := arr.Len()
	if n == 0 {
		return nil
	}
	if !f.Nullable && arr.NullN() > 0 {
		return fmt.Errorf("%d nulls in a required column", arr.NullN())
	}
	list, ok := arr.(*array.List)
	if !ok {
		if !f.Nullable {
			return pqarrow.WriteArrowToColumn(ctx, cw, withStringData(arr), nil, nil, false)
		}
		l.flat(arr)
		return pqarrow.WriteArrowToColumn(ctx, cw, withStringData(arr), l.def, nil, true)
	}
	from, to, err := l.list(list, f.Nullable)
	if err != nil {
		return err
	}
	elems := array.NewSlice(list.ListValues(), from, to)
	defer elems.Release()
	return pqarrow.WriteArrowToColumn(ctx, cw, withStringData(elems), l.def, l.rep, true)
}

func (l *columnLevels) flat(arr arrow.Array) {
	l.def = l.def[:0]
	if arr.NullN() == 0 {
		for range arr.Len() {
			l.def = append(l.def, 1)
		}
		return
	}
	for i := range arr.Len() {
		if arr.IsNull(i) {
			l.def = append(l.def, 0)
		} else {
			l.def = append(l.def, 1)
		}
	}
}

// list makes the levels of a list column and returns the range of the elements that its rows cover.
func (l *columnLevels) list(a *array.List, nullable bool) (from, to int64, err error) {
	l.def, l.rep = l.def[:0], l.rep[:0]
	base := int16(0)
	if nullable {
		base = 1
	}
	elems := a.ListValues()
	offsets := a.Offsets()[a.Data().Offset():]
	for i := range a.Len() {
		start, end := offsets[i], offsets[i+1]
		switch {
		case a.IsNull(i):
			if start != end {
				return 0, 0, fmt.Errorf("row %d is a null list with %d elements", i, end-start)
			}
			l.def, l.rep = append(l.def, base-1), append(l.rep, 0)
		case start == end:
			l.def, l.rep = append(l.def, base), append(l.rep, 0)
		default:
			for j := start; j < end; j++ {
				d, r := base+2, int16(1)
				if elems.IsNull(int(j)) {
					d = base + 1
				}
				if j == start {
					r = 0
				}
				l.def, l.rep = append(l.def, d), append(l.rep, r)
			}
		}
	}
	return int64(offsets[0]), int64(offsets[a.Len()]), nil
}

// withStringData returns arr, or an equal string column whose data buffer is not nil. Of a column of empty strings only,
// the buffer may be nil; v17's statistics would take its values for nulls and name a minimum that is too great.
func withStringData(arr arrow.Array) arrow.Array {
	s, ok := arr.(*array.String)
	if !ok {
		return arr
	}
	buffers := s.Data().Buffers()
	if buffers[2] != nil && buffers[2].Bytes() != nil {
		return arr
	}
	data := array.NewData(s.DataType(), s.Len(), []*memory.Buffer{buffers[0], buffers[1], memory.NewBufferBytes([]byte{})}, nil, s.NullN(), s.Data().Offset())
	defer data.Release()
	return array.NewStringData(data)
}

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
