package transform

import (
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

const (
	firstRows      = 64      // room of the first Batch
	maxReserveRows = 1 << 16 // a Batch of one huge record must not set the room of all that follow
	maxReserve     = 8 << 20 // bytes a column
)

// builder collects the rows of one table for one Batch.
type builder struct {
	*layout
	cols []column
	n    int // closed rows
	room int // rows there is room for

	strings []int // columns that are closed at the row's end; chat_id is not among them
	lists   []int

	// Of the open row's _extra: whether it was begun, and whether an object inside it is open.
	extraOpen, nestedOpen bool

	reserveRows int
	reserve     []int // bytes of string data that the last Batch held
}

func newBuilder(l *layout) *builder {
	b := &builder{layout: l, cols: make([]column, len(l.columns)), reserveRows: firstRows, reserve: make([]int, len(l.columns))}
	for i, c := range l.columns {
		switch {
		case i == l.chatID, c.empty:
		case c.store == storeString:
			b.strings = append(b.strings, i)
		case c.store == storeStrings, c.store == storeInts:
			b.lists = append(b.lists, i)
		}
	}
	return b
}

// begin opens the next row.
func (b *builder) begin() {
	if b.n == b.room {
		b.grow()
	}
	b.extraOpen, b.nestedOpen = false, false
}

func (b *builder) grow() {
	rows := max(b.reserveRows, 2*b.room)
	words := 0
	for _, c := range b.columns {
		words += c.store.words(rows)
	}
	s := slab{free: make([]uint64, words)}
	for i := range b.cols {
		c := &b.cols[i]
		c.allocate(b.columns[i].store, b.room, rows, &s)
		if c.data == nil && b.reserve[i] > 0 {
			c.data = make([]byte, 0, b.reserve[i])
		}
	}
	b.room = rows
}

// end closes the open row.
func (b *builder) end() {
	b.n++
	for _, i := range b.strings {
		c := &b.cols[i]
		c.offs[b.n] = int32(len(c.data))
	}
	for _, i := range b.lists {
		c := &b.cols[i]
		c.offs[b.n] = int32(c.elem.n)
	}
}

// truncate takes back the open row and all closed ones from row `to` on.
func (b *builder) truncate(to int) {
	if b.room == 0 {
		return
	}
	for i := range b.cols {
		b.cols[i].truncate(b.columns[i].store, to, b.n)
	}
	b.n = to
}

// take hands the rows over as an Arrow record, nil if there are none, and starts the next Batch.
func (b *builder) take() arrow.Record {
	var rec arrow.Record
	if b.n > 0 {
		arrays := make([]arrow.Array, len(b.cols))
		for i := range b.cols {
			arrays[i] = b.cols[i].array(b.columns[i].store, b.n)
			b.reserve[i] = min(len(b.cols[i].data)*9/8, maxReserve)
		}
		rec = array.NewRecord(b.schema, arrays, int64(b.n))
		for _, a := range arrays {
			a.Release()
		}
		b.reserveRows = min(max(b.n*9/8, firstRows), maxReserveRows)
	}
	clear(b.cols)
	b.n, b.room = 0, 0
	return rec
}

// A slab is one zeroed allocation that a table's columns of fixed width share, so that a Batch of many columns and few
// rows does not cost an allocation for each. String data stands elsewhere: it lives longer than the Batch.
type slab struct{ free []uint64 }

func (s *slab) take(words int) []uint64 {
	w := s.free[:words:words]
	s.free = s.free[words:]
	return w
}

func (s *slab) bytes(n int) []byte {
	w := s.take((n + 7) / 8)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), n)
}

func (s *slab) int32s(n int) []int32 {
	w := s.take((n + 1) / 2)
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(w))), n)
}

// words is what a column of this storage takes of a slab for so many rows.
func (s storage) words(rows int) int {
	bitmap := ((rows+7)/8 + 7) / 8
	switch s {
	case storeInt64, storeTime, storeFloat64:
		return bitmap + rows
	case storeBool:
		return 2 * bitmap
	case storeInt32:
		return bitmap + (rows+1)/2
	case storeSHA256:
		return bitmap + rows*4
	default:
		return bitmap + (rows+2)/2
	}
}
