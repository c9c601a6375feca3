package chunk

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// dictionary numbers distinct strings in the order in which they come. It holds no pointers: what a string is stands in
// plain only.
type dictionary struct {
	plain []byte // the strings as a plain page has them
	n     uint32 // strings
	slots []slot // a hash table of twice as many slots as strings at least; their number is a power of two
	last  slot   // of the string that was met last: many a string comes several times in a row
	hash  uint64 // of that string
}

// slot is a place of the hash table. It is empty where start is 0.
type slot struct {
	hash   uint32 // of the string
	number uint32
	start  uint32 // in plain, behind its length
	length uint32
}

const (
	leastSlots = 64
	mostSlots  = 1 << 15 // that are worth keeping for the next column chunk
)

func (d *dictionary) reset() {
	if len(d.slots) > mostSlots {
		d.slots = nil
	}
	clear(d.slots)
	d.plain, d.n, d.last = kept(d.plain), 0, slot{}
}

// held is how many bytes of memory it keeps.
func (d *dictionary) held() int { return cap(d.plain) + int(unsafe.Sizeof(slot{}))*cap(d.slots) }

// lastMet returns the string that was met last, its number and its hash.
func (d *dictionary) lastMet() ([]byte, uint32, uint64) {
	return d.string(d.last), d.last.number, d.hash
}

// string returns the string of a slot.
func (d *dictionary) string(s slot) []byte { return d.plain[s.start:][:s.length] }

// meet finds the number of a string, which is the last one from now on. If it is new, it is added.
func (d *dictionary) meet(s []byte) {
	d.hash = hash(s)
	d.last = d.find(s, uint32(d.hash>>32))
}

func (d *dictionary) find(s []byte, hash uint32) slot {
	if len(d.slots) <= 2*int(d.n) {
		d.widen()
	}
	i := d.first(hash)
	for ; d.slots[i].start > 0; i = (i + 1) & (len(d.slots) - 1) {
		if at := d.slots[i]; at.hash == hash && string(d.string(at)) == string(s) {
			return at
		}
	}
	d.plain = binary.LittleEndian.AppendUint32(d.plain, uint32(len(s)))
	at := slot{hash, d.n, uint32(len(d.plain)), uint32(len(s))}
	d.plain = append(d.plain, s...)
	d.n++
	d.slots[i] = at
	return at
}

// first returns where the search for a hash begins.
func (d *dictionary) first(hash uint32) int { return int(hash) & (len(d.slots) - 1) }

// widen doubles the hash table.
func (d *dictionary) widen() {
	old := d.slots
	d.slots = make([]slot, max(2*len(old), leastSlots))
	for _, s := range old {
		if s.start > 0 {
			i := d.first(s.hash)
			for d.slots[i].start > 0 {
				i = (i + 1) & (len(d.slots) - 1)
			}
			d.slots[i] = s
		}
	}
}

// width is the number of bits of a number, at least 1: some readers know no 0.
func (d *dictionary) width() int { return max(1, bits.Len(uint(max(d.n, 1)-1))) }
