package transform

import (
	"bytes"
	"testing"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow"
)

// TestReleasedMemoryIsUsedAgain: what a Batch lent goes to the next one when it is released, and not before, whoever retains
// a part of it.
func TestReleasedMemoryIsUsedAgain(t *testing.T) {
	p := page(chatferry.Chats, "", generated(4, 60)...)
	transformed := func(tr *Transformer) *chatferry.Batch {
		b, err := tr.Transform(p, 1)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tr := New(chatferry.Chats, Options{})
	first := transformed(tr)
	var kept []arrow.Array
	var want [][]byte
	for _, rows := range first.Rows {
		for _, a := range rows.Record.Columns() {
			a.Retain()
			kept = append(kept, a)
			for _, b := range a.Data().Buffers() {
				if b != nil {
					want = append(want, bytes.Clone(b.Bytes()))
				}
			}
		}
	}
	first.Release()
	p = page(chatferry.Chats, "", generated(5, 90)...)
	for range 3 {
		b := transformed(tr)
		defer b.Release()
	}
	for _, a := range kept {
		for _, b := range a.Data().Buffers() {
			if b != nil {
				if !bytes.Equal(b.Bytes(), want[0]) {
					t.Errorf("an array of type %s changed while it was retained", a.DataType())
				}
				want = want[1:]
			}
		}
		a.Release()
	}
}

// TestBlocks: a block has the room that was asked for, and only blocks of a size that is kept are lent twice.
func TestBlocks(t *testing.T) {
	for _, n := range []int{1, 63, 64, 65, 4096, 1<<maxClass - 1, 1 << maxClass, 1<<maxClass + 1} {
		b := borrow(n)
		if len(b.bytes) < n || b.class <= maxClass && len(b.bytes) != 1<<b.class {
			t.Errorf("%d bytes of class %d were lent for %d", len(b.bytes), b.class, n)
		}
		b.buffer(n).Release() // gives it back
	}
	var none *block
	for _, n := range []int{8, len(zeros), len(zeros) + 1} {
		if got := none.buffer(n).Bytes(); len(got) != n || len(bytes.Trim(got, "\x00")) != 0 {
			t.Errorf("%d bytes of no block are not zero", n)
		}
	}
}
