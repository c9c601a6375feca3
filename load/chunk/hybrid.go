package chunk

import (
	"encoding/binary"
	"errors"
	"math"
)

// Levels and dictionary indexes stand in Parquet as a hybrid of runs: a run of one value (its length times 2, then the
// value in whole bytes), or groups of eight values packed bit by bit (their number times 2 plus 1, then the bits). The
// last group is filled up with zeros, which nobody reads.

// leastRun is the number of equal values from which on a run costs less than their bits.
const leastRun = 24

// appendHybrid appends values of width bits each, at most 32.
func appendHybrid[T byte | uint32](dst []byte, values []T, width int) []byte {
	packed := 0 // values[packed:i] wait to be packed; their number is a multiple of 8
	for i := 0; i < len(values); {
		n := equal(values[i:])
		if n < leastRun && i+n < len(values) || n < 8 && i > packed {
			i = min(i+8, len(values))
			continue
		}
		dst = appendPacked(dst, values[packed:i], width)
		dst = binary.AppendUvarint(dst, uint64(n)<<1)
		for v, k := uint32(values[i]), width; k > 0; k -= 8 {
			dst = append(dst, byte(v))
			v >>= 8
		}
		i += n
		packed = i
	}
	return appendPacked(dst, values[packed:], width)
}

// equal returns how many values at the beginning are the same.
func equal[T byte | uint32](values []T) int {
	if b, ok := any(values).([]byte); ok {
		return equalBytes(b, b[0])
	}
	n := 1
	for n < len(values) && values[n] == values[0] {
		n++
	}
	return n
}

func appendPacked[T byte | uint32](dst []byte, values []T, width int) []byte {
	if len(values) == 0 {
		return dst
	}
	groups := (len(values) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	at, end := len(dst), len(dst)+groups*width
	dst = grow(dst, groups*width+8)
	var w uint64
	have := 0
	for _, v := range values {
		w |= uint64(v) << have
		if have += width; have >= 32 {
			binary.LittleEndian.PutUint32(dst[at:], uint32(w))
			at += 4
			w >>= 32
			have -= 32
		}
	}
	binary.LittleEndian.PutUint64(dst[at:], w)
	clear(dst[min(at+8, end):end])
	return dst[:end]
}

// appendHybridBits is appendHybrid for a bitmap, whose bytes are packed groups already.
func appendHybridBits(dst []byte, m *bitmap) []byte {
	const least = leastRun / 8
	whole := m.n / 8
	packed := 0
	flush := func(to int) {
		if to > packed {
			dst = binary.AppendUvarint(dst, uint64(to-packed)<<1|1)
			dst = append(dst, m.b[packed:to]...)
		}
	}
	for i := 0; i < whole; {
		c := m.b[i]
		if c != 0 && c != 0xFF {
			i++
			continue
		}
		n := equalBytes(m.b[i:whole], c)
		values := n * 8
		if i+n == whole && whole < len(m.b) && m.b[whole] == c&(1<<(m.n&7)-1) { // the rest of the bits are the same
			values += m.n & 7
		}
		if n >= least || values == m.n {
			flush(i)
			dst = binary.AppendUvarint(dst, uint64(values)<<1)
			dst = append(dst, c&1)
			packed = i + (values+7)/8
		}
		i += n
	}
	flush(len(m.b))
	return dst
}

var errHybrid = errors.New("levels or indexes end early, or hold runs of no length")

// hybrid reads what appendHybrid wrote.
type hybrid struct {
	b     []byte
	width int

	run   int // values left of the open run
	value uint32
	bits  []byte // values left of the open groups, if run is 0
	at    int    // bit in bits
}

// next opens the next run or groups and returns how many values it has, at most most. In the last groups that may be more
// than there are.
func (h *hybrid) next(most int) (n int, err error) {
	if h.run > 0 {
		return min(h.run, most), nil
	}
	if left := len(h.bits)*8 - h.at; left >= h.width && h.width > 0 {
		return min(left/h.width, most), nil
	}
	header, size := binary.Uvarint(h.b)
	if size <= 0 || header < 2 || header>>1 > math.MaxInt32 {
		return 0, errHybrid
	}
	h.b = h.b[size:]
	n = int(header >> 1)
	if header&1 == 0 {
		bytes := (h.width + 7) / 8
		if len(h.b) < bytes {
			return 0, errHybrid
		}
		h.value = 0
		for k := range bytes {
			h.value |= uint32(h.b[k]) << (8 * k)
		}
		h.b, h.run, h.bits = h.b[bytes:], n, nil
		return min(n, most), nil
	}
	if len(h.b) < n*h.width || h.width == 0 {
		return 0, errHybrid
	}
	h.bits, h.at, h.b = h.b[:n*h.width], 0, h.b[n*h.width:]
	return min(n*8, most), nil
}

// count passes over n values and returns how many of them are the one that is given.
func (h *hybrid) count(n int, value uint32) (sum int, err error) {
	for n > 0 {
		k, err := h.next(n)
		if err != nil {
			return 0, err
		}
		n -= k
		switch {
		case h.run > 0:
			h.run -= k
			if h.value == value {
				sum += k
			}
		case h.width == 1 && value == 1:
			sum += ones(h.bits, h.at, k)
			h.at += k
		default:
			mask := uint64(1)<<h.width - 1
			for range k {
				if uint32(word(h.bits, h.at)&mask) == value {
					sum++
				}
				h.at += h.width
			}
		}
	}
	return sum, nil
}

// greatest passes over n values and returns the greatest of them, 0 if n is 0.
func (h *hybrid) greatest(n int) (most uint32, err error) {
	var block [256]uint32
	for n > 0 {
		some, err := h.some(block[:min(len(block), n)])
		if err != nil {
			return 0, err
		}
		for _, v := range some {
			most = max(most, v)
		}
		n -= len(some)
	}
	return most, nil
}

// appendBitsTo reads n values of one bit.
func (h *hybrid) appendBitsTo(m *bitmap, n int) error {
	for n > 0 {
		k, err := h.next(n)
		if err != nil {
			return err
		}
		n -= k
		if h.run > 0 {
			if h.value > 1 {
				return errHybrid
			}
			h.run -= k
			m.appendRun(h.value == 1, k)
			continue
		}
		m.appendBits(h.bits, h.at, k)
		h.at += k
	}
	return nil
}
