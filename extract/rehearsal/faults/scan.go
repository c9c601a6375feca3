package faults

import "bytes"

// member is a member of an object: its name with the quotes, and its value.
type member struct {
	name  []byte
	value []byte
}

// cutObject cuts an object into its members, whose bytes stay those of b. It takes for granted that b is JSON, and
// reports false where it is something else than an object.
func cutObject(b []byte) (members []member, ok bool) {
	ok = cutList(b, '{', '}', func(item []byte) bool {
		end := skipValue(item, 0)
		if end == 0 || item[0] != '"' {
			return false
		}
		colon := skipSpace(item, end)
		if colon == len(item) || item[colon] != ':' {
			return false
		}
		members = append(members, member{name: item[:end], value: bytes.TrimSpace(item[colon+1:])})
		return true
	})
	return members, ok
}

// cutArray cuts an array into its elements.
func cutArray(b []byte) (elements [][]byte, ok bool) {
	ok = cutList(b, '[', ']', func(item []byte) bool {
		elements = append(elements, item)
		return true
	})
	return elements, ok
}

// cutList gives what stands between the commas of an object or array.
func cutList(b []byte, open, closing byte, give func(item []byte) bool) bool {
	b = bytes.TrimSpace(b)
	if len(b) < 2 || b[0] != open || b[len(b)-1] != closing {
		return false
	}
	i := skipSpace(b, 1)
	if i == len(b)-1 {
		return true
	}
	for {
		from := i
		for i < len(b)-1 && b[i] != ',' {
			next := skipValue(b, i)
			if next == i {
				next++ // a colon or a space
			}
			i = next
		}
		item := bytes.TrimSpace(b[from:i])
		if len(item) == 0 || !give(item) {
			return false
		}
		if i >= len(b)-1 {
			return i == len(b)-1
		}
		i = skipSpace(b, i+1)
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns where the value that begins at i ends; i if none does. It does not recurse, whatever the depth.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i++
			for i < len(b) && b[i] != '"' {
				if b[i] == '\\' {
					i++
				}
				i++
			}
			if i >= len(b) {
				return len(b)
			}
			i++
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			for i < len(b) && bytes.IndexByte([]byte("{}[]\",: \t\n\r"), b[i]) < 0 {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}
