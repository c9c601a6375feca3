package chunk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// stringsOf makes strings of some lengths, of which many are equal, in a row or not.
func stringsOf(r *rand.Rand, n, distinct int) [][]byte {
	var out [][]byte
	for len(out) < n {
		k := r.IntN(distinct)
		s := strings.Repeat(fmt.Sprint(k), k%4) // the empty string is among them
		if k%7 == 0 {
			s = strings.Repeat("\x00", k%11) + s // what fills up a head
		}
		for range 1 + r.IntN(3)*r.IntN(5) {
			out = append(out, []byte(s))
		}
	}
	return out[:n]
}

// Strings are numbered as a map numbers them, over many growths of the table, and after a reset from the start.
func TestDictionary(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	var d dictionary
	for round := range 40 {
		d.reset()
		want := map[string]uint32{}
		var plain []byte
		for i, s := range stringsOf(r, r.IntN(4000), 1+r.IntN(1+r.IntN(5000))) {
			k, known := want[string(s)]
			if !known {
				k = uint32(len(want))
				want[string(s)] = k
				plain = append(binary.LittleEndian.AppendUint32(plain, uint32(len(s))), s...)
			}
			d.meet(s)
			if last, n, h := d.lastMet(); n != k || h != hash(s) || !bytes.Equal(last, s) {
				t.Fatalf("round %d, string %d: %q has number %d (%q) instead of %d", round, i, s, n, last, k)
			}
		}
		if !bytes.Equal(d.plain, plain) || int(d.n) != len(want) {
			t.Fatalf("round %d: a page of other strings", round)
		}
	}
}

// Strings of one hash are told apart by their bytes.
func TestDictionaryOfOneHash(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 0))
	var d dictionary
	want := map[string]uint32{}
	for _, s := range stringsOf(r, 3000, 300) {
		if _, known := want[string(s)]; !known {
			want[string(s)] = uint32(len(want))
		}
		if n := d.find(s, 7).number; n != want[string(s)] {
			t.Fatalf("%q has number %d instead of %d", s, n, want[string(s)])
		}
	}
}

// The bounds are those that comparing whole strings finds.
func TestBoundsOfStrings(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	var b bounds
	for round := range 2000 {
		b.reset()
		all := stringsOf(r, 1+r.IntN(30), 1+r.IntN(400))
		for i := range all {
			if r.IntN(3) == 0 {
				all[i] = append([]byte("8 bytes "), all[i]...)
			}
			b.bytes(all[i])
		}
		lo, hi := slices.MinFunc(all, bytes.Compare), slices.MaxFunc(all, bytes.Compare)
		if !bytes.Equal(b.min, lo) || !bytes.Equal(b.max, hi) {
			t.Fatalf("round %d: %q are between %q and %q instead of %q and %q", round, all, b.min, b.max, lo, hi)
		}
	}
}
