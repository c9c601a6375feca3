package transform

import "encoding/binary"

// The records of a Stream name their members in nearly the same order, so the decoder compares a name with the member
// that is likely to come next before it looks for the name's end. A wrong guess costs the comparison and nothing else.

// spelling is a member's name with the quote behind it, cut such that it is compared by loads of eight bytes.
type spelling struct {
	head, mask uint64 // the first eight bytes, and the bits of them that count
	tail       uint64 // the last eight
	middle     string // what is between them
	size       int
}

func spell(name string) spelling {
	text := name + `"`
	s := spelling{size: len(text), mask: ^uint64(0)}
	if len(text) < 8 {
		s.mask = 1<<(8*len(text)) - 1
	}
	var room [8]byte
	copy(room[:], text)
	s.head = binary.LittleEndian.Uint64(room[:])
	if len(text) > 8 {
		s.tail = binary.LittleEndian.Uint64([]byte(text[len(text)-8:]))
	}
	if len(text) > 16 {
		s.middle = text[8 : len(text)-8]
	}
	return s
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
// likely behind the member `after` (its index plus 1). It may not see names with escapes, and those at the end of b.
func (n *node) expected(b []byte, i, after int) (j, value int) {
	i++
	if i+8 > len(b) || b[i-1] != '"' {
		return -1, failed
	}
	head := binary.LittleEndian.Uint64(b[i:])
	for _, next := range n.next[after] {
		if next == 0 {
			break
		}
		m := &n.members[next-1]
		end := i + m.size
		if (head^m.head)&m.mask != 0 || end >= len(b) || b[end] != ':' {
			continue
		}
		if m.size <= 8 || m.isRest(b[i:end]) {
			return int(next) - 1, space(b, end+1)
		}
	}
	return -1, failed
}

// isRest compares what stands behind the first eight bytes of a name of more.
func (s *spelling) isRest(text []byte) bool {
	return binary.LittleEndian.Uint64(text[len(text)-8:]) == s.tail && (len(text) <= 16 || string(text[8:len(text)-8]) == s.middle)
}
