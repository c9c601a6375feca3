package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// The cutter finds records by strings and brackets alone. What is broken inside a record, a bad escape, NaN, a control
// character, concerns that record only, and is for Transform to say; what is broken around the records makes the whole
// answer one to be asked for again.

var (
	errCutShort  = errors.New("it stops before its end")
	errStructure = errors.New("its structure is broken")
	errTrailing  = errors.New("something follows its end")
)

// member is one member of an object: its name, decoded, and the bytes of its value.
type member struct {
	name  string
	value []byte
}

func isWhite(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// isPlain reports whether c can stand inside a number or a word.
func isPlain(c byte) bool {
	switch c {
	case '"', '{', '}', '[', ']', ',', ':':
		return false
	}
	return !isWhite(c)
}

func skipWhite(b []byte, i int) int {
	for i < len(b) && isWhite(b[i]) {
		i++
	}
	return i
}

// valueEnd returns where the value ends that begins at b[i].
func valueEnd(b []byte, i int) (int, error) {
	if i >= len(b) {
		return 0, errCutShort
	}
	switch b[i] {
	case '"':
		return textEnd(b, i)
	case '{', '[':
	default:
		end := i
		for end < len(b) && isPlain(b[end]) {
			end++
		}
		if end == i {
			return 0, errStructure
		}
		return end, nil
	}
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			end, err := textEnd(b, i)
			if err != nil {
				return 0, err
			}
			i = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
		i++
	}
	return 0, errCutShort
}

// textEnd returns where the string ends that begins at b[i].
func textEnd(b []byte, i int) (int, error) {
	n := stringEnd(b[i+1:])
	if n < 0 {
		return 0, errCutShort
	}
	return i + 1 + n + 1, nil
}

// eachElement calls f with every element of the array that begins at b[i], and returns where the array ends.
func eachElement(b []byte, i int, f func(raw []byte)) (int, error) {
	for i, first := i+1, true; ; first = false {
		i = skipWhite(b, i)
		if first && i < len(b) && b[i] == ']' {
			return i + 1, nil
		}
		end, err := valueEnd(b, i)
		if err != nil {
			return 0, err
		}
		f(b[i:end:end])
		if i = skipWhite(b, end); i >= len(b) {
			return 0, errCutShort
		}
		switch b[i] {
		case ']':
			return i + 1, nil
		case ',':
			i++
		default:
			return 0, errStructure
		}
	}
}

// eachMember calls f with every member of the object that begins at b[i], until f returns false. It returns where the
// object ends.
func eachMember(b []byte, i int, f func(name, value []byte) bool) (int, error) {
	for i, first := i+1, true; ; first = false {
		i = skipWhite(b, i)
		if first && i < len(b) && b[i] == '}' {
			return i + 1, nil
		}
		if i >= len(b) {
			return 0, errCutShort
		}
		if b[i] != '"' {
			return 0, errStructure
		}
		nameEnd, err := textEnd(b, i)
		if err != nil {
			return 0, err
		}
		name := b[i:nameEnd]
		if i = skipWhite(b, nameEnd); i >= len(b) {
			return 0, errCutShort
		}
		if b[i] != ':' {
			return 0, errStructure
		}
		i = skipWhite(b, i+1)
		end, err := valueEnd(b, i)
		if err != nil {
			return 0, err
		}
		if !f(name, b[i:end:end]) {
			return end, nil
		}
		if i = skipWhite(b, end); i >= len(b) {
			return 0, errCutShort
		}
		switch b[i] {
		case '}':
			return i + 1, nil
		case ',':
			i++
		default:
			return 0, errStructure
		}
	}
}

// begin returns where the one value of a body begins.
func begin(body []byte, bracket byte) (int, error) {
	i := skipWhite(body, 0)
	switch {
	case i == len(body):
		return 0, errCutShort
	case body[i] != bracket:
		return 0, fmt.Errorf("%w: it does not begin with %c", errStructure, bracket)
	}
	return i, nil
}

func checkEnd(body []byte, end int) error {
	if skipWhite(body, end) != len(body) {
		return errTrailing
	}
	return nil
}

// cutArray cuts a body, or a value, that is an array.
func cutArray(body []byte) ([][]byte, error) {
	i, err := begin(body, '[')
	if err != nil {
		return nil, err
	}
	var list [][]byte
	end, err := eachElement(body, i, func(raw []byte) { list = append(list, raw) })
	if err != nil {
		return nil, err
	}
	return list, checkEnd(body, end)
}

// cutObject cuts a body, or a value, that is an object. A name that stands twice is refused, since nobody can tell which
// of the two is meant.
func cutObject(body []byte) ([]member, error) {
	i, err := begin(body, '{')
	if err != nil {
		return nil, err
	}
	var list []member
	seen := map[string]bool{}
	twice := false
	end, err := eachMember(body, i, func(name, value []byte) bool {
		m := member{nameOf(name), value}
		twice = twice || seen[m.name]
		seen[m.name] = true
		list = append(list, m)
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case twice:
		return nil, fmt.Errorf("%w: it has a member twice", errStructure)
	}
	return list, checkEnd(body, end)
}

// nameOf decodes a member's name. One that cannot be decoded is taken as it stands.
func nameOf(quoted []byte) string {
	plain := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(plain, '\\') < 0 {
		return string(plain)
	}
	return textOf(quoted)
}

// textOf decodes a JSON string; "" if it is none.
func textOf(value []byte) string {
	var s string
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// find returns the value of a member; nil if there is none.
func find(list []member, name string) []byte {
	for i := range list {
		if list[i].name == name {
			return list[i].value
		}
	}
	return nil
}

// isNull reports whether a member is absent or null.
func isNull(value []byte) bool { return value == nil || string(value) == "null" }

// memberOf returns the first member of that name of a raw record, nil if it has none or is no object that far.
func memberOf(raw []byte, name string) (found []byte) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	// What is broken behind the member does not matter here.
	_, _ = eachMember(raw, 0, func(quoted, value []byte) bool {
		if nameOf(quoted) == name {
			found = value
		}
		return found == nil
	})
	return found
}
