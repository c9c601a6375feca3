package settle

import (
	"context"
	"encoding/binary"
	"slices"
	"sort"
)

// The rows of files that were settled together before do not supersede each other: what one file holds is named by its
// SHA-256, and the state remembers which files these are. So a candidate is a hash of one of the other files, which are
// few and small after a small change. A sieve holds their hashes, and lets all key files run past them once.
type sieve struct {
	hashes []uint64 // of the new files, sorted, each once
	hits   []hit
}

// hit is an occurrence of one of the hashes in a file.
type hit struct {
	holder int32
	at     uint32 // twice the index of the hash, plus the excludedBit
}

// Of a sieve's hashes, each may be met so often on average. When a hash is met in more files, the merge is no dearer.
const hitsPerHash = 4

// sift finds the candidates of a Stream by a sieve. It reports whether it could: not if no file was settled before, or too
// many keys are new.
func (s *settler) sift(ctx context.Context, k *keyed, holders []holder, visit func(*candidates) error) (bool, error) {
	v, err := s.newSieve(ctx, k, holders)
	if v == nil || err != nil {
		return false, err
	}
	for i := range holders {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		before := len(v.hits)
		at := 0
		found, err := s.scanned(ctx, &keysKind, k, holders[i].file, func(b []byte) {
			at = meet(v.hashes, at, b, func(index int, _ int, key uint64) {
				v.hits = append(v.hits, hit{int32(i), uint32(index)<<1 | uint32(key&excludedBit)})
			})
		}, func() { v.hits, at = v.hits[:before], 0 })
		if err != nil {
			return false, err
		}
		s.opened(&holders[i], found)
		if int64(len(v.hits)) > s.limits.rangeKeys*hitsPerHash {
			return false, nil
		}
	}
	s.report.Sifted++
	return true, v.candidates(len(holders), s.limits.candidates, visit)
}

// newSieve holds the hashes of the new files, or returns nil if there is no use in it or no room for it.
func (s *settler) newSieve(ctx context.Context, k *keyed, holders []holder) (*sieve, error) {
	var total int64
	fresh := 0
	for i := range holders {
		if holders[i].fresh {
			total += holders[i].keys.count
			fresh++
		}
	}
	if fresh == len(holders) || total > s.limits.rangeKeys {
		return nil, nil
	}
	v := &sieve{hashes: make([]uint64, 0, total)}
	for i := range holders {
		if !holders[i].fresh {
			continue
		}
		before := len(v.hashes)
		_, err := s.scanned(ctx, &keysKind, k, holders[i].file, func(b []byte) {
			for ; len(b) > 0; b = b[keySize:] {
				v.hashes = append(v.hashes, hashAt(b, 0))
			}
		}, func() { v.hashes = v.hashes[:before] })
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(v.hashes)
	v.hashes = slices.Compact(v.hashes)
	return v, nil
}

// candidates calls visit for batches of about most of the hashes that were met again and are a row's.
func (v *sieve) candidates(holders, most int, visit func(*candidates) error) error {
	n := int64(len(v.hashes))
	once, again, rows := newBitmap(n), newBitmap(n), newBitmap(n)
	for _, h := range v.hits {
		i := uint64(h.at >> 1)
		if once.has(i) {
			again.set(i)
		}
		once.set(i)
		if h.at&excludedBit == 0 {
			rows.set(i)
		}
	}
	for i := range again {
		again[i] &= rows[i]
	}
	batch := candidates{holders: make([]bool, holders)}
	for from := 0; from < len(v.hashes); {
		to := from
		batch.hashes = batch.hashes[:0]
		clear(batch.holders)
		for ; to < len(v.hashes) && len(batch.hashes) < most; to++ {
			if again.has(uint64(to)) {
				batch.hashes = append(batch.hashes, v.hashes[to])
			}
		}
		for _, h := range v.hits {
			if i := int(h.at >> 1); from <= i && i < to && again.has(uint64(i)) {
				batch.holders[h.holder] = true
			}
		}
		from = to
		if len(batch.hashes) == 0 {
			continue
		}
		if err := visit(&batch); err != nil {
			return err
		}
	}
	return nil
}

// hashAt is the j-th hash of the bytes of a file, without the excludedBit.
func hashAt(b []byte, j int) uint64 { return binary.LittleEndian.Uint64(b[j*keySize:]) &^ excludedBit }

// meet calls visit for each hash of a file, of which b are the next bytes, that is among some: with its index there, and
// its index in b. All are sorted, and those of the file may repeat. It goes from the index `at` on and returns the one to
// go on from. It leaps over what cannot be equal, so that a few hashes meet a great many at the cost of reading them.
func meet(hashes []uint64, at int, b []byte, visit func(index, j int, key uint64)) int {
	n := len(b) / keySize
	for j := 0; at < len(hashes); {
		want := hashes[at]
		j = leap(j, n, func(j int) bool { return hashAt(b, j) >= want })
		if j == n {
			return at
		}
		key := hashAt(b, j)
		if key == want {
			visit(at, j, binary.LittleEndian.Uint64(b[j*keySize:]))
			j++
			continue
		}
		at = leap(at, len(hashes), func(i int) bool { return hashes[i] >= key })
	}
	return at
}

// leap returns the first index from `from` to n of which ok is true, as sort.Search does, or n; the nearer it is the faster.
func leap(from, n int, ok func(int) bool) int {
	step := 1
	for from < n && !ok(from) {
		next := from + step
		if next >= n || ok(next) {
			return from + 1 + sort.Search(min(next, n)-from-1, func(i int) bool { return ok(from + 1 + i) })
		}
		from, step = next, step*2
	}
	return from
}
