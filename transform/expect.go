package transform

import "encoding/binary"

// The records of a Stream name their members in nearly the same order, so the decoder compares a name with the member
// that is likely to come next before it looks for the name's end. A wrong guess costs the comparison and nothing else.

// spelling is a member's name with the quote behind it, cut such that it is compared by loads of eight bytes.
type spelling struct {
	head, tail uint64 // the first eight bytes and the last eight
	mask       uint64 // the bits of both that count, if there are fewer than eight bytes
	last       int    // where tail begins
	size       int
}

func spell(name string) spelling {
	text := append([]byte(name), '"')
	s := spelling{mask: ^uint64(0), last: max(0, len(text)-8), size: len(text)}
	if len(text) < 8 {
		s.mask = 1<<(8*len(text)) - 1
	}
	var room [8]byte
	copy(room[:], text)
	s.head = binary.LittleEndian.Uint64(room[:])
	copy(room[:], text[s.last:])
	s.tail = binary.LittleEndian.Uint64(room[:])
	return s
}

// valueOf returns the index of the member's value if the name whose opening quote is at i-1 is the member's. Otherwise, and
// where the name is written with escapes or stands at the very end of b, it returns failed.
func (m *member) valueOf(b []byte, i int) int {
	if i+m.last+8 > len(b) || b[i-1] != '"' || ((binary.LittleEndian.Uint64(b[i:])^m.head)|(binary.LittleEndian.Uint64(b[i+m.last:])^m.tail))&m.mask != 0 {
		return failed
	}
	if m.size > 16 && string(b[i+8:i+m.last]) != m.name[8:m.last] {
		return failed
	}
	i += m.size
	if i < len(b) && b[i] == ':' {
		return space(b, i+1)
	}
	return failed
}

// expectation is what the decoder learns about the order of an object's members. By the index of a member plus 1, 0 being
// the object's beginning, it has the two that followed it last, as their indexes plus 1.
type expectation [maxMembers + 1][2]uint8

// learn notes that member `next` followed.
func (e *expectation) learn(after, next int) {
	if f := &e[after]; f[0] != uint8(next) {
		f[0], f[1] = uint8(next), f[0]
	}
}

// expected returns the index of the member whose name is at i, and that of its value, if it is one of the two that are
// likely behind the member `after`.
func (n *node) expected(b []byte, i, after int) (j, value int) {
	for _, next := range n.next[after] {
		if next > 0 {
			if value = n.members[next-1].valueOf(b, i+1); value >= 0 {
				return int(next) - 1, value
			}
		}
	}
	return -1, failed
}
