package chunk

import (
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

// values are the values of a column without its nulls, behind each other.
type values struct {
	n       int
	fixed   []byte   // of fixed width
	bools   []byte   // 0 or 1
	lengths []uint32 // of strings
	text    []byte
}

// gather returns the values of cells. They lie in the cells' memory or in that of scratch.
func (c *cells) gather(k Kind, scratch *values) values {
	out := values{n: c.n - c.nulls}
	if out.n == 0 {
		return out
	}
	switch w := k.width(); {
	case w > 0 && c.nulls == 0:
		out.fixed = c.fixed
	case w > 0:
		b := scratch.fixed[:0]
		c.runs(func(from, to int) { b = append(b, c.fixed[from*w:to*w]...) })
		scratch.fixed, out.fixed = b, b
	case k == Bool:
		b := scratch.bools[:0]
		c.runs(func(from, to int) {
			for i := from; i < to; i++ {
				b = append(b, c.bools[(c.at+i)>>3]>>((c.at+i)&7)&1)
			}
		})
		scratch.bools, out.bools = b, b
	default:
		c.gatherText(scratch, &out)
	}
	return out
}

func (c *cells) gatherText(scratch, out *values) {
	lengths, sum := scratch.lengths[:0], 0
	c.runs(func(from, to int) {
		last := c.ends[from]
		for _, end := range c.ends[from+1 : to+1] {
			lengths = append(lengths, uint32(end-last))
			last = end
		}
		sum += int(last - c.ends[from])
	})
	scratch.lengths, out.lengths = lengths, lengths
	if first, last := int(c.ends[0]), int(c.ends[c.n]); last-first == sum {
		out.text = c.text[first:last]
		return
	}
	text := scratch.text[:0] // below nulls lies text too
	c.runs(func(from, to int) { text = append(text, c.text[c.ends[from]:c.ends[to]]...) })
	scratch.text, out.text = text, text
}

// runs calls f with every run of cells that are not null.
func (c *cells) runs(f func(from, to int)) {
	if c.nulls == 0 {
		f(0, c.n)
		return
	}
	end := c.at + c.n
	for i := c.at; ; {
		from, to := nextRun(c.valid, i, end)
		if from == end {
			return
		}
		f(from-c.at, to-c.at)
		i = to
	}
}
