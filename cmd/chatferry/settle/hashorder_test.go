package settle

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The order of hashes is that of a sort, whether they are spread or not.
func TestHashOrder(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 4))
		hashes, ties := make([]uint64, rng.IntN(40)), make([]int, 40)
		narrow := rng.IntN(60)
		for i := range hashes {
			hashes[i], ties[i] = rng.Uint64()>>narrow, rng.IntN(3)
			if rng.IntN(3) == 0 {
				hashes[i] = hashes[rng.IntN(i+1)]
			}
		}
		compare := func(a, b uint32) int { return ties[a] - ties[b] }
		got := hashOrder(hashes, compare)
		met := make([]bool, len(hashes))
		for i, at := range got {
			met[at] = true
			if i > 0 {
				if before := got[i-1]; hashes[before] > hashes[at] || hashes[before] == hashes[at] && ties[before] > ties[at] {
					t.Fatalf("seed %d: %d comes before %d", seed, before, at)
				}
			}
		}
		if sorted := slices.Sorted(slices.Values(hashes)); !slices.Equal(sortedHashes(hashes), sorted) {
			t.Fatalf("seed %d: %x are not in order", seed, sortedHashes(hashes))
		}
		if len(got) != len(hashes) || slices.Contains(met, false) {
			t.Fatalf("seed %d: %v are not the indexes of %d hashes", seed, got, len(hashes))
		}
	}
}
