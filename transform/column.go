package transform

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// column collects the values of one column of a Batch. Values of fixed width have room for every row from the start and
// are null until set; strings and lists are appended, and closed at the row's end. Its memory is handed over to
// the Batch and never used again: the Parquet writer's statistics point into string data until its file is closed.
type column struct {
	set   int      // rows that have a value
	valid []byte   // bitmap over the rows
	words []uint64 // int64, time, float64 as bits
	i32   []int32
	bits  []byte // booleans, as a bitmap
	sums  []byte // SHA-256, 32 bytes a row
	offs  []int32
	data  []byte
	elem  elements
}

func (c *column) mark(row int) {
	c.valid[row>>3] |= 1 << (row & 7)
	c.set++
}

func (c *column) isSet(row int) bool { return c.valid[row>>3]>>(row&7)&1 != 0 }

func (c *column) setInt(row int, v int64) {
	c.words[row] = uint64(v)
	c.mark(row)
}

func (c *column) setBits(row int, v uint64) {
	c.words[row] = v
	c.mark(row)
}

func (c *column) setInt32(row int, v int32) {
	c.i32[row] = v
	c.mark(row)
}

func (c *column) setBool(row int, v bool) {
	if v {
		c.bits[row>>3] |= 1 << (row & 7)
	}
	c.mark(row)
}

// open returns the string of a row that is not closed yet, or of the last one that is.
func (c *column) open(row int) []byte { return c.data[c.offs[row]:] }

// allocate gives a column room for some more rows, keeping what it holds of the first n. The room is zero.
func (c *column) allocate(s storage, n, rows int, slab *slab) {
	c.valid = grown(c.valid, slab.bytes((rows+7)/8))
	switch s {
	case storeInt64, storeTime, storeFloat64:
		w := slab.take(rows)
		copy(w, c.words[:min(n, len(c.words))])
		c.words = w
	case storeBool:
		c.bits = grown(c.bits, slab.bytes((rows+7)/8))
	case storeInt32:
		w := slab.int32s(rows)
		copy(w, c.i32)
		c.i32 = w
	case storeSHA256:
		c.sums = grown(c.sums, slab.bytes(rows*32))
	default:
		w := slab.int32s(rows + 1)
		copy(w, c.offs)
		c.offs = w
	}
}

func grown(old, room []byte) []byte {
	copy(room, old)
	return room
}

// truncate makes the rows from `to` on, the open row included, as if they had never been written.
func (c *column) truncate(s storage, to, end int) {
	for r := to; r <= end && r < len(c.valid)*8; r++ {
		if !c.isSet(r) {
			continue
		}
		c.valid[r>>3] &^= 1 << (r & 7)
		c.set--
		switch s {
		case storeInt64, storeTime, storeFloat64:
			c.words[r] = 0
		case storeInt32:
			c.i32[r] = 0
		case storeBool:
			c.bits[r>>3] &^= 1 << (r & 7)
		}
	}
	switch s {
	case storeString:
		c.data = c.data[:c.offs[to]]
	case storeStrings, storeInts:
		c.elem.truncate(int(c.offs[to]))
	}
}

// array makes the Arrow array of the first n rows.
func (c *column) array(s storage, n int) arrow.Array {
	valid := validity(c.valid, n, c.set)
	var d *array.Data
	switch s {
	case storeInt64, storeTime, storeFloat64:
		d = array.NewData(s.arrowType(), n, []*memory.Buffer{valid, memory.NewBufferBytes(wordBytes(c.words[:n]))}, nil, n-c.set, 0)
	case storeInt32:
		d = array.NewData(s.arrowType(), n, []*memory.Buffer{valid, int32Buffer(c.i32[:n])}, nil, n-c.set, 0)
	case storeBool:
		d = array.NewData(s.arrowType(), n, []*memory.Buffer{valid, memory.NewBufferBytes(c.bits[:(n+7)/8])}, nil, n-c.set, 0)
	case storeSHA256:
		d = array.NewData(s.arrowType(), n, []*memory.Buffer{valid, memory.NewBufferBytes(c.sums[:n*32])}, nil, n-c.set, 0)
	case storeString:
		d = array.NewData(s.arrowType(), n, []*memory.Buffer{valid, int32Buffer(c.offs[:n+1]), memory.NewBufferBytes(c.data)}, nil, n-c.set, 0)
	default:
		child := c.elem.arrayData(s)
		d = array.NewData(s.arrowType(), n, []*memory.Buffer{valid, int32Buffer(c.offs[:n+1])}, []arrow.ArrayData{child}, n-c.set, 0)
		child.Release()
	}
	a := array.MakeFromData(d)
	d.Release()
	return a
}

// validity is nil where nothing is null, as Arrow wants it.
func validity(bitmap []byte, n, set int) *memory.Buffer {
	if set == n {
		return nil
	}
	return memory.NewBufferBytes(bitmap[:(n+7)/8])
}

func int32Buffer(v []int32) *memory.Buffer {
	return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(v))
}

func wordBytes(v []uint64) []byte { return arrow.Uint64Traits.CastToBytes(v) }
