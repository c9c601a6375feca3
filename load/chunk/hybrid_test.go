package chunk

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// runsOf makes values in runs of many lengths, so that packed groups and runs meet in every way.
func runsOf(r *rand.Rand, n int, values uint32) []uint32 {
	var out []uint32
	for len(out) < n {
		v, k := r.Uint32N(values), 1+r.IntN([]int{1, 3, 9, 40, 200}[r.IntN(5)])
		for range min(k, n-len(out)) {
			out = append(out, v)
		}
	}
	return out
}

// What is written must be read again, whatever the lengths of runs, the width and the pieces in which it is read.
func TestHybrid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for round := range 3000 {
		width := 1 + r.IntN(31)
		want := runsOf(r, r.IntN(300), min(uint32(1)<<width, 5))
		if r.IntN(2) == 0 {
			want = runsOf(r, r.IntN(300), 1<<width)
		}
		h := hybrid{b: appendHybrid(nil, want, width), width: width}
		var got []uint32
		var err error
		for len(got) < len(want) && err == nil {
			var some []uint32
			some, err = h.some(make([]uint32, min(1+r.IntN(70), len(want)-len(got))))
			got = append(got, some...)
		}
		if err != nil || !slices.Equal(got, want) || len(h.b) > 0 {
			t.Fatalf("round %d, width %d: %v became %v (%v, %d bytes left)", round, width, want, got, err, len(h.b))
		}
		h = hybrid{b: appendHybrid(nil, want, width), width: width}
		if most, err := h.greatest(len(want)); err != nil || len(want) > 0 && most != slices.Max(want) || len(want) == 0 && most != 0 {
			t.Fatalf("round %d, width %d: the greatest of %v is %d (%v)", round, width, want, most, err)
		}
		h = hybrid{b: appendHybrid(nil, want, width), width: width}
		if n, err := h.count(len(want), 1); err != nil || n != len(slices.DeleteFunc(slices.Clone(want), func(v uint32) bool { return v != 1 })) {
			t.Fatalf("round %d, width %d: %d of %v are 1 (%v)", round, width, n, want, err)
		}
	}
}

func TestHybridBits(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	for round := range 3000 {
		want := runsOf(r, 1+r.IntN(400), 2)
		var m bitmap
		for i := 0; i < len(want); {
			n := 1
			for i+n < len(want) && want[i+n] == want[i] {
				n++
			}
			switch {
			case r.IntN(2) == 0:
				m.appendRun(want[i] == 1, n)
			default:
				var other bitmap
				other.appendRun(want[i] == 0, 3)
				other.appendRun(want[i] == 1, n)
				other.appendRun(want[i] == 0, 5)
				m.appendBits(other.b, 3, n)
			}
			i += n
		}
		if m.n != len(want) || ones(m.b, 0, m.n) != int(sum(want)) {
			t.Fatalf("round %d: %d bits with %d ones instead of %v", round, m.n, ones(m.b, 0, m.n), want)
		}
		b := appendHybridBits(nil, &m)
		h := hybrid{b: b, width: 1}
		if n, err := h.count(len(want), 1); err != nil || n != int(sum(want)) || len(h.b) > 0 {
			t.Fatalf("round %d: %d ones instead of %d (%v)", round, n, sum(want), err)
		}
		var again bitmap
		h = hybrid{b: b, width: 1}
		for again.n < m.n {
			if err := h.appendBitsTo(&again, min(1+r.IntN(90), m.n-again.n)); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if !slices.Equal(again.b, m.b) {
			t.Fatalf("round %d: %x became %x", round, m.b, again.b)
		}
	}
}

func sum(v []uint32) (s uint32) {
	for _, x := range v {
		s += x
	}
	return s
}
