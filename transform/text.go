package transform

import (
	"math/bits"
	"unicode/utf8"
)

// plainEnd returns the index, at or after i, of the first byte that is not plain text inside a JSON string: a quote, a
// backslash or a control character. It is len(b) if there is none.
func plainEnd(b []byte, i int) int {
	for i+8 <= len(b) {
		if m := notPlain(load(b, i)); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(b) && b[i] >= 0x20 && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

const (
	lows = 0x0101010101010101
	tops = 0x8080808080808080
)

// notPlain has the top bit of the first byte set that is not plain. Bits of later bytes may be wrong.
func notPlain(w uint64) uint64 {
	below := (w ^ lows*2) - lows*0x21 // with its second bit turned, the quote stands right behind the control characters
	slash := (w ^ lows*'\\') - lows
	return (below | slash) &^ w & tops
}

// skipString returns the index behind the string whose opening quote is at i-1, and whether it holds escapes.
func (d *decoder) skipString(i int) (next int, escaped bool) {
	b := d.b
	for {
		i = d.plainEnd(i)
		if i >= len(b) {
			return d.syntax(i, "the record ends inside a string"), escaped
		}
		switch b[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			escaped = true
			if i+1 >= len(b) {
				return d.syntax(i, "the record ends inside a string"), escaped
			}
			switch b[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if _, ok := hex4(b, i+2); !ok {
					return d.syntax(i, `a string holds \u without four hex digits`), escaped
				}
				i += 6
			default:
				return d.syntax(i, "a string holds an unknown escape"), escaped
			}
		default:
			return d.syntax(i, "a string holds an unescaped control character"), escaped
		}
	}
}

// appendString appends the text of the string whose opening quote is at i-1 to dst. Half a surrogate pair becomes U+FFFD,
// and lone is true.
func (d *decoder) appendString(dst *[]byte, i int) (next int, lone bool) {
	b := d.b
	for {
		j := d.plainEnd(i)
		*dst = append(*dst, b[i:j]...)
		if j < len(b) && b[j] == '"' {
			return j + 1, lone
		}
		if j+1 >= len(b) {
			return d.syntax(j, "the record ends inside a string"), lone
		}
		if b[j] != '\\' {
			return d.syntax(j, "a string holds an unescaped control character"), lone
		}
		i = j + 2
		switch c := b[j+1]; c {
		case '"', '\\', '/':
			*dst = append(*dst, c)
		case 'b':
			*dst = append(*dst, '\b')
		case 'f':
			*dst = append(*dst, '\f')
		case 'n':
			*dst = append(*dst, '\n')
		case 'r':
			*dst = append(*dst, '\r')
		case 't':
			*dst = append(*dst, '\t')
		case 'u':
			r, ok := hex4(b, i)
			if !ok {
				return d.syntax(j, `a string holds \u without four hex digits`), lone
			}
			i += 4
			if r>>11 == 0xD800>>11 {
				if low, ok := lowSurrogate(b, i); ok && r < 0xDC00 {
					r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
					i += 6
				} else {
					r, lone = utf8.RuneError, true
				}
			}
			*dst = utf8.AppendRune(*dst, r)
		default:
			return d.syntax(j, "a string holds an unknown escape"), lone
		}
	}
}

// appendKey appends the text of a string that skipString has passed, without its quotes, such that different JSON strings
// have different texts: half a surrogate pair keeps its value, in the three bytes that UTF-8 would give it.
func appendKey(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		i += 2
		switch c := s[i-1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(s, i)
			i += 4
			if low, ok := lowSurrogate(s, i); ok && r>>10 == 0xD800>>10 {
				r = (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
				i += 6
			}
			if r>>11 == 0xD800>>11 {
				dst = append(dst, 0xE0|byte(r>>12), 0x80|byte(r>>6&0x3F), 0x80|byte(r&0x3F))
			} else {
				dst = utf8.AppendRune(dst, r)
			}
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// lowSurrogate reads \uDC00 … \uDFFF at i.
func lowSurrogate(b []byte, i int) (rune, bool) {
	if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
		return 0, false
	}
	r, ok := hex4(b, i+2)
	return r, ok && r>>10 == 0xDC00>>10
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	v := rune(0)
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		v = v<<4 | rune(c)
	}
	return v, true
}

// appendJSONString appends valid UTF-8 as a JSON string.
func appendJSONString(dst []byte, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		j := plainEnd(s, i)
		dst = append(dst, s[i:j]...)
		if j == len(s) {
			break
		}
		switch c := s[j]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i = j + 1
	}
	return append(dst, '"')
}
