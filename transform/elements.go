package transform

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// elements are the values of a list column, the lists of all rows behind each other.
type elements struct {
	n     int
	valid []byte // bitmap
	i64   []int64
	offs  []int32 // of strings: where each begins in data, and where the last one ends; empty if there is none
	data  []byte
}

// grow makes room for what is likely to come, if there is none yet.
func (e *elements) grow(s storage, r reserve) {
	if e.valid != nil || r.elements == 0 {
		return
	}
	e.valid = make([]byte, 0, r.elements/8+1)
	if s == storeInts {
		e.i64 = make([]int64, 0, r.elements)
		return
	}
	e.offs = make([]int32, 0, r.elements+1)
	e.data = make([]byte, 0, r.bytes)
}

func (e *elements) reserve() reserve {
	return reserve{bytes: min(len(e.data)*9/8, maxReserve), elements: min(e.n*9/8, maxReserve/8)}
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
	if e.n == 0 {
		e.offs = append(e.offs[:0], 0)
	}
	e.offs = append(e.offs, int32(len(e.data)))
	e.mark(valid)
}

// text returns the string element i.
func (e *elements) text(i int) []byte { return e.data[e.offs[i]:e.offs[i+1]] }

func (e *elements) mark(valid bool) {
	if e.n&7 == 0 {
		e.valid = append(e.valid, 0)
	}
	if valid {
		e.valid[e.n>>3] |= 1 << (e.n & 7)
	}
	e.n++
}

func (e *elements) truncate(to int) {
	e.n = to
	e.valid = e.valid[:(to+7)/8]
	if to&7 != 0 {
		e.valid[to>>3] &= 1<<(to&7) - 1
	}
	if len(e.i64) > to {
		e.i64 = e.i64[:to]
	}
	if len(e.offs) > to {
		e.offs = e.offs[:to+1]
	}
	end := 0
	if len(e.offs) > 0 {
		end = int(e.offs[to])
	}
	e.data = e.data[:end]
}

func (e *elements) arrayData(s storage) arrow.ArrayData {
	nulls := e.n - ones(e.valid, e.n)
	var valid *memory.Buffer
	if nulls > 0 {
		valid = memory.NewBufferBytes(e.valid)
	}
	if s == storeInts {
		values := memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(e.i64))
		return array.NewData(arrow.PrimitiveTypes.Int64, e.n, []*memory.Buffer{valid, values}, nil, nulls, 0)
	}
	if len(e.offs) == 0 {
		e.offs = []int32{0}
	}
	offs := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(e.offs))
	return array.NewData(arrow.BinaryTypes.String, e.n, []*memory.Buffer{valid, offs, memory.NewBufferBytes(e.data)}, nil, nulls, 0)
}
