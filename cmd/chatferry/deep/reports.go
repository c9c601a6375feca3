package deep

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// checkReport adds the columns of a row of a report that say something else than every cell they may stand for. A header
// names the column that has its words, the zone behind the times apart. What a column has must be what its cell means; a
// cell that has no column, or one that is null, stands in _extra, which the record is rebuilt from.
func (s *sheet) checkReport(p *paths, row int, v *value) {
	for i := range s.columns {
		c := &s.columns[i]
		if c.array.IsNull(row) {
			continue
		}
		ok := false
		for k, header := range v.names {
			name, zone := headerOf(header)
			ok = ok || name == c.name && holdsCell(c.array, row, v.items[k].text, zone)
		}
		if !ok {
			p.add("column " + string(s.table) + "." + c.name)
		}
	}
}

// headerOf splits a header into the name of its column and the zone of its times, in seconds east of UTC.
func headerOf(header string) (column string, zone int) {
	name, in, ok := cutLast(strings.TrimSpace(header), "(")
	if ok {
		if offset, found := offsetOf(strings.TrimSuffix(in, ")")); found {
			header, zone = name, offset
		}
	}
	words := strings.FieldsFunc(strings.ToLower(header), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
	return strings.Join(words, "_"), zone
}

func cutLast(s, sep string) (before, after string, ok bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
}

// offsetOf reads UTC, UTC+2, UTC-03:30 or GMT+0530.
func offsetOf(text string) (seconds int, ok bool) {
	for _, name := range []string{"UTC", "utc", "GMT"} {
		rest, is := strings.CutPrefix(text, name)
		if !is {
			continue
		}
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return 0, true
		}
		sign := 1
		if rest[0] == '-' {
			sign = -1
		}
		hours, minutes, colon := strings.Cut(rest[1:], ":")
		if !colon && len(hours) == 4 {
			hours, minutes = hours[:2], hours[2:]
		}
		h, err := strconv.Atoi(hours)
		m := 0
		if err == nil && minutes != "" {
			m, err = strconv.Atoi(minutes)
		}
		return sign * (h*60 + m) * 60, err == nil
	}
	return 0, false
}

// holdsCell holds the text of a cell against a column that is not null.
func holdsCell(a arrow.Array, row int, cell string, zone int) bool {
	switch a := a.(type) {
	case *array.String:
		return a.Value(row) == cell
	case *array.Int64:
		n, err := strconv.ParseInt(cell, 10, 64)
		return err == nil && n == a.Value(row)
	case *array.Float64:
		f, err := strconv.ParseFloat(cell, 64)
		return err == nil && f == a.Value(row)
	case *array.Boolean:
		switch strings.ToLower(cell) {
		case "true", "yes", "1":
			return a.Value(row)
		case "false", "no", "0":
			return !a.Value(row)
		}
	case *array.Timestamp:
		micros, ok := instantOf(cell, zone)
		return ok && micros == int64(a.Value(row))
	}
	return false
}
