package chatapi

import (
	"cmp"
	"iter"
	"slices"
	"sort"
)

// key is where a chat stands in the export: its update second, and its number, which stands for its id.
type key struct {
	second int64
	chat   int64
}

// order keeps keys sorted while some come and go. It holds runs of keys, so that a change moves few of them.
type order struct {
	runs [][]key // none is empty
	cmp  func(x, y key) int
}

const runLength = 1024

// newOrder makes an order of keys that are sorted already, whose memory it copies.
func newOrder(sorted []key, compare func(x, y key) int) *order {
	o := &order{cmp: compare}
	for part := range slices.Chunk(sorted, runLength) {
		run := make([]key, len(part), runLength+runLength/4)
		copy(run, part)
		o.runs = append(o.runs, run)
	}
	return o
}

// insert adds k, which must not be there.
func (o *order) insert(k key) {
	r := o.run(k)
	if r == len(o.runs) {
		if r == 0 {
			o.runs = append(o.runs, []key{k})
			return
		}
		r--
	}
	at, _ := slices.BinarySearchFunc(o.runs[r], k, o.cmp)
	run := slices.Insert(o.runs[r], at, k)
	if len(run) >= 2*runLength {
		half := slices.Clone(run[runLength:])
		o.runs = slices.Insert(o.runs, r+1, half)
		run = run[:runLength:runLength]
	}
	o.runs[r] = run
}

// remove takes k away, and reports whether it was there.
func (o *order) remove(k key) bool {
	r := o.run(k)
	if r == len(o.runs) {
		return false
	}
	at, found := slices.BinarySearchFunc(o.runs[r], k, o.cmp)
	if !found {
		return false
	}
	o.runs[r] = slices.Delete(o.runs[r], at, at+1)
	if len(o.runs[r]) == 0 {
		o.runs = slices.Delete(o.runs, r, r+1)
	}
	return true
}

// run returns the first run whose last key is not before k.
func (o *order) run(k key) int {
	return sort.Search(len(o.runs), func(r int) bool { return o.cmp(o.runs[r][len(o.runs[r])-1], k) >= 0 })
}

// from returns the keys from the first on that passes, which all behind it must as well.
func (o *order) from(passes func(key) bool) iter.Seq[key] {
	return func(yield func(key) bool) {
		r := sort.Search(len(o.runs), func(r int) bool { return passes(o.runs[r][len(o.runs[r])-1]) })
		if r == len(o.runs) {
			return
		}
		at := sort.Search(len(o.runs[r]), func(k int) bool { return passes(o.runs[r][k]) })
		for ; r < len(o.runs); r, at = r+1, 0 {
			for _, k := range o.runs[r][at:] {
				if !yield(k) {
					return
				}
			}
		}
	}
}

func compareSeconds(x, y key) int { return cmp.Compare(x.second, y.second) }
