package chatferry

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// valueColumn is one column, in one form for all types.
type valueColumn struct {
	absent  int // not 0: so many columns side by side without a value in any row
	nulls   int
	n       int
	valid   []byte // bitmap, from bit at on; only if there are some nulls
	at      int
	width   int // of a value with its first byte: 9 or 1+8+32; 0 for strings and lists
	i64     []int64
	i32     []int32
	f64     []float64
	bools   []byte // bitmap, from bit at on
	fixed   []byte
	offsets []int32 // of strings into text, of lists into the elements
	text    []byte
	elem    *valueColumn
}

func newValueColumn(a arrow.Array) (valueColumn, error) {
	c := valueColumn{n: a.Len(), nulls: a.NullN(), at: a.Data().Offset(), width: 9}
	if c.n == 0 {
		return c, nil
	}
	if c.nulls > 0 {
		c.valid = a.NullBitmapBytes()
	}
	switch a := a.(type) {
	case *array.Int64:
		c.i64 = a.Int64Values()
	case *array.Timestamp:
		c.i64 = arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues()))
	case *array.Int32:
		c.i32 = a.Int32Values()
	case *array.Float64:
		c.f64 = a.Float64Values()
	case *array.Boolean:
		c.bools = a.Data().Buffers()[1].Bytes()
	case *array.FixedSizeBinary:
		w := a.DataType().(*arrow.FixedSizeBinaryType).ByteWidth
		c.width, c.fixed = 9+w, a.Data().Buffers()[1].Bytes()[w*c.at:]
	case *array.String:
		c.width, c.offsets = 0, a.ValueOffsets()
		if b := a.Data().Buffers()[2]; b != nil {
			c.text = b.Bytes()
		}
	case *array.List:
		c.width, c.offsets = 0, a.Offsets()[c.at:]
		elem, err := newValueColumn(a.ListValues())
		if err != nil {
			return c, err
		}
		if last := int(c.offsets[c.n]); last > elem.n { // of a damaged file
			return c, fmt.Errorf("lists of %d elements hold %d", last, elem.n)
		}
		c.elem = &elem
	default:
		return c, fmt.Errorf("type %s has no digest", a.DataType())
	}
	return c, nil
}

// joined makes one of columns side by side that hold nothing.
func joined(cols []valueColumn) []valueColumn {
	out := cols[:0]
	for _, c := range cols {
		if c.nulls < c.n || c.n == 0 {
			out = append(out, c)
			continue
		}
		if n := len(out); n > 0 && out[n-1].absent > 0 {
			out[n-1].absent++
			continue
		}
		out = append(out, valueColumn{absent: 1, n: c.n, nulls: c.n})
	}
	return out
}

func (c *valueColumn) null(r int) bool {
	return c.nulls > 0 && c.valid[(c.at+r)>>3]>>((c.at+r)&7)&1 == 0
}

func (c *valueColumn) size(r int) int {
	switch {
	case c.null(r):
		return 1
	case c.width > 0:
		return c.width
	case c.elem == nil:
		return 9 + int(c.offsets[r+1]-c.offsets[r])
	}
	n := 9
	for i := c.offsets[r]; i < c.offsets[r+1]; i++ {
		n += c.elem.size(int(i))
	}
	return n
}

// put writes the value of row r at p and returns the place behind it.
func (c *valueColumn) put(b []byte, p, r int) int {
	if c.null(r) {
		b[p] = 0
		return p + 1
	}
	b[p] = 1
	var word uint64
	switch {
	case c.offsets != nil && c.elem == nil:
		from, to := c.offsets[r], c.offsets[r+1]
		binary.LittleEndian.PutUint64(b[p+1:], uint64(to-from))
		return p + 9 + copy(b[p+9:], c.text[from:to])
	case c.i64 != nil:
		word = uint64(c.i64[r])
	case c.i32 != nil:
		word = uint64(int64(c.i32[r]))
	case c.f64 != nil:
		word = math.Float64bits(c.f64[r])
	case c.bools != nil:
		word = uint64(c.bools[(c.at+r)>>3] >> ((c.at + r) & 7) & 1)
	case c.fixed != nil:
		w := c.width - 9
		binary.LittleEndian.PutUint64(b[p+1:], uint64(w))
		return p + 9 + copy(b[p+9:], c.fixed[r*w:(r+1)*w])
	default:
		from, to := c.offsets[r], c.offsets[r+1]
		binary.LittleEndian.PutUint64(b[p+1:], uint64(to-from))
		p += 9
		for i := from; i < to; i++ {
			p = c.elem.put(b, p, int(i))
		}
		return p
	}
	binary.LittleEndian.PutUint64(b[p+1:], word)
	return p + 9
}
