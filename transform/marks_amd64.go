package transform

import "golang.org/x/sys/cpu"

// markBlocks fills marks from the blocks of b and from the tail, which stands behind them, and says whether b is UTF-8.
func markBlocks(marks []uint64, b []byte, tail *[markBytes]byte) (valid bool) {
	if !cpu.X86.HasAVX2 {
		return markWords(marks, b, tail)
	}
	return markAVX2(marks, b, tail)
}

//go:noescape
func markAVX2(marks []uint64, b []byte, tail *[markBytes]byte) (valid bool)
