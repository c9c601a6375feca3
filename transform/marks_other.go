//go:build !amd64

package transform

// markBlocks fills marks from the blocks of b and from the tail, which stands behind them, and says whether b is UTF-8.
func markBlocks(marks []uint64, b []byte, tail *[markBytes]byte) (valid bool) {
	return markWords(marks, b, tail)
}
