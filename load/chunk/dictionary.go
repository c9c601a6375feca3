package chunk

import (
	"encoding/binary"
	"math/bits"
)

// dictionary numbers distinct strings in the order in which they come.
type dictionary struct {
	numbers map[string]uint32
	strings []string
	plain   []byte // the strings as a plain page has them
	// recent holds, by a rough hash, the number plus 1 of the string that was met last: most strings come again soon,
	// and to compare one costs less than to look it up.
	recent [256]uint32
}

func (d *dictionary) reset() {
	if len(d.strings) > 1<<12 {
		d.numbers = nil // a map keeps its size
	}
	clear(d.numbers)
	d.strings, d.plain = d.strings[:0], kept(d.plain)
	clear(d.recent[:])
}

// number returns the number of a string.
func (d *dictionary) number(s []byte) uint32 {
	slot := &d.recent[rough(s)]
	if *slot > 0 && d.strings[*slot-1] == string(s) {
		return *slot - 1
	}
	n, ok := d.numbers[string(s)]
	if !ok {
		if d.numbers == nil {
			d.numbers = map[string]uint32{}
		}
		own := string(s)
		n = uint32(len(d.strings))
		d.numbers[own], d.strings = n, append(d.strings, own)
		d.plain = binary.LittleEndian.AppendUint32(d.plain, uint32(len(s)))
		d.plain = append(d.plain, s...)
	}
	*slot = n + 1
	return n
}

// rough hashes the length, the first and the last bytes of a string.
func rough(s []byte) uint8 {
	h := uint64(len(s))
	switch {
	case len(s) >= 8:
		h ^= binary.LittleEndian.Uint64(s) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(s[len(s)-8:]), 29)
	case len(s) >= 4:
		h ^= uint64(binary.LittleEndian.Uint32(s))<<32 ^ uint64(binary.LittleEndian.Uint32(s[len(s)-4:]))
	default:
		for _, c := range s {
			h = h<<8 ^ uint64(c)
		}
	}
	return uint8(h * 0x9E3779B97F4A7C15 >> 56)
}

// width is the number of bits of a number, at least 1: some readers know no 0.
func (d *dictionary) width() int { return max(1, bits.Len(uint(max(len(d.strings), 1)-1))) }
