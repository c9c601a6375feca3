package transform

// The records of a Stream name their members in nearly the same order, so the decoder compares a name with the member
// that is likely to come next before it looks for the name's end. A wrong guess costs the comparison and nothing else.

// spelling is a member's name with the quote and the colon behind it, cut such that it is compared by loads of eight bytes.
type spelling struct {
	head, tail uint64     // the first eight bytes, and the last eight; both are all of it if there are fewer
	mask       uint64     // the bits of head and tail that count
	next       [2]*member // the two that followed this one last
	size       uint16
	tailAt     uint16
	long       bool // there is more between head and tail
}

func spell(name string) spelling {
	text := name + `":`
	s := spelling{size: uint16(len(text)), tailAt: uint16(max(len(text)-8, 0)), mask: ^uint64(0), long: len(text) > 16}
	if len(text) < 8 {
		s.mask = 1<<(8*len(text)) - 1
	}
	room := append([]byte(text), make([]byte, 8)...)
	s.head, s.tail = load(room, 0)&s.mask, load(room, int(s.tailAt))&s.mask
	return s
}

// learn notes that a member followed.
func (s *spelling) learn(m *member) {
	if s.next[0] != m {
		s.next[0], s.next[1] = m, s.next[0]
	}
}

// follower returns the member whose name is at i, and the index of its value, if it is one of the two that are likely
// behind this one. It may not see names with escapes, those with white space behind them, and those at the end of b.
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
		end := i + int(m.size)
		if end < len(b) && ((head^m.head)|(load(b, i+int(m.tailAt))^m.tail))&m.mask == 0 &&
			(!m.long || string(b[i:end-2]) == m.name) {
			if b[end] > ' ' {
				return m, end
			}
			return m, space(b, end)
		}
	}
	return nil, failed
}
