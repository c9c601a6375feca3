package rehearsal

import (
	"strconv"
	"unicode/utf8"
)

// What follows appends JSON by hand: an account of a million chats is written at the speed of the disk, not of
// reflection.

func appendInt(b []byte, v int64) []byte { return strconv.AppendInt(b, v, 10) }

func append2(b []byte, v int) []byte { return append(b, byte('0'+v/10), byte('0'+v%10)) }

func appendHex4(b []byte, v uint16) []byte {
	const hex = "0123456789abcdef"
	return append(b, hex[v>>12], hex[v>>8&15], hex[v>>4&15], hex[v&15])
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}

// appendFloat appends v without an exponent.
func appendFloat(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'f', -1, 64) }

// appendMicros appends microseconds as seconds, the way a float prints: 459.213926, 12.5, 3.0.
func appendMicros(b []byte, us int64) []byte {
	b = appendInt(b, us/1_000_000)
	b = append(b, '.')
	frac, digits := us%1_000_000, 6
	for digits > 1 && frac%10 == 0 {
		frac /= 10
		digits--
	}
	from := len(b)
	b = append(b, "000000"[:digits]...)
	for i := from + digits - 1; i >= from; i-- {
		b[i] = byte('0' + frac%10)
		frac /= 10
	}
	return b
}

// appendEscaped appends s as it stands between the quotes of a JSON string.
func appendEscaped(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < ' ':
			b = append(b, `\u`...)
			b = appendHex4(b, uint16(c))
		default:
			b = append(b, c)
		}
	}
	return b
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	b = appendEscaped(b, s)
	return append(b, '"')
}

// appendDate appends the date of a day since 1970, as 2021-03-09.
func appendDate(b []byte, days int64) []byte {
	z := days + 719_468 // days since 0000-03-01
	era := z / 146_097
	doe := z - era*146_097
	yoe := (doe - doe/1460 + doe/36_524 - doe/146_096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d := doy - (153*mp+2)/5 + 1
	m, y := mp+3, yoe+era*400
	if m > 12 {
		m, y = m-12, y+1
	}
	b = append2(append2(b, int(y/100)), int(y%100))
	b = append2(append(b, '-'), int(m))
	return append2(append(b, '-'), int(d))
}

// appendClock appends date and time without a zone, to the second.
func appendClock(b []byte, ms int64) []byte {
	days := ms / day
	b = append(appendDate(b, days), 'T')
	s := int(ms % day / second)
	b = append(append2(b, s/3600), ':')
	b = append(append2(b, s/60%60), ':')
	return append2(b, s%60)
}

// appendTime appends a time to the second, quoted.
func appendTime(b []byte, ms int64) []byte {
	b = appendClock(append(b, '"'), ms)
	return append(b, `Z"`...)
}

// appendTimeMicros appends a time to the microsecond, quoted.
func appendTimeMicros(b []byte, us int64) []byte {
	b = appendClock(append(b, '"'), us/1000)
	b = append(b, '.')
	frac := int(us % 1_000_000)
	b = append2(append2(append2(b, frac/10_000), frac/100%100), frac%100)
	return append(b, `Z"`...)
}

// likePython appends the JSON text src as Python's json.dumps writes it: a space behind colons and commas, and escapes
// for all that is not ASCII.
func likePython(b, src []byte) []byte {
	inString := false
	for i := 0; i < len(src); {
		c := src[i]
		if c < utf8.RuneSelf {
			b = append(b, c)
			i++
			switch {
			case c == '"':
				inString = !inString
			case inString && c == '\\':
				b = append(b, src[i])
				i++
			case !inString && (c == ':' || c == ','):
				b = append(b, ' ')
			}
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		i += n
		if r > 0xffff {
			r -= 0x10000
			b = appendHex4(append(b, `\u`...), uint16(0xd800+r>>10))
			r = 0xdc00 + r&0x3ff
		}
		b = appendHex4(append(b, `\u`...), uint16(r))
	}
	return b
}
