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
	last    uint32 // the number that was given last: neighbours are often the same
}

func (d *dictionary) reset() {
	if len(d.strings) > 1<<12 {
		d.numbers = nil // a map keeps its size
	}
	clear(d.numbers)
	d.strings, d.plain, d.last = d.strings[:0], kept(d.plain), 0
}

// number returns the number of a string.
func (d *dictionary) number(s []byte) uint32 {
	if int(d.last) < len(d.strings) && d.strings[d.last] == string(s) {
		return d.last
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
	d.last = n
	return n
}

// width is the number of bits of a number, at least 1: some readers know no 0.
func (d *dictionary) width() int { return max(1, bits.Len(uint(max(len(d.strings), 1)-1))) }
