package chunk

import "encoding/binary"

// some reads at least one value, and at most as many as dst has, into dst.
func (h *hybrid) some(dst []uint32) ([]uint32, error) {
	n, err := h.next(len(dst))
	if err != nil {
		return nil, err
	}
	dst = dst[:n]
	if h.run == 0 {
		h.unpack(dst)
		return dst, nil
	}
	h.run -= n
	for i := range dst {
		dst[i] = h.value
	}
	return dst, nil
}

// unpack reads as many values as dst has from the open groups of h, which has them.
func (h *hybrid) unpack(dst []uint32) {
	mask := uint64(1)<<h.width - 1
	per := (wordBits - 1) / h.width // values that a word is sure to hold
	at := h.at
	for len(dst) >= per && at>>3+8 <= len(h.bits) {
		w := binary.LittleEndian.Uint64(h.bits[at>>3:]) >> (at & 7)
		for i := range dst[:per] {
			dst[i] = uint32(w & mask)
			w >>= h.width
		}
		dst = dst[per:]
		at += per * h.width
	}
	for i := range dst {
		dst[i] = uint32(word(h.bits, at) & mask)
		at += h.width
	}
	h.at = at
}
