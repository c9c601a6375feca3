package settle

import (
	"bytes"
	"math/bits"
	"slices"
)

// piles are what hashes are dealt to, to be sorted: they are spread evenly, so that of as many piles as there are hashes
// each gets one or two, and the rest is little.
type piles struct {
	low   uint64
	shift int
	ends  []uint32 // of each pile; where it begins, until it is dealt
}

func newPiles(hashes []uint64) piles {
	if len(hashes) == 0 {
		return piles{}
	}
	p := piles{low: slices.Min(hashes)}
	span := slices.Max(hashes) - p.low
	p.shift = max(0, bits.Len64(span)-bits.Len(uint(len(hashes))))
	p.ends = make([]uint32, span>>p.shift+1)
	for _, h := range hashes {
		p.ends[(h-p.low)>>p.shift]++
	}
	sum := uint32(0)
	for i, n := range p.ends {
		p.ends[i] = sum
		sum += n
	}
	return p
}

// next returns where the next hash goes, of those that the piles were made for.
func (p *piles) next(hash uint64) uint32 {
	end := &p.ends[(hash-p.low)>>p.shift]
	*end++
	return *end - 1
}

// each calls sort for each pile that has more than one.
func (p *piles) each(sort func(from, to uint32)) {
	from := uint32(0)
	for _, to := range p.ends {
		if to-from > 1 {
			sort(from, to)
		}
		from = to
	}
}

// sortedHashes returns hashes in their order.
func sortedHashes(hashes []uint64) []uint64 {
	p := newPiles(hashes)
	sorted := make([]uint64, len(hashes))
	for _, h := range hashes {
		sorted[p.next(h)] = h
	}
	p.each(func(from, to uint32) { slices.Sort(sorted[from:to]) })
	return sorted
}

// visitorOrder returns the indexes of visitors in the order of hash and id. Of one that is there several times merge makes
// one, which alone is in the order; with no merge all are.
func visitorOrder(hashes []uint64, of func(uint32) *id, merge func(into, from uint32)) []uint32 {
	order := hashOrder(hashes, func(a, b uint32) int { return bytes.Compare(of(a)[:], of(b)[:]) })
	if merge == nil {
		return order
	}
	kept := order[:0]
	for _, i := range order {
		if n := len(kept); n > 0 && *of(kept[n-1]) == *of(i) {
			merge(kept[n-1], i)
		} else {
			kept = append(kept, i)
		}
	}
	return kept
}

// hashOrder returns the indexes of hashes in their order, and in that of tie where they are equal.
func hashOrder(hashes []uint64, tie func(a, b uint32) int) []uint32 {
	p := newPiles(hashes)
	order := make([]uint32, len(hashes))
	for i, h := range hashes {
		order[p.next(h)] = uint32(i)
	}
	compare := func(a, b uint32) int {
		if hashes[a] != hashes[b] {
			return sign(hashes[a] < hashes[b])
		}
		return tie(a, b)
	}
	p.each(func(from, to uint32) { slices.SortFunc(order[from:to], compare) })
	return order
}
