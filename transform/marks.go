package transform

import (
	"math/bits"
	"unicode/utf8"
)

// marked is a record together with what one pass over it has found, so that no string in it is looked at byte by byte.
type marked struct {
	b []byte

	// marks has a bit for each byte, the first byte's the lowest of the first word: it is set if the byte ends plain text
	// inside a JSON string, being a quote, a backslash or a control character. It is set for the places behind the record, up
	// to the end of a word that has nothing else.
	marks []uint64
	utf8  bool // the bytes are UTF-8
}

// markBytes is the number of bytes that have their bits in one word of marks.
const markBytes = 64

// mark looks through a record.
func (r *marked) mark(b []byte) {
	blocks := len(b) / markBytes
	if cap(r.marks) < blocks+2 {
		r.marks = make([]uint64, blocks+2+blocks/4)
	}
	r.b, r.marks = b, r.marks[:blocks+2]
	r.marks[blocks+1] = ^uint64(0)
	var tail [markBytes]byte // what is no whole block, and at least one zero behind it
	copy(tail[:], b[blocks*markBytes:])
	r.utf8 = markBlocks(r.marks[:blocks+1], b, &tail)
}

// plainEnd returns the index, at or after i, of the first byte that is not plain text inside a JSON string. It is len(b) if
// there is none. It must be that 0 <= i <= len(b).
func (r *marked) plainEnd(i int) int {
	if m := r.from(i); m != 0 {
		return i + bits.TrailingZeros64(m)
	}
	return r.farEnd(i + markBytes)
}

func (r *marked) farEnd(i int) int {
	m := r.from(i)
	for ; m == 0; m = r.from(i) {
		i += markBytes
	}
	return i + bits.TrailingZeros64(m)
}

// from returns the marks of the next markBytes bytes.
func (r *marked) from(i int) uint64 {
	k, before := uint(i)/markBytes, uint(i)%markBytes
	return r.marks[k]>>before | r.marks[k+1]<<1<<(markBytes-1-before)
}

// markWords is markBlocks without the help of the processor.
func markWords(marks []uint64, b []byte, tail *[markBytes]byte) (valid bool) {
	last := len(marks) - 1
	for k := range last {
		marks[k] = markBlock(b[k*markBytes:])
	}
	marks[last] = markBlock(tail[:])
	return isUTF8(b)
}

// markBlock returns the word of the first markBytes bytes.
func markBlock(b []byte) (m uint64) {
	_ = b[markBytes-1]
	for i := 0; i < markBytes; i += 8 {
		w := load(b, i)
		// The top bits of these are clear where a byte below 0x80 is not plain.
		above := (w^lows*2)&^tops + lows*(0x80-0x21) // with its second bit turned, the quote stands right behind the control characters
		other := (w^lows*'\\')&^tops + lows*0x7F
		stops := ^(above&other | w) & tops
		m |= stops >> 7 * 0x0102040810204080 >> 56 << i // the top bits, gathered in the highest byte
	}
	return m
}

// isUTF8 is utf8.Valid for text of which most is ASCII, with other letters here and there.
func isUTF8(b []byte) bool {
	for i := 0; i < len(b); {
		switch {
		case i+8 <= len(b) && load(b, i)&tops == 0:
			i += 8
		case b[i] < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size == 1 {
				return false
			}
			i += size
		}
	}
	return true
}
