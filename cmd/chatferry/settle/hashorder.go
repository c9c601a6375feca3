package settle

import (
	"math/bits"
	"slices"
)

// hashOrder returns the indexes of hashes in their order, and in that of tie where they are equal. Hashes are spread evenly:
// dealt to as many piles as there are, each lies in its place or next to it.
func hashOrder(hashes []uint64, tie func(a, b uint32) int) []uint32 {
	if len(hashes) == 0 {
		return nil
	}
	low, high := slices.Min(hashes), slices.Max(hashes)
	shift := max(0, bits.Len64(high-low)-bits.Len(uint(len(hashes))))
	piles := make([]uint32, (high-low)>>shift+1) // first how many lie on each, then where each begins, then where it ends
	for _, h := range hashes {
		piles[(h-low)>>shift]++
	}
	sum := uint32(0)
	for i, n := range piles {
		piles[i] = sum
		sum += n
	}
	order := make([]uint32, len(hashes))
	for i, h := range hashes {
		pile := &piles[(h-low)>>shift]
		order[*pile] = uint32(i)
		*pile++
	}
	compare := func(a, b uint32) int {
		if hashes[a] != hashes[b] {
			return sign(hashes[a] < hashes[b])
		}
		return tie(a, b)
	}
	from := uint32(0)
	for _, to := range piles {
		if to-from > 1 {
			slices.SortFunc(order[from:to], compare)
		}
		from = to
	}
	return order
}
