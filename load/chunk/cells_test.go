package chunk

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Whatever the pattern of nulls and wherever it begins in its bitmap, the values that are not null are appended, in order.
func TestCells(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	for round := range 2000 {
		width := []int{4, 8, 32}[r.IntN(3)]
		present := runsOf(r, 1+r.IntN(300), 2)
		if r.IntN(4) == 0 {
			present = runsOf(r, len(present), 1) // all of them null
		}
		c := cells{n: len(present), at: r.IntN(20)}
		var valid, bools bitmap
		valid.appendRun(true, c.at)
		bools.appendRun(true, c.at)
		had := []byte("what stands before")
		wantFixed, wantBools := bytes.Clone(had), []uint32{1}
		for _, one := range present {
			value, b := byte(r.IntN(256)), r.Uint32N(2)
			c.fixed = append(c.fixed, bytes.Repeat([]byte{value}, width)...)
			valid.put(uint64(one), 1)
			bools.put(uint64(b), 1)
			if one == 0 {
				c.nulls++
				continue
			}
			wantFixed = append(wantFixed, bytes.Repeat([]byte{value}, width)...)
			wantBools = append(wantBools, b)
		}
		if c.nulls > 0 {
			c.valid = valid.b
		}
		c.bools = bools.b
		if got := c.appendFixed(bytes.Clone(had), width); !bytes.Equal(got, wantFixed) {
			t.Fatalf("round %d, %d bytes each, %v: %x instead of %x", round, width, present, got, wantFixed)
		}
		var got, want bitmap
		got.appendRun(true, 1)
		c.appendBools(&got)
		for _, b := range wantBools {
			want.put(uint64(b), 1)
		}
		if got.n != want.n || !bytes.Equal(got.b, want.b) {
			t.Fatalf("round %d, %v: %d booleans %x instead of %d %x", round, present, got.n, got.b, want.n, want.b)
		}
	}
}
