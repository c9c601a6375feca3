package transform

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// A block is memory for values of a column that goes from Batch to Batch. It is lent by borrow and given back by Free,
// which an Arrow buffer calls when the last reference to it is released: whoever retains an array keeps its block.
type block struct {
	bytes []byte // 1 << class of them, or fewer if the class is not kept
	class int
}

// Blocks of 1 << minClass to 1 << maxClass bytes are kept for the next Batch, for as long as the garbage collector lets
// them.
const (
	minClass = 6
	maxClass = 22
)

// The columns of a table are written row by row, all of them at the same place of their blocks. If all large blocks began
// at multiples of a page, those places would fight for the same few lines of the processor's cache.
const (
	skewClass = 12
	line      = 64
	maxSkew   = 32 * line
)

var skews atomic.Uint32

var blocks [maxClass + 1]sync.Pool

// borrow lends a block of at least n bytes, which hold anything.
func borrow(n int) *block {
	class := max(bits.Len(uint(n-1)), minClass)
	if class > maxClass {
		return &block{bytes: make([]byte, n), class: class}
	}
	if b, ok := blocks[class].Get().(*block); ok {
		return b
	}
	if class < skewClass {
		return &block{bytes: make([]byte, 1<<class), class: class}
	}
	skew := int(skews.Add(1)*line) % maxSkew
	return &block{bytes: make([]byte, 1<<class+maxSkew)[skew:][:1<<class], class: class}
}

// buffer makes an Arrow buffer of the first n bytes, which owns the block. Those of no block are zero.
func (b *block) buffer(n int) *memory.Buffer {
	if b != nil {
		return memory.NewBufferWithAllocator(b.bytes[:n], b)
	}
	if n > len(zeros) {
		return memory.NewBufferBytes(make([]byte, n))
	}
	return memory.NewBufferBytes(zeros[:n])
}

// zeros is what all columns without a value share.
var zeros [8 * (maxReserveRows + 1)]byte

// Free gives the block back.
func (b *block) Free([]byte) {
	if b.class <= maxClass {
		blocks[b.class].Put(b)
	}
}

// Allocate is there to make a block a memory.Allocator; no buffer of a block ever grows.
func (*block) Allocate(int) []byte { panic("a block does not grow") }

// Reallocate is like Allocate.
func (*block) Reallocate(int, []byte) []byte { panic("a block does not grow") }
