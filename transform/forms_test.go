package transform

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTimeForms: a time that a column takes as canonical is the one package time reads, and is written back as it was.
func TestTimeForms(t *testing.T) {
	first := time.Date(minYear, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	last := time.Date(maxYear, 12, 31, 23, 59, 59, 999_999_000, time.UTC).UnixMicro()
	rapid.Check(t, func(rt *rapid.T) {
		micros := rapid.Int64Range(first, last).Draw(rt, "micros")
		form := rapid.SampledFrom([]timeForm{formSeconds, formMicros, formEither, formCSV}).Draw(rt, "form")
		if form != formMicros && (form != formEither || rapid.Bool().Draw(rt, "whole")) {
			micros -= (micros%1e6 + 1e6) % 1e6
		}
		text := appendTime(nil, micros, form)
		if got, ok := canonicalTime(text, form); !ok || got != micros {
			rt.Fatalf("%s is read as %d, %t, not %d", text, got, ok, micros)
		}
		if got, ok := looseTime(text, true, 0); !ok || got != micros {
			rt.Fatalf("%s is read loosely as %d, %t, not %d", text, got, ok, micros)
		}
	})
}

// TestTimeTexts compares with package time on texts that are nearly right.
func TestTimeTexts(t *testing.T) {
	text := rapid.StringMatching(`[0-2]\d{3}-[01]\d-[0-3]\d[T ][0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,9})?(Z|[+-](0\d|1\d|2[0-3]):[0-5]\d)`) // package time takes +24:60, too
	rapid.Check(t, func(rt *rapid.T) {
		s := text.Draw(rt, "text")
		want, err := time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "T", 1))
		got, ok := looseTime([]byte(s), false, 0)
		refused := err != nil || want.UTC().Year() < minYear || s[:4] == "0000"
		if ok == refused {
			rt.Fatalf("%s: taken %t, but package time says %v %v", s, ok, want, err)
		}
		if ok && got != want.UnixMicro() {
			rt.Fatalf("%s is %d, not %d", s, got, want.UnixMicro())
		}
	})
	for _, s := range []string{
		"", "2017", "2017-04-24", "2017-04-24T04:36:45", "2017-04-24T04:36:45.", "2017-04-24T04:36:45.Z", "2017-04-24T04:36:45.1234567890Z", "2017-04-24t04:36:45Z",
		"2017-04-24T04:36:45z", "2017-04-24T04:36:45+0000", "2017-04-24T04:36:45+00:00ZZ", "2017-04-24T04:36:45ZZ", " 2017-04-24T04:36:45Z", "2017-04-24T24:00:00Z",
		"2017-13-01T00:00:00Z", "2017-00-01T00:00:00Z", "2017-01-00T00:00:00Z", "1900-02-29T00:00:00Z", "-017-04-24T04:36:45Z", "2017-04-24T04:36:60Z",
	} {
		if got, ok := looseTime([]byte(s), false, 0); ok {
			t.Errorf("%q was taken as %d", s, got)
		}
	}
}

// TestFloats: a float64 counts as exact if and only if its shortest text is the very same number.
func TestFloats(t *testing.T) {
	number := rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][+-]?\d{1,3})?`),
		rapid.StringMatching(`-?0\.0{0,20}[0-9]{1,18}`),
		rapid.StringMatching(`[1-9]\d{0,17}0{0,25}`),
	)
	rapid.Check(t, func(rt *rapid.T) {
		s := number.Draw(rt, "number")
		v, exact, ok := parseFloat([]byte(s))
		want, _ := new(big.Rat).SetString(s)
		if !ok {
			if f, _ := want.Float64(); want.Sign() == 0 || f != 0 && !isInf(f) {
				rt.Fatalf("%s was refused", s)
			}
			return
		}
		if f, _ := want.Float64(); f != v {
			rt.Fatalf("%s was read as %g, not %g", s, v, f)
		}
		back, _ := new(big.Rat).SetString(string(appendFloat(nil, v)))
		if exact != (back.Cmp(want) == 0) {
			rt.Fatalf("%s: exact %t, but the column gives back %s", s, exact, appendFloat(nil, v))
		}
	})
}

func isInf(f float64) bool { return f > 1.7976931348623157e308 || f < -1.7976931348623157e308 }

// TestInts: a number fills an integer column if and only if it is whole and fits.
func TestInts(t *testing.T) {
	number := rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9]\d{0,20})(\.\d{1,6})?([eE][+-]?\d{1,2})?`),
		rapid.StringMatching(`-?(0|[1-9]\d{0,20})(\.0{1,6})?`),
		rapid.StringMatching(`-?92233720368547758(0[0-9])`),
		rapid.StringMatching(`-?9\.22337203685477580[0-9]e18`),
	)
	rapid.Check(t, func(rt *rapid.T) {
		s := number.Draw(rt, "number")
		want, _ := new(big.Rat).SetString(s)
		fits := want.IsInt() && want.Num().IsInt64()
		v, ok := exactInt([]byte(s))
		if ok != fits || ok && v != want.Num().Int64() {
			rt.Fatalf("%s was read as %d, %t", s, v, ok)
		}
		if strings.Trim(s, "-0123456789") == "" {
			v, ok := wholeNumber([]byte(s))
			if ok != (fits && s != "-0") || ok && v != want.Num().Int64() {
				rt.Fatalf("%s was read as the plain number %d, %t", s, v, ok)
			}
		}
	})
}

func TestCreatedAt(t *testing.T) {
	cases := []struct{ id, want string }{
		{"1704.2314999.QHgVx6SOrRuSx", "2017-04-24T04:36:44.804000Z"},
		{"2104.1.SVhDCJ9000000", "2021-04-26T13:54:02.171000Z"},
		{"1704.2314999.QHgVx6SOrRuS", ""},
		{"1704.2314999.QHgVx6SOrRuSxx", ""},
		{"1704.2314999.QHgVx6-OrRuSx", ""},
		{"1704.2314999.QHgVx6SOrRu é", ""},
		{"2314999.QHgVx6SOrRuSx", ""},
		{"a.b.c.QHgVx6SOrRuSx", ""},
		{"123", ""},
		{"", ""},
	}
	for _, c := range cases {
		got := ""
		if micros, ok := createdAt([]byte(c.id)); ok {
			got = string(appendTime(nil, micros, formMicros))
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.id, got, c.want)
		}
	}
}
