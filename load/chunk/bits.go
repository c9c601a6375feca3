package chunk

import (
	"encoding/binary"
	"math/bits"
)

// wordBits is how many bits of a word are sure to come from the bitmap.
const wordBits = 57

// word returns the bits of a bitmap from bit i on, wordBits of them, with zeros behind its end.
func word(b []byte, i int) uint64 {
	k := i >> 3
	if k+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[k:]) >> (i & 7)
	}
	var w uint64
	for j, c := range b[min(k, len(b)):] {
		w |= uint64(c) << (8 * j)
	}
	return w >> (i & 7)
}

// nextRun returns the first run of ones in a bitmap from bit i on. It begins at end if there is none.
func nextRun(b []byte, i, end int) (from, to int) {
	for i < end {
		if w := word(b, i); w != 0 {
			i += bits.TrailingZeros64(w)
			break
		}
		i += wordBits
	}
	if i >= end {
		return end, end
	}
	from = i
	for i < end {
		if n := bits.TrailingZeros64(^word(b, i)); n < wordBits {
			return from, min(i+n, end)
		}
		i += wordBits
	}
	return from, end
}

func bitAt(b []byte, i int) bool { return b[i>>3]>>(i&7)&1 != 0 }

// bitmap is a growing bitmap; the bits behind the last one are 0.
type bitmap struct {
	b []byte
	n int
}

func (m *bitmap) reset() { m.b, m.n = m.b[:0], 0 }

// put appends the lowest k bits of w, at most 56; the others are 0.
func (m *bitmap) put(w uint64, k int) {
	s := m.n & 7
	if s != 0 {
		last := len(m.b) - 1
		w = w<<s | uint64(m.b[last])
		m.b = m.b[:last]
	}
	m.n += k
	for k += s; k > 0; k -= 8 {
		m.b = append(m.b, byte(w))
		w >>= 8
	}
}

// appendRun appends one bit n times.
func (m *bitmap) appendRun(one bool, n int) {
	var w uint64
	if one {
		w = 1<<8 - 1
	}
	if k := min(n, -m.n&7); k > 0 { // up to a whole byte
		m.put(w&(1<<k-1), k)
		n -= k
	}
	m.b = appendByte(m.b, byte(w), n/8)
	m.n += n &^ 7
	if n &= 7; n > 0 {
		m.put(w&(1<<n-1), n)
	}
}

// appendBits appends n bits of another bitmap from bit at on.
func (m *bitmap) appendBits(b []byte, at, n int) {
	if k := min(n, -m.n&7); k > 0 { // up to a whole byte
		m.put(word(b, at)&(1<<k-1), k)
		at, n = at+k, n-k
	}
	if whole := n / 8; at&7 == 0 {
		m.b = append(m.b, b[at>>3:][:whole]...)
		m.n += 8 * whole
		at, n = at+8*whole, n&7
	}
	const step = 56
	for ; n > step; n -= step {
		m.put(word(b, at)&(1<<step-1), step)
		at += step
	}
	if n > 0 {
		m.put(word(b, at)&(1<<n-1), n)
	}
}

// appendByte appends a byte n times.
func appendByte(dst []byte, c byte, n int) []byte {
	at := len(dst)
	dst = grow(dst, n)
	run := dst[at:]
	if c == 0 {
		clear(run)
		return dst
	}
	for i := range run {
		run[i] = c
	}
	return dst
}

// equalBytes returns how many bytes at the beginning of b are c.
func equalBytes(b []byte, c byte) (n int) {
	for all := uint64(c) * 0x0101010101010101; n+8 <= len(b); n += 8 {
		if other := binary.LittleEndian.Uint64(b[n:]) ^ all; other != 0 {
			return n + bits.TrailingZeros64(other)/8
		}
	}
	for n < len(b) && b[n] == c {
		n++
	}
	return n
}
