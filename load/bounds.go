package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// bounds takes the minimum, the maximum and the nulls of every flat column of a row group as it is read back, to hold the
// file's statistics against them: a reader that believes false statistics skips rows in silence.
type bounds struct {
	names   []string
	columns []columnBounds
}

type columnBounds struct {
	flat     bool
	nulls    int64
	any      bool
	min, max []byte  // plain encoding of strings, binaries and booleans
	imin     int64   // integers and timestamps
	imax     int64   //
	fmin     float64 // floats other than NaN
	fmax     float64
	kind     arrow.Type
}

func newBounds(s *arrow.Schema) *bounds {
	b := &bounds{columns: make([]columnBounds, s.NumFields())}
	for i, f := range s.Fields() {
		b.names = append(b.names, f.Name)
		b.columns[i] = columnBounds{kind: f.Type.ID(), flat: f.Type.ID() != arrow.LIST}
	}
	return b
}

func (b *bounds) add(rec arrow.Record) {
	for i := range b.columns {
		if c := &b.columns[i]; c.flat {
			c.add(rec.Column(i))
		}
	}
}

func (c *columnBounds) add(a arrow.Array) {
	c.nulls += int64(a.NullN())
	for i := range a.Len() {
		if a.IsNull(i) {
			continue
		}
		switch a := a.(type) {
		case *array.Int64:
			c.integer(a.Value(i))
		case *array.Int32:
			c.integer(int64(a.Value(i)))
		case *array.Timestamp:
			c.integer(int64(a.Value(i)))
		case *array.Float64:
			c.float(a.Value(i))
		case *array.String:
			c.text(a.Value(i))
		case *array.FixedSizeBinary:
			c.text(string(a.Value(i)))
		case *array.Boolean:
			if a.Value(i) {
				c.text("\x01")
			} else {
				c.text("\x00")
			}
		}
	}
}

func (c *columnBounds) integer(v int64) {
	if !c.any {
		c.imin, c.imax, c.any = v, v, true
	}
	c.imin, c.imax = min(c.imin, v), max(c.imax, v)
}

func (c *columnBounds) float(v float64) {
	if math.IsNaN(v) {
		return
	}
	if !c.any {
		c.fmin, c.fmax, c.any = v, v, true
	}
	c.fmin, c.fmax = min(c.fmin, v), max(c.fmax, v)
}

func (c *columnBounds) text(v string) {
	if !c.any {
		c.min, c.max, c.any = append(c.min[:0], v...), append(c.max[:0], v...), true
		return
	}
	if v < string(c.min) {
		c.min = append(c.min[:0], v...)
	}
	if v > string(c.max) {
		c.max = append(c.max[:0], v...)
	}
}

// endGroup compares the bounds with the statistics of a row group and starts the next one.
func (b *bounds) endGroup(r *RowReader, group int) error {
	if group >= r.file.NumRowGroups() {
		return nil
	}
	chunks := r.file.MetaData().RowGroups[group].Columns
	for i := range b.columns {
		c := &b.columns[i]
		s := chunks[i].MetaData.Statistics
		if s != nil {
			err := c.compare(s.NullCount, s.DistinctCount, s.MinValue, s.MaxValue)
			if err != nil {
				return fmt.Errorf("the statistics of column %s in row group %d are not true: %w", b.names[i], group, err)
			}
		}
		*c = columnBounds{kind: c.kind, flat: c.flat, min: c.min, max: c.max}
	}
	return nil
}

func (c *columnBounds) compare(nulls, distinct *int64, lo, hi []byte) error {
	switch {
	case distinct != nil:
		return fmt.Errorf("%d distinct values, which nobody counted", *distinct)
	case !c.flat:
		return fmt.Errorf("a list has statistics")
	case nulls != nil && *nulls != c.nulls:
		return fmt.Errorf("%d nulls instead of %d", *nulls, c.nulls)
	case !c.any && (lo != nil || hi != nil):
		return fmt.Errorf("a minimum or maximum of no values")
	case !c.same(lo, c.imin, c.fmin, c.min):
		return fmt.Errorf("another minimum")
	case !c.same(hi, c.imax, c.fmax, c.max):
		return fmt.Errorf("another maximum")
	}
	return nil
}

// same compares one bound in Parquet's plain encoding with the value found. A bound that is absent states nothing.
func (c *columnBounds) same(plain []byte, i int64, f float64, b []byte) bool {
	if plain == nil {
		return true
	}
	switch c.kind {
	case arrow.INT64, arrow.TIMESTAMP:
		return len(plain) == 8 && int64(binary.LittleEndian.Uint64(plain)) == i
	case arrow.INT32:
		return len(plain) == 4 && int64(int32(binary.LittleEndian.Uint32(plain))) == i
	case arrow.FLOAT64: // of the two zeros, Parquet wants the outer one
		return len(plain) == 8 && math.Float64frombits(binary.LittleEndian.Uint64(plain)) == f
	default:
		return bytes.Equal(plain, b)
	}
}
