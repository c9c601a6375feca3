package transform

import (
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// elements are the values of a list column, the lists of all rows behind each other.
type elements struct {
	n, set int
	valid  []byte // bitmap
	i64    []int64
	ends   []int32 // of strings: where each ends in data
	data   []byte
}

func (e *elements) appendInt(v int64) {
	e.i64 = append(e.i64, v)
	e.mark(true)
}

func (e *elements) appendNullInt() {
	e.i64 = append(e.i64, 0)
	e.mark(false)
}

// closeString ends an element whose text was appended to data.
func (e *elements) closeString(valid bool) {
	e.ends = append(e.ends, int32(len(e.data)))
	e.mark(valid)
}

// text returns the string element i.
func (e *elements) text(i int) []byte {
	from := int32(0)
	if i > 0 {
		from = e.ends[i-1]
	}
	return e.data[from:e.ends[i]]
}

func (e *elements) mark(valid bool) {
	if e.n&7 == 0 {
		e.valid = append(e.valid, 0)
	}
	if valid {
		e.valid[e.n>>3] |= 1 << (e.n & 7)
		e.set++
	}
	e.n++
}

func (e *elements) truncate(to int) {
	e.n = to
	e.valid = e.valid[:(to+7)/8]
	if to&7 != 0 {
		e.valid[to>>3] &= 1<<(to&7) - 1
	}
	e.set = 0
	for _, b := range e.valid {
		e.set += bits.OnesCount8(b)
	}
	if len(e.i64) > to {
		e.i64 = e.i64[:to]
	}
	if len(e.ends) > to {
		e.ends = e.ends[:to]
	}
	end := 0
	if len(e.ends) > 0 {
		end = int(e.ends[len(e.ends)-1])
	}
	e.data = e.data[:min(end, len(e.data))]
}

func (e *elements) arrayData(s storage) arrow.ArrayData {
	valid := validity(e.valid, e.n, e.set)
	if s == storeInts {
		values := memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(e.i64))
		return array.NewData(arrow.PrimitiveTypes.Int64, e.n, []*memory.Buffer{valid, values}, nil, e.n-e.set, 0)
	}
	offs := make([]int32, 1, e.n+1)
	offs = append(offs, e.ends...)
	return array.NewData(arrow.BinaryTypes.String, e.n,
		[]*memory.Buffer{valid, int32Buffer(offs), memory.NewBufferBytes(e.data)}, nil, e.n-e.set, 0)
}
