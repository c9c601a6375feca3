package chatferry

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

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
	s := valueSheets.Get().(*valueSheet)
	defer valueSheets.Put(s)
	for from, n := 0, int(rec.NumRows()); from < n; from += sheetRows {
		s.sum(&d, cols, from, min(from+sheetRows, n))
	}
	return d, nil
}

// sheetRows is how many rows are laid out at once, about as many as the processor's cache holds.
const sheetRows = 256

// mostSheet is the size from which on a sheet's memory is not kept.
const mostSheet = 8 << 20

var valueSheets = sync.Pool{New: func() any { return new(valueSheet) }}

// valueSheet lays rows out in memory behind each other, column by column: the type of a column is looked at once, not
// for every value.
type valueSheet struct {
	ends []int // first the size of each row, then how far each is filled
	b    []byte
}

// sum adds the sums of the rows from one to another.
func (s *valueSheet) sum(d *Digest, cols []valueColumn, from, to int) {
	n := to - from
	if len(s.ends) < n {
		s.ends = make([]int, sheetRows)
	}
	at := s.ends[:n]
	clear(at)
	for i := range cols {
		cols[i].measure(at, from)
	}
	size := 0
	for r, n := range at {
		at[r] = size
		size += n
	}
	if cap(s.b) < size {
		s.b = make([]byte, size+size/4)
	}
	b := s.b[:size]
	for i := range cols {
		cols[i].fill(b, at, from)
	}
	begin := 0
	for _, end := range at {
		sum := sha256.Sum256(b[begin:end])
		d.Add(&sum)
		begin = end
	}
	if cap(s.b) > mostSheet {
		s.b = nil
	}
}

// valueColumn is one column, in one form for all types.
type valueColumn struct {
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

func (c *valueColumn) null(r int) bool {
	return c.nulls > 0 && c.valid[(c.at+r)>>3]>>((c.at+r)&7)&1 == 0
}

// measure adds the sizes of the values of the rows from one on.
func (c *valueColumn) measure(sizes []int, from int) {
	switch {
	case c.nulls == c.n:
		for i := range sizes {
			sizes[i]++
		}
	case c.nulls == 0 && c.width > 0:
		for i := range sizes {
			sizes[i] += c.width
		}
	case c.width > 0:
		for i := range sizes {
			sizes[i]++
			if !c.null(from + i) {
				sizes[i] += c.width - 1
			}
		}
	case c.elem == nil:
		last := c.offsets[from]
		for i, end := range c.offsets[from+1 : from+1+len(sizes)] {
			sizes[i]++
			if !c.null(from + i) {
				sizes[i] += 8 + int(end-last)
			}
			last = end
		}
	default:
		for i := range sizes {
			sizes[i] += c.size(from + i)
		}
	}
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

// fill writes the values of the rows from one on, each at its place in b, and moves the place behind it.
func (c *valueColumn) fill(b []byte, at []int, from int) {
	switch {
	case c.nulls == c.n:
		for i, p := range at {
			b[p] = 0
			at[i] = p + 1
		}
	case c.i64 != nil:
		for i, v := range c.i64[from : from+len(at)] {
			p := at[i]
			if c.null(from + i) {
				b[p] = 0
				at[i] = p + 1
				continue
			}
			v8 := b[p : p+9]
			v8[0] = 1
			binary.LittleEndian.PutUint64(v8[1:], uint64(v))
			at[i] = p + 9
		}
	case c.offsets != nil && c.elem == nil:
		last := c.offsets[from]
		for i, end := range c.offsets[from+1 : from+1+len(at)] {
			p := at[i]
			if c.null(from + i) {
				b[p] = 0
				at[i] = p + 1
			} else {
				b[p] = 1
				binary.LittleEndian.PutUint64(b[p+1:], uint64(end-last))
				at[i] = p + 9 + copy(b[p+9:], c.text[last:end])
			}
			last = end
		}
	default:
		for i, p := range at {
			at[i] = c.put(b, p, from+i)
		}
	}
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
