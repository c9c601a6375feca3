package transform

import (
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// column collects the values of one column of a Batch. It takes no memory before its first value comes. Numbers are null
// until set; strings and lists are appended, and rows without one are closed when the next value comes, or at the end.
//
// Its memory is lent by blocks and goes back when the Batch is released, that of strings too: whoever writes a Batch copies
// what it keeps, the smallest and largest values included. (arrow's own Parquet writer does not: its statistics point into
// the strings until its file is closed.) Strings that outgrow their block, and the values of lists, are handed over to the
// Batch and never used again.
type column struct {
	rows   int32    // that there is room for
	closed int32    // rows of strings and lists that have their end in i32
	valid  []byte   // bitmap over the rows
	i32    []int32  // int32; of strings and lists, where each row begins, and where the last one that is closed ends
	data   []byte   // strings; SHA-256, 32 bytes a row; booleans, as a bitmap
	words  []uint64 // int64, time, float64 as bits
	elem   *elements

	bitmap, values *block // what valid, and what the values of fixed width lie in
	chars          *block // what the strings lie in, unless they have outgrown it
}

func (c *column) mark(row int) { c.valid[row>>3] |= 1 << (row & 7) }

func (c *column) isSet(row int) bool {
	return row>>3 < len(c.valid) && c.valid[row>>3]>>(row&7)&1 != 0
}

// text returns the string of the open row or of one before it, nil if it has none.
func (c *column) text(row int) []byte {
	if row >= int(c.closed) {
		return nil
	}
	return c.data[c.i32[row]:c.i32[row+1]]
}

// end returns where the next string or list begins.
func (c *column) end() int32 {
	if c.elem != nil {
		return int32(c.elem.n)
	}
	return int32(len(c.data))
}

// isOpen reports whether a column of strings or lists is ready for the value of a row.
func (c *column) isOpen(row int) bool { return row < int(c.rows) && row == int(c.closed) }

// skipTo closes the rows before `row`.
func (c *column) skipTo(row int) {
	end := c.end()
	for r := int(c.closed); r < row; r++ {
		c.i32[r+1] = end
	}
	c.closed = int32(row)
}

// widen makes room for rows, keeping what is there.
func (c *column) widen(s storage, rows int) {
	old, oldBitmap := c.values, c.bitmap
	c.rows = int32(rows)
	c.bitmap = borrow((rows + 7) / 8)
	c.valid = zeroed(c.bitmap.bytes[:(rows+7)/8], c.valid)
	switch s {
	case storeInt64, storeTime, storeFloat64:
		c.values = borrow(rows * 8)
		c.words = zeroed(arrow.Uint64Traits.CastFromBytes(c.values.bytes)[:rows], c.words)
	case storeInt32:
		c.values = borrow(rows * 4)
		c.i32 = zeroed(arrow.Int32Traits.CastFromBytes(c.values.bytes)[:rows], c.i32)
	case storeBool:
		c.values = borrow((rows + 7) / 8)
		c.data = zeroed(c.values.bytes[:(rows+7)/8], c.data)
	default:
		c.values = borrow((rows + 1) * 4)
		offs := arrow.Int32Traits.CastFromBytes(c.values.bytes)[:rows+1]
		offs[0] = 0
		copy(offs, c.i32[:min(len(c.i32), int(c.closed)+1)])
		c.i32 = offs
	}
	if old != nil {
		old.Free(nil)
		oldBitmap.Free(nil)
	}
}

// zeroed makes room what old is, and zero beyond it.
func zeroed[T byte | int32 | uint64](room, old []T) []T {
	clear(room[copy(room, old):])
	return room
}

// truncate makes the rows from `to` up to the open one as if they had never been written.
func (c *column) truncate(s storage, to, open int) {
	for r := to; r <= open && r < len(c.valid)*8; r++ {
		if !c.isSet(r) {
			continue
		}
		c.valid[r>>3] &^= 1 << (r & 7)
		switch s {
		case storeInt64, storeTime, storeFloat64:
			c.words[r] = 0
		case storeInt32:
			c.i32[r] = 0
		case storeBool:
			c.data[r>>3] &^= 1 << (r & 7)
		}
	}
	if c.rows == 0 || s != storeString && c.elem == nil {
		return
	}
	c.closed = min(c.closed, int32(to))
	if c.elem != nil {
		c.elem.truncate(int(c.i32[c.closed]))
	} else {
		c.data = c.data[:c.i32[c.closed]]
	}
}

// array makes the Arrow array of the first n rows. required says that none of them is null, and that valid does not say so.
func (c *column) array(s storage, n int, required bool) arrow.Array {
	nulls := n - ones(c.valid, n)
	if required {
		nulls = 0
	}
	buffers := []*memory.Buffer{c.validity(n, nulls), nil}
	var child []arrow.ArrayData
	switch s {
	case storeInt64, storeTime, storeFloat64:
		buffers[1] = c.values.buffer(n * 8)
	case storeInt32:
		buffers[1] = c.values.buffer(n * 4)
	case storeBool:
		buffers[1] = c.values.buffer((n + 7) / 8)
	case storeSHA256:
		buffers[1] = c.texts()
	default:
		if c.values != nil {
			c.skipTo(n)
		}
		buffers[1] = c.values.buffer((n + 1) * 4)
		if c.elem != nil {
			child = []arrow.ArrayData{c.elem.arrayData(s)}
		} else {
			buffers = append(buffers, c.texts())
		}
	}
	d := array.NewData(s.arrowType(), n, buffers, child, nulls, 0)
	a := array.MakeFromData(d)
	d.Release()
	for _, b := range buffers {
		if b != nil {
			b.Release()
		}
	}
	for _, e := range child {
		e.Release()
	}
	return a
}

// lend gives strings a block for so many bytes, and for one at least.
func (c *column) lend(n int) {
	c.chars = borrow(max(n, 1))
	c.data = c.chars.bytes[:0]
}

// texts is the buffer of the strings.
func (c *column) texts() *memory.Buffer {
	if c.chars == nil {
		return memory.NewBufferBytes(c.data)
	}
	if &c.data[:1][0] == &c.chars.bytes[0] {
		return c.chars.buffer(len(c.data))
	}
	c.chars.Free(nil)
	return memory.NewBufferBytes(c.data)
}

// validity is nil where nothing is null, as Arrow wants it.
func (c *column) validity(n, nulls int) *memory.Buffer {
	if nulls > 0 {
		return c.bitmap.buffer((n + 7) / 8)
	}
	if c.bitmap != nil {
		c.bitmap.Free(nil)
	}
	return nil
}

// ones counts the bits set in the first n of a bitmap, which has none behind them.
func ones(bitmap []byte, n int) int {
	set := 0
	for _, b := range bitmap[:min((n+7)/8, len(bitmap))] {
		set += bits.OnesCount8(b)
	}
	return set
}
