package deep

import (
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// mostElements is how many elements an array of a chat may have to become rows of a child table.
const mostElements = 1 << 17

// holdsLength holds the length of an array against the column that says it.
func holdsLength(a arrow.Array, row int, v *value) bool {
	n, ok := a.(*array.Int32)
	if !ok {
		return false
	}
	if v == nil || v.kind != '[' || len(v.items) > mostElements {
		return n.IsNull(row)
	}
	return n.IsValid(row) && int(n.Value(row)) == len(v.items)
}

// holdsText holds a value against the column that has its JSON text.
func holdsText(a arrow.Array, row int, v *value) bool {
	text, ok := a.(*array.String)
	if !ok {
		return false
	}
	if v == nil || v.kind == 'n' || text.IsNull(row) {
		return text.IsNull(row) && (v == nil || v.kind == 'n')
	}
	got, err := parse([]byte(text.Value(row)))
	return err == nil && got.fingerprint() == v.fingerprint()
}

// holdsField holds a value against its typed column. A value of the column's own form must stand in it. One of another form
// may, if it says the same; else the column is null, as it is where the field is null or absent.
func holdsField(a arrow.Array, row int, v *value) bool {
	if v == nil || v.kind == 'n' {
		return a.IsNull(row)
	}
	switch a := a.(type) {
	case *array.String:
		switch v.kind {
		case '"':
			return a.IsValid(row) && a.Value(row) == written(v.text)
		case '0':
			return a.IsNull(row) || a.Value(row) == v.text
		}
	case *array.Int64:
		text, own := numeral(v)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && own && strconv.FormatInt(n, 10) == text {
			return a.IsValid(row) && a.Value(row) == n
		}
		return a.IsNull(row) || text != "" && exactNumber(text) == exactNumber(strconv.FormatInt(a.Value(row), 10))
	case *array.Float64:
		text, own := numeral(v)
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || text == "" {
			return a.IsNull(row)
		}
		if own && len(text) <= 15 && a.IsNull(row) {
			return false
		}
		return a.IsNull(row) || a.Value(row) == f
	case *array.Boolean:
		truth, own, ok := truthOf(v)
		if !ok {
			return a.IsNull(row)
		}
		return a.IsNull(row) && !own || a.IsValid(row) && a.Value(row) == truth
	case *array.Timestamp:
		return holdsTime(a, row, v)
	case *array.List:
		return holdsList(a, row, v)
	}
	return a.IsNull(row)
}

// written is a text as UTF-8 has it, with U+FFFD in place of each half of a surrogate pair.
func written(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			n = 3 // a half has the three bytes that exactText gives it
		}
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

// numeral is the text of a number, also of one in quotes, "" if it is none; own says that it is a number.
func numeral(v *value) (text string, own bool) {
	switch v.kind {
	case '0':
		return v.text, true
	case '"':
		if _, ok := new(big.Float).SetString(v.text); ok && strings.Trim(v.text, "+-.0123456789eE") == "" && v.text[0] != '+' {
			return v.text, false
		}
	}
	return "", false
}

func truthOf(v *value) (truth, own, ok bool) {
	switch {
	case v.kind == 't', v.kind == 'f':
		return v.kind == 't', true, true
	case (v.kind == '0' || v.kind == '"') && (v.text == "1" && v.kind == '0' || v.text == "true"):
		return true, false, true
	case (v.kind == '0' || v.kind == '"') && (v.text == "0" && v.kind == '0' || v.text == "false"):
		return false, false, true
	}
	return false, false, false
}

// The forms of a time: those of the API, and those that are met in old records and reports.
const (
	formSeconds = "2006-01-02T15:04:05Z"
	formMicros  = "2006-01-02T15:04:05.000000Z"
)

func holdsTime(a *array.Timestamp, row int, v *value) bool {
	if v.kind != '"' {
		return a.IsNull(row)
	}
	for _, form := range []string{formSeconds, formMicros} {
		if t, err := time.Parse(form, v.text); err == nil && t.Year() > 0 && len(v.text) == len(form) {
			return a.IsValid(row) && int64(a.Value(row)) == t.UnixMicro()
		}
	}
	if a.IsNull(row) {
		return true
	}
	micros, ok := instantOf(v.text, 0)
	return ok && micros == int64(a.Value(row))
}

// instantOf reads a time in another form: with a space for the T, a fraction, an offset, an offset with a Z behind it, or, in
// the zone that is given in seconds east of UTC, none.
func instantOf(text string, zone int) (micros int64, ok bool) {
	if len(text) > 10 && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	if n := len(text); n > 7 && text[n-1] == 'Z' && text[n-4] == ':' && (text[n-7] == '+' || text[n-7] == '-') {
		text = text[:n-1]
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t, err = time.ParseInLocation("2006-01-02T15:04:05.999999999", text, time.FixedZone("", zone))
	}
	if err != nil {
		return 0, false
	}
	// What is finer than a microsecond is cut off.
	return t.Add(-time.Duration(t.Nanosecond() % 1000)).UnixMicro(), true
}

func holdsList(a *array.List, row int, v *value) bool {
	if v.kind != '[' {
		return a.IsNull(row)
	}
	from, to := a.ValueOffsets(row)
	if a.IsNull(row) || int(to-from) != len(v.items) {
		return false
	}
	for i, item := range v.items {
		at := int(from) + i
		switch elements := a.ListValues().(type) {
		case *array.String, *array.Int64:
			if !holdsField(elements, at, item) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
