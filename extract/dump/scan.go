package dump

import "bytes"

// scanner finds the end of one JSON value by its strings and brackets alone. It accepts more than JSON: whether the
// value is valid is for Transform to say. It can be fed in pieces, and its depth is a number, so nesting costs nothing.
type scanner struct {
	begun  bool
	inText bool // inside a string
	escape bool // behind a backslash
	scalar bool // inside a number, true, false or null
	depth  int
}

// Classes of bytes outside strings.
const (
	other byte = iota
	quote
	opener
	closer
	white
	separator // a comma or colon
)

var classes = func() (t [256]byte) {
	t['"'] = quote
	t['{'], t['['] = opener, opener
	t['}'], t[']'] = closer, closer
	t[' '], t['\t'], t['\r'], t['\n'] = white, white, white, white
	t[','], t[':'] = separator, separator
	return t
}()

func isWhite(c byte) bool { return classes[c] == white }

// beginsValue reports whether a JSON value can begin with c.
func beginsValue(c byte) bool {
	return c == '{' || c == '[' || c == '"' || c == '-' || '0' <= c && c <= '9' || c == 't' || c == 'f' || c == 'n'
}

// scan reads on in the value. It returns how many bytes of b belong to it, and whether it ends there; a number or a
// word ends before the byte that follows it, which must therefore be seen. The first byte must begin a value.
func (s *scanner) scan(b []byte) (n int, done bool) {
	i := 0
	if !s.begun && len(b) > 0 {
		s.begun = true
		switch classes[b[0]] {
		case quote:
			s.inText = true
		case opener:
			s.depth = 1
		default:
			s.scalar = true
		}
		i = 1
	}
	if s.scalar {
		for i < len(b) && classes[b[i]] == other {
			i++
		}
		return i, i < len(b)
	}
	if s.inText {
		if i = s.text(b, i); s.inText {
			return i, false
		}
		if s.depth == 0 {
			return i, true
		}
	}
	depth := s.depth
	for i < len(b) {
		c := classes[b[i]]
		i++
		switch c {
		case quote:
			// Most strings end in b and hold no backslash, so they are passed over here.
			j := bytes.IndexByte(b[i:], '"')
			if j >= 0 && b[i+j-1] != '\\' {
				i += j + 1
				continue
			}
			s.inText = true
			if i = s.text(b, i); s.inText {
				s.depth = depth
				return i, false
			}
		case opener:
			depth++
		case closer:
			depth--
			if depth == 0 {
				return i, true
			}
		}
	}
	s.depth = depth
	return i, false
}

// text reads on in a string from b[i] and returns the byte behind its closing quote, or len(b).
func (s *scanner) text(b []byte, i int) int {
	if s.escape && i < len(b) {
		s.escape = false
		i++
	}
	for i < len(b) {
		j := bytes.IndexByte(b[i:], '"')
		end := i + j
		if j < 0 {
			end = len(b)
		}
		slashes := 0
		for k := end - 1; k >= i && b[k] == '\\'; k-- {
			slashes++
		}
		odd := slashes%2 == 1
		if j < 0 {
			s.escape = odd
			return end
		}
		i = end + 1
		if !odd {
			s.inText = false
			return i
		}
	}
	return i
}

// whole returns the length of the value that b begins with, if it ends in b.
func whole(b []byte) (n int, ok bool) {
	var s scanner
	n, ok = s.scan(b)
	return n, ok || s.scalar
}
