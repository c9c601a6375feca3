package transform

import (
	"strings"
	"time"
)

// The layouts in which the columns of times are rebuilt.
const (
	layoutSeconds = "2006-01-02T15:04:05Z"
	layoutMicros  = "2006-01-02T15:04:05.000000Z"
	layoutCSV     = "2006-01-02 15:04:05"
)

// The years that a time column holds.
const (
	minYear = 1
	maxYear = 9999
)

// canonicalTime reads a time in exactly the form that it would be rebuilt in.
func canonicalTime(s []byte, form timeForm) (micros int64, ok bool) {
	return new(calendar).canonical(s, form)
}

func (c *calendar) canonical(s []byte, form timeForm) (micros int64, ok bool) {
	switch {
	case form == formCSV:
		if len(s) != len(layoutCSV) || s[10] != ' ' {
			return 0, false
		}
		return c.civil(s, 0)
	case len(s) == len(layoutSeconds):
		if s[10] != 'T' || s[19] != 'Z' || form == formMicros {
			return 0, false
		}
		return c.civil(s, 0)
	case len(s) == len(layoutMicros):
		frac, ok := sixDigits(load(s, 19))
		if s[10] != 'T' || form == formSeconds || !ok || frac == 0 && form == formEither {
			return 0, false
		}
		return c.civil(s, frac)
	}
	return 0, false
}

// appendTime writes a time in the form of its column.
func appendTime(dst []byte, micros int64, form timeForm) []byte {
	t := time.UnixMicro(micros).UTC()
	switch {
	case form == formCSV:
		return t.AppendFormat(dst, layoutCSV)
	case form == formMicros, form == formEither && micros%1e6 != 0:
		return t.AppendFormat(dst, layoutMicros)
	default:
		return t.AppendFormat(dst, layoutSeconds)
	}
}

// looseTime reads a time whose meaning is sure although its form is another: a fraction of up to nine digits (cut at
// microseconds), an offset, the offset followed by a Z that old records have, and, where naive is true, no zone at all, which
// then is zone seconds east of UTC.
func looseTime(s []byte, naive bool, zone int) (micros int64, ok bool) {
	if len(s) < 19 || s[10] != 'T' && s[10] != ' ' {
		return 0, false
	}
	rest := s[19:]
	frac := int64(0)
	if len(rest) > 0 && rest[0] == '.' {
		n := digits(rest, 1) - 1
		if n < 1 || n > 9 {
			return 0, false
		}
		scale := int64(100_000)
		for _, c := range rest[1 : 1+n] {
			frac += int64(c-'0') * scale
			scale /= 10
		}
		rest = rest[1+n:]
	}
	switch {
	case len(rest) == 0:
		if !naive {
			return 0, false
		}
	case len(rest) == 1 && rest[0] == 'Z':
		zone = 0
	default:
		if len(rest) == 7 && rest[6] == 'Z' {
			rest = rest[:6]
		}
		if zone, ok = offset(rest); !ok {
			return 0, false
		}
	}
	if micros, ok = new(calendar).civil(s, frac); !ok {
		return 0, false
	}
	micros -= int64(zone) * 1e6
	year := time.UnixMicro(micros).UTC().Year()
	return micros, year >= minYear && year <= maxYear
}

// offset reads +hh:mm as seconds east of UTC.
func offset(s []byte) (int, bool) {
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	h, ok1 := number(s[1:3])
	m, ok2 := number(s[4:6])
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, false
	}
	v := int(h*3600 + m*60)
	if s[0] == '-' {
		v = -v
	}
	return v, true
}

// cutZone splits a CSV header into its name and the zone behind it, as in "Start Time (UTC+5:30)", in seconds east of
// UTC. found is false if no zone is there.
func cutZone(header string) (name string, zone int, found bool) {
	open := strings.LastIndexByte(header, '(')
	if open <= 0 || header[len(header)-1] != ')' {
		return header, 0, false
	}
	in := header[open+1 : len(header)-1]
	if len(in) < 3 || (in[:3] != "UTC" && in[:3] != "GMT" && in[:3] != "utc") {
		return header, 0, false
	}
	zone, ok := zoneOffset(in[3:])
	if !ok {
		return header, 0, false
	}
	name = header[:open]
	for len(name) > 0 && name[len(name)-1] == ' ' {
		name = name[:len(name)-1]
	}
	return name, zone, name != ""
}

// zoneOffset reads "", "+0", "-5", "+05:30", "+0530".
func zoneOffset(s string) (int, bool) {
	for len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	if s == "" {
		return 0, true
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	neg := s[0] == '-'
	var d []byte
	colon := false
	for i := 1; i < len(s); i++ {
		if s[i] == ':' && !colon && (i == 2 || i == 3) {
			colon = true
			if i == 2 {
				d = append([]byte{'0'}, d...)
			}
			continue
		}
		d = append(d, s[i])
	}
	switch len(d) {
	case 1:
		d = []byte{'0', d[0], '0', '0'}
	case 2:
		d = append(d, '0', '0')
	case 4:
	default:
		return 0, false
	}
	v, ok := number(d)
	if !ok || v/100 > 14 || v%100 > 59 {
		return 0, false
	}
	sec := int(v/100*3600 + v%100*60)
	if neg {
		sec = -sec
	}
	return sec, true
}
