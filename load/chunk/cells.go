package chunk

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// cells are the values of a flat Arrow array and its nulls, in one form for all Kinds. They refer to the array's memory.
type cells struct {
	n     int
	nulls int
	valid []byte // bitmap, from bit at on; not used if there are no nulls
	at    int

	fixed []byte  // of fixed width: n values, those of nulls are anything
	bools []byte  // bitmap, from bit at on
	ends  []int32 // of strings: n+1 offsets into text
	text  []byte
}

// cellsOf views an array, and refuses one of another Kind.
func cellsOf(a arrow.Array, k Kind) (c cells, err error) {
	c = cells{n: a.Len(), nulls: a.NullN(), at: a.Data().Offset()}
	if c.n == 0 {
		return c, nil
	}
	if c.nulls > 0 {
		c.valid = a.NullBitmapBytes()
	}
	ok := false
	switch a := a.(type) {
	case *array.Int64:
		c.fixed, ok = arrow.Int64Traits.CastToBytes(a.Int64Values()), k == Int64
	case *array.Timestamp:
		c.fixed, ok = arrow.TimestampTraits.CastToBytes(a.TimestampValues()), k == Int64
	case *array.Int32:
		c.fixed, ok = arrow.Int32Traits.CastToBytes(a.Int32Values()), k == Int32
	case *array.Float64:
		c.fixed, ok = arrow.Float64Traits.CastToBytes(a.Float64Values()), k == Float64
	case *array.FixedSizeBinary:
		if ok = k == Bytes32 && a.DataType().(*arrow.FixedSizeBinaryType).ByteWidth == 32; ok {
			c.fixed = a.Data().Buffers()[1].Bytes()[32*c.at : 32*(c.at+c.n)]
		}
	case *array.Boolean:
		c.bools, ok = a.Data().Buffers()[1].Bytes(), k == Bool
	case *array.String:
		c.ends, ok = a.ValueOffsets(), k == String
		if b := a.Data().Buffers()[2]; b != nil {
			c.text = b.Bytes()
		}
	}
	if !ok {
		return c, fmt.Errorf("the array is of type %s", a.DataType())
	}
	return c, nil
}

// slice views the cells from one to another.
func (c *cells) slice(k Kind, from, to int) cells {
	if from == 0 && to == c.n {
		return *c
	}
	out := cells{n: to - from, valid: c.valid, at: c.at + from, bools: c.bools, text: c.text}
	if c.nulls > 0 {
		out.nulls = out.n - ones(c.valid, out.at, out.n)
	}
	if w := k.width(); w > 0 {
		out.fixed = c.fixed[from*w : to*w]
	}
	if k == String {
		out.ends = c.ends[from : to+1]
	}
	return out
}

// ones counts the ones among n bits.
func ones(b []byte, at, n int) (sum int) {
	const step = 48
	for ; n > 0; n -= step {
		sum += bits.OnesCount64(word(b, at) & (1<<min(n, step) - 1))
		at += step
	}
	return sum
}

// fit returns how many cells from one on take at most room bytes in a plain page, and at least one.
func (c *cells) fit(k Kind, from, room int) (to int) {
	if w := k.width(); w > 0 {
		return min(c.n, from+max(1, room/w))
	}
	if k != String {
		return c.n
	}
	size := func(to int) int { return int(c.ends[to]-c.ends[from]) + 4*(to-from) }
	if size(c.n) <= room {
		return c.n
	}
	for to = from + 1; to < c.n && size(to+1) <= room; {
		to++
	}
	return to
}

// run returns the first of the cells from i on that are not null, as far as they stand behind each other. Both are n if
// there are none.
func (c *cells) run(i int) (from, to int) {
	switch c.nulls {
	case 0:
		return i, c.n
	case c.n:
		return c.n, c.n
	}
	from, to = nextRun(c.valid, c.at+i, c.at+c.n)
	return from - c.at, to - c.at
}

// appendFixed appends the values of fixed width that are not null, as a plain page has them: the memory of Arrow and
// Parquet is the same, little-endian.
func (c *cells) appendFixed(dst []byte, width int) []byte {
	if width == 8 && c.nulls > 0 {
		return c.appendWords(dst)
	}
	for from, to := c.run(0); from < to; from, to = c.run(to) {
		dst = append(dst, c.fixed[from*width:to*width]...)
	}
	return dst
}

// appendWords is appendFixed for values of 8 bytes. Nulls between them cost no branch: what comes next overwrites them.
func (c *cells) appendWords(dst []byte) []byte {
	at := len(dst)
	dst = grow(dst, 8*(c.n-c.nulls+1))
	for from := 0; from < c.n; from += wordBits {
		src := c.fixed[8*from : 8*min(from+wordBits, c.n)]
		switch valid := word(c.valid, c.at+from) & (1<<(len(src)/8) - 1); valid {
		case 0:
		case 1<<(len(src)/8) - 1:
			at += copy(dst[at:], src)
		default:
			for ; len(src) >= 8; src = src[8:] {
				binary.LittleEndian.PutUint64(dst[at:], binary.LittleEndian.Uint64(src))
				at += int(valid&1) * 8
				valid >>= 1
			}
		}
	}
	return dst[:at]
}

// appendBools appends the booleans that are not null.
func (c *cells) appendBools(m *bitmap) {
	for from, to := c.run(0); from < to; from, to = c.run(to) {
		m.appendBits(c.bools, c.at+from, to-from)
	}
}

// appendText appends strings of a text as a plain page has them.
func appendText(dst, text []byte, ends []int32) []byte {
	at, first := len(dst), ends[0]
	dst = grow(dst, 4*(len(ends)-1)+int(ends[len(ends)-1]-first))
	for _, end := range ends[1:] {
		binary.LittleEndian.PutUint32(dst[at:], uint32(end-first))
		at += 4 + copy(dst[at+4:], text[first:end])
		first = end
	}
	return dst
}
