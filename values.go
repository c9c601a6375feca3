package chatferry

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// ValuesDigest is the order-free sum over the rows of SHA-256(row), where row is the values of all columns in the order
// of the schema: one byte 0 for null or 1, then for integers, booleans and timestamps the value as 8 bytes
// little-endian, for floats their IEEE 754 bits, for strings and binaries the length as 8 bytes followed by the bytes,
// and for lists the length as 8 bytes followed by the elements in this same form.
//
// It is taken of what was handed to the Parquet writer and again of what a reader gets back, so that both agree on
// values, not only on counts. A column of a type that no table uses is an error.
func ValuesDigest(rec arrow.Record) (Digest, error) {
	var d Digest
	cols := make([]valueColumn, rec.NumCols())
	for i, c := range rec.Columns() {
		var err error
		if cols[i], err = newValueColumn(c); err != nil {
			return d, fmt.Errorf("column %s: %w", rec.ColumnName(i), err)
		}
	}
	var row []byte
	for r := range int(rec.NumRows()) {
		row = row[:0]
		for i := range cols {
			row = cols[i].append(row, r)
		}
		sum := sha256.Sum256(row)
		d.Add(&sum)
	}
	return d, nil
}

// valueColumn reads one column without an interface call per value.
type valueColumn struct {
	arr     arrow.Array
	i64     []int64
	i32     []int32
	f64     []float64
	str     *array.String
	boolean *array.Boolean
	fixed   *array.FixedSizeBinary
	offsets []int32 // of a list
	elem    *valueColumn
}

func newValueColumn(a arrow.Array) (valueColumn, error) {
	c := valueColumn{arr: a}
	switch a := a.(type) {
	case *array.Int64:
		c.i64 = a.Int64Values()
	case *array.Timestamp:
		v := a.TimestampValues()
		c.i64 = make([]int64, len(v))
		for i, t := range v {
			c.i64[i] = int64(t)
		}
	case *array.Int32:
		c.i32 = a.Int32Values()
	case *array.Float64:
		c.f64 = a.Float64Values()
	case *array.String:
		c.str = a
	case *array.Boolean:
		c.boolean = a
	case *array.FixedSizeBinary:
		c.fixed = a
	case *array.List:
		c.offsets = a.Offsets()
		elem, err := newValueColumn(a.ListValues())
		if err != nil {
			return c, err
		}
		c.elem = &elem
	default:
		return c, fmt.Errorf("type %s has no digest", a.DataType())
	}
	return c, nil
}

func (c *valueColumn) append(b []byte, r int) []byte {
	if c.arr.IsNull(r) {
		return append(b, 0)
	}
	b = append(b, 1)
	switch {
	case c.i64 != nil:
		return binary.LittleEndian.AppendUint64(b, uint64(c.i64[r]))
	case c.i32 != nil:
		return binary.LittleEndian.AppendUint64(b, uint64(int64(c.i32[r])))
	case c.f64 != nil:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(c.f64[r]))
	case c.str != nil:
		s := c.str.Value(r)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
		return append(b, s...)
	case c.boolean != nil:
		if c.boolean.Value(r) {
			return binary.LittleEndian.AppendUint64(b, 1)
		}
		return binary.LittleEndian.AppendUint64(b, 0)
	case c.fixed != nil:
		v := c.fixed.Value(r)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(v)))
		return append(b, v...)
	default:
		at := r + c.arr.Data().Offset()
		from, to := c.offsets[at], c.offsets[at+1]
		b = binary.LittleEndian.AppendUint64(b, uint64(to-from))
		for i := from; i < to; i++ {
			b = c.elem.append(b, int(i))
		}
		return b
	}
}
