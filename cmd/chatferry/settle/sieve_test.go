package settle

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"chatferry/checkpoint/atomicfile/faultfs"
)

// What a sieve finds is what the merge of all keys finds of the new ones, with the same files, whatever the limits and
// where the chunks of a file end.
func TestSieveEqualsMerge(t *testing.T) {
	found, sifted := 0, 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 12))
		spread := uint64(1) << rng.IntN(64)
		sets := make([][]uint64, 1+rng.IntN(12))
		var all []uint64
		for i := range sets {
			for range rng.IntN(120) {
				key := rng.Uint64() / spread * spread
				if len(all) > 0 && rng.IntN(3) == 0 {
					key = all[rng.IntN(len(all))]
				}
				if key &^= excludedBit; rng.IntN(4) == 0 {
					key |= excludedBit
				}
				sets[i], all = append(sets[i], key), append(all, key)
			}
		}
		d := newDerivedFiles(faultfs.NewDisk().Process(nil))
		d.buffer = make([]byte, keysHeader+keySize*rng.IntN(20))
		holders := makeHolders(t, d, sets)
		fresh := map[uint64]bool{}
		for i := range holders {
			if holders[i].fresh = rng.IntN(3) == 0; holders[i].fresh {
				for _, key := range sets[i] {
					fresh[key&^excludedBit] = true
				}
			} else {
				holders[i].keys = keyFile{}
			}
		}
		s := &settler{derived: d, limits: limits{rangeKeys: int64(1 + rng.IntN(200)), candidates: 1 + rng.IntN(40)}}
		got := map[uint64][]bool{}
		ok, err := s.sift(t.Context(), nil, holders, func(c *candidates) error {
			for _, hash := range c.hashes {
				got[hash] = slices.Clone(c.holders)
			}
			if !slices.IsSorted(c.hashes) || len(c.hashes) > s.limits.candidates {
				t.Errorf("seed %d: a batch of %d: %x", seed, len(c.hashes), c.hashes)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			continue
		}
		sifted++
		f := finder{derived: d, holders: makeHolders(t, d, sets), room: 50, most: 1}
		want := 0
		err = f.find(t.Context(), func(c *candidates) error {
			for _, hash := range c.hashes {
				if !fresh[hash] {
					continue
				}
				want++
				if got[hash] == nil {
					t.Errorf("seed %d: %x was not found", seed, hash)
				}
				for i := range sets {
					holds := slices.ContainsFunc(sets[i], func(key uint64) bool { return key&^excludedBit == hash })
					if got[hash] != nil && holds && !got[hash][i] {
						t.Errorf("seed %d: file %d holds %x and is not named", seed, i, hash)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != want {
			t.Errorf("seed %d: found %d, want %d", seed, len(got), want)
		}
		found += want
	}
	t.Logf("%d candidates in %d of 300", found, sifted)
	if found == 0 || sifted < 50 {
		t.Error("nothing was ever found")
	}
}

// meet finds what two lists have in common, in whatever pieces one of them comes.
func TestMeet(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 13))
		list := func(n int) (out []uint64) {
			for range n {
				out = append(out, uint64(rng.IntN(1+rng.IntN(400)))<<1)
			}
			slices.Sort(out)
			return out
		}
		hashes := slices.Compact(list(rng.IntN(200)))
		keys := list(rng.IntN(200))
		for i := range keys {
			keys[i] |= uint64(rng.IntN(2))
		}
		slices.Sort(keys)
		type met struct {
			index, j int
			key      uint64
		}
		var want, got []met
		for j, key := range keys {
			if i, ok := slices.BinarySearch(hashes, key&^excludedBit); ok {
				want = append(want, met{i, j, key})
			}
		}
		at, before := 0, 0
		for some := range slices.Chunk(keys, 1+rng.IntN(60)) {
			var b []byte
			for _, key := range some {
				b = binary.LittleEndian.AppendUint64(b, key)
			}
			at = meet(hashes, at, b, func(index, j int, key uint64) { got = append(got, met{index, before + j, key}) })
			before += len(some)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: met %v, want %v", seed, got, want)
		}
	}
}
