package chunk

import (
	"encoding/binary"
	"math/bits"
)

// dictionary numbers distinct strings in the order in which they come. It holds no pointers: what a string is stands in
// plain only.
type dictionary struct {
	plain  []byte   // the strings as a plain page has them
	starts []uint32 // of the strings in plain, behind their lengths
	slots  []slot   // a hash table of twice as many slots as strings at least; their number is a power of two

	// The string that was met last: many a string comes several times in a row.
	last       []byte
	lastNumber uint32
	lastHash   uint64
}

// slot is a place of the hash table.
type slot struct {
	hash  uint32 // of the string
	after uint32 // its number plus 1; 0 in an empty slot
}

const (
	leastSlots = 64
	mostSlots  = 1 << 16 // that are worth keeping for the next column chunk
)

func (d *dictionary) reset() {
	if len(d.slots) > mostSlots {
		d.slots = nil
	}
	clear(d.slots)
	d.plain, d.starts, d.last = kept(d.plain), d.starts[:0], nil
}

// number returns the number of a string and its hash.
func (d *dictionary) number(s []byte) (uint32, uint64) {
	if string(s) == string(d.last) && len(d.starts) > 0 {
		return d.lastNumber, d.lastHash
	}
	h := hash(s)
	n := d.find(s, uint32(h>>32))
	d.last, d.lastNumber, d.lastHash = d.string(n), n, h
	return n, h
}

// find returns the number of a string other than the last one. If it is new, it is added.
func (d *dictionary) find(s []byte, hash uint32) uint32 {
	if len(d.slots) <= 2*len(d.starts) {
		d.widen()
	}
	i := d.slot(hash)
	for ; d.slots[i].after > 0; i = (i + 1) & (len(d.slots) - 1) {
		if n := d.slots[i].after - 1; d.slots[i].hash == hash && string(d.string(n)) == string(s) {
			return n
		}
	}
	d.plain = binary.LittleEndian.AppendUint32(d.plain, uint32(len(s)))
	d.starts = append(d.starts, uint32(len(d.plain)))
	d.plain = append(d.plain, s...)
	d.slots[i] = slot{hash, uint32(len(d.starts))}
	return uint32(len(d.starts) - 1)
}

// slot returns where the search for a hash begins.
func (d *dictionary) slot(hash uint32) int { return int(hash) & (len(d.slots) - 1) }

// string returns the string with a number.
func (d *dictionary) string(n uint32) []byte {
	start := d.starts[n]
	return d.plain[start:][:binary.LittleEndian.Uint32(d.plain[start-4:])]
}

// widen doubles the hash table.
func (d *dictionary) widen() {
	old := d.slots
	d.slots = make([]slot, max(2*len(old), leastSlots))
	for _, s := range old {
		if s.after > 0 {
			i := d.slot(s.hash)
			for d.slots[i].after > 0 {
				i = (i + 1) & (len(d.slots) - 1)
			}
			d.slots[i] = s
		}
	}
}

// width is the number of bits of a number, at least 1: some readers know no 0.
func (d *dictionary) width() int { return max(1, bits.Len(uint(max(len(d.starts), 1)-1))) }
