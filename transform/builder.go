package transform

import (
	"math/bits"
	"slices"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

const (
	firstRows      = 1<<6 - 1  // room of the first Batch; with one more offset than rows, a column's memory is a power of two
	maxReserveRows = 1<<16 - 1 // a Batch of one huge record must not set the room of all that follow
	maxReserve     = 8 << 20   // bytes a column
)

// builder collects the rows of one table for one Batch.
type builder struct {
	*layout
	cols []column
	n    int // closed rows
	room int // rows that a column has room for when its first value comes

	// Of the open row's _extra: whether it was begun, and whether an object inside it is open.
	extraOpen, nestedOpen bool

	reserve []reserve // what the columns of the last Batch held
}

// reserve is how much a column's strings, or its lists, will need.
type reserve struct{ bytes, elements int }

func newBuilder(l *layout) *builder {
	b := &builder{layout: l, cols: make([]column, len(l.columns)), room: firstRows, reserve: make([]reserve, len(l.columns))}
	b.prepare()
	return b
}

// prepare begins a Batch.
func (b *builder) prepare() {
	clear(b.cols)
	b.n = 0
	for i, c := range b.columns {
		if c.store == storeStrings || c.store == storeInts {
			b.cols[i].elem = &elements{}
		}
	}
}

// begin opens the next row.
func (b *builder) begin() { b.extraOpen, b.nestedOpen = false, false }

// end closes the open row.
func (b *builder) end() { b.n++ }

// widen gives a column room for some rows at least.
func (b *builder) widen(col, least int) {
	c := &b.cols[col]
	rows := b.room
	for rows < least {
		rows = 2*rows + 1
	}
	c.widen(b.columns[col].store, rows)
	if r := b.reserve[col]; c.elem != nil {
		c.elem.grow(b.columns[col].store, r)
	} else if b.columns[col].store == storeString && c.data == nil {
		c.lend(r.bytes)
	}
}

// at returns a column that has room for the open row.
func (b *builder) at(col int) *column {
	if b.n >= int(b.cols[col].rows) {
		b.widen(col, b.n+1)
	}
	return &b.cols[col]
}

func (b *builder) setInt(col int, v int64) { b.setWord(col, uint64(v)) }

func (b *builder) setWord(col int, v uint64) {
	c := b.at(col)
	c.words[b.n] = v
	c.mark(b.n)
}

func (b *builder) setInt32(col int, v int32) {
	c := b.at(col)
	c.i32[b.n] = v
	c.mark(b.n)
}

func (b *builder) setBool(col int, v bool) {
	c := b.at(col)
	if v {
		c.data[b.n>>3] |= 1 << (b.n & 7)
	}
	c.mark(b.n)
}

// open returns a column of strings or lists such that the open row's value can be appended. close has to follow, or
// truncate.
func (b *builder) open(col int) *column {
	c := &b.cols[col]
	if !c.isOpen(b.n) {
		b.reach(col)
	}
	return c
}

// reach gives a column of strings or lists room for the open row, and closes those before it.
func (b *builder) reach(col int) { b.at(col).skipTo(b.n) }

// close ends the open row's string or list.
func (b *builder) close(c *column) {
	c.i32[b.n+1] = c.end()
	c.closed = int32(b.n + 1)
	c.mark(b.n)
}

func (b *builder) setText(col int, text []byte) {
	c := b.open(col)
	c.data = append(c.data, text...)
	b.close(c)
}

// truncate takes back the open row and all closed ones from row `to` on.
func (b *builder) truncate(to int) {
	for i := range b.cols {
		b.cols[i].truncate(b.columns[i].store, to, b.n)
	}
	b.n = to
}

// The columns below are set by rows, not by the values of a record, and never null.

// filled returns a column that has room for all closed rows.
func (b *builder) filled(col int) *column {
	c := &b.cols[col]
	if b.n > int(c.rows) {
		b.widen(col, b.n)
	}
	return c
}

// appendSum sets the SHA-256 of the open row.
func (b *builder) appendSum(sum *[32]byte) {
	c := &b.cols[b.sha]
	if c.data == nil {
		c.lend(b.reserve[b.sha].bytes)
	}
	c.data = append(c.data, sum[:]...)
}

// repeatInt sets the rows [from, n) to one value.
func (b *builder) repeatInt(col, from int, v int64) {
	words := b.filled(col).words[from:b.n]
	for i := range words {
		words[i] = uint64(v)
	}
}

// belong makes the rows [from, n) those of one chat, in their order.
func (b *builder) belong(from int, chatID []byte, at chatferry.Offset) {
	if from == b.n {
		return
	}
	id, index := b.filled(b.chatID), b.filled(b.index).i32[from:b.n]
	begin := len(id.data)
	id.data = slices.Grow(id.data, len(index)*len(chatID))[:begin+len(index)*len(chatID)]
	copy(id.data[begin:], chatID)
	for done := len(chatID); done > 0 && begin+done < len(id.data); done *= 2 {
		copy(id.data[begin+done:], id.data[begin:begin+done])
	}
	for i := range index {
		index[i] = int32(i)
		id.i32[from+i+1] = int32(begin + (i+1)*len(chatID))
	}
	id.closed = int32(b.n)
	b.repeatInt(b.offset, from, int64(at))
}

// take hands the rows over as an Arrow record, nil if there are none, and starts the next Batch. The rows come from this
// Part of this Shard.
func (b *builder) take(shard chatferry.ShardID, seq uint64) arrow.Record {
	if b.n == 0 {
		b.prepare()
		return nil
	}
	b.repeatInt(b.shard, 0, int64(shard))
	b.repeatInt(b.seq, 0, int64(seq))
	arrays := make([]arrow.Array, len(b.cols))
	for i := range b.cols {
		c := &b.cols[i]
		if c.rows > 0 {
			b.filled(i)
		}
		arrays[i] = c.array(b.columns[i].store, b.n, b.columns[i].byRow)
		b.reserve[i] = reserve{bytes: min(len(c.data)*9/8, maxReserve)}
		if c.elem != nil {
			b.reserve[i] = c.elem.reserve()
		}
	}
	rec := array.NewRecord(b.schema, arrays, int64(b.n))
	for _, a := range arrays {
		a.Release()
	}
	b.room = min(max(1<<bits.Len(uint(b.n*9/8))-1, firstRows), maxReserveRows)
	b.prepare()
	return rec
}
