package transform

import "encoding/binary"

// The records of a Stream name their members in nearly the same order, so the decoder compares a name with the member
// that is likely to come next before it looks for the name's end. A wrong guess costs the comparison and nothing else.

// spelling is a member's name with the quote behind it, cut such that it is compared by loads of eight bytes.
type spelling struct {
	head, mask uint64 // the first eight bytes, and the bits of them that count
	tail       uint64 // the last eight
	size       int
	middle     string // what is between them

	next [2]*member // the two that followed this one last
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

// learn notes that a member followed.
func (s *spelling) learn(m *member) {
	if s.next[0] != m {
		s.next[0], s.next[1] = m, s.next[0]
	}
}

// follower returns the member whose name is at i, and the index of its value, if it is one of the two that are likely
// behind this one. It may not see names with escapes, and those at the end of b.
func (s *spelling) follower(b []byte, i int) (m *member, value int) {
	if i+9 > len(b) || b[i] != '"' {
		return nil, failed
	}
	i++
	head := load(b, i)
	for _, m := range &s.next {
		if m == nil {
			break
		}
		end := i + m.size
		if (head^m.head)&m.mask == 0 && end+1 < len(b) && b[end] == ':' && (m.size <= 8 || m.isRest(b[i:end])) {
			if b[end+1] > ' ' {
				return m, end + 1
			}
			return m, space(b, end+1)
		}
	}
	return nil, failed
}

// isRest compares what stands behind the first eight bytes of a name of more.
func (s *spelling) isRest(text []byte) bool {
	return load(text, len(text)-8) == s.tail && (len(text) <= 16 || string(text[8:len(text)-8]) == s.middle)
}
