package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"chatferry"
)

// A value is one field of Config: it reads itself from text and prints itself so that it reads back the same.
type value interface {
	Set(text string) error
	String() string
}

// A list is a value that takes several texts. A layer of the configuration that names it replaces it whole.
type list interface {
	value
	Clear()
	Texts() []string
}

// size is a number of bytes.
type size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"TB", 1e12},
	{"GB", 1e9},
	{"MB", 1e6},
	{"kB", 1e3},
	{"KB", 1e3},
	{"B", 1},
	{"", 1},
}

func (s *size) Set(text string) error {
	number, unit := text, int64(1)
	for _, u := range sizeUnits {
		if n, ok := strings.CutSuffix(text, u.suffix); ok {
			number, unit = strings.TrimSpace(n), u.bytes
			break
		}
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 || math.IsNaN(f) || strings.ContainsAny(number, "xXpP_nN") {
		return fmt.Errorf("%q is not a size; write for example 512MiB or 2GB", text)
	}
	if f*float64(unit) >= math.MaxInt64 {
		return fmt.Errorf("%q is more than a file can hold", text)
	}
	*s = size(f * float64(unit))
	return nil
}

// String prints the size in the unit that gives the smallest whole number.
func (s size) String() string {
	best, suffix := int64(s), "B"
	for _, u := range sizeUnits {
		if n := int64(s) / u.bytes; s != 0 && int64(s)%u.bytes == 0 && n < best {
			best, suffix = n, u.suffix
		}
	}
	return strconv.FormatInt(best, 10) + suffix
}

// count is a whole number that is not negative.
type count int64

func (c *count) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a whole number", text)
	}
	*c = count(n)
	return nil
}

func (c count) String() string { return strconv.FormatInt(int64(c), 10) }

// toggle is a flag without a value.
type toggle bool

func (t *toggle) Set(text string) error {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	*t = toggle(b)
	return nil
}

func (t toggle) String() string { return strconv.FormatBool(bool(t)) }

// period is a length of time; zero means none.
type period time.Duration

func (p *period) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a length of time; write for example 55m or 23h30m", text)
	}
	*p = period(d)
	return nil
}

func (p period) String() string {
	if p == 0 {
		return "0s"
	}
	text := time.Duration(p).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// instant is a point in time; the zero instant means that there is no bound.
type instant time.Time

func (i *instant) Set(text string) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			*i = instant(t.UTC())
			return nil
		}
	}
	return fmt.Errorf("%q is not a time; write for example 2021-03-01 or 2021-03-01T08:00:00Z", text)
}

func (i instant) String() string {
	t := time.Time(i)
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// badLimit is the number or the share of bad records that a run bears.
type badLimit chatferry.BadLimit

func (l *badLimit) Set(text string) error {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		p, err := parsePercent(number)
		if err != nil {
			return fmt.Errorf("%q is not a share; write for example 1%%", text)
		}
		*l = badLimit{Count: -1, Percent: p}
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is neither a number nor a share; write for example 100 or 1%%", text)
	}
	*l = badLimit{Count: n, Percent: -1}
	return nil
}

func (l badLimit) String() string {
	if l.Count >= 0 {
		return strconv.FormatInt(l.Count, 10)
	}
	return strconv.FormatFloat(l.Percent, 'f', -1, 64) + "%"
}

// minFree is what must stay free on the target's disk: bytes, a share, or both, of which the greater counts.
type minFree struct {
	Bytes   int64
	Percent float64
}

func (m *minFree) Set(text string) error {
	var out minFree
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if number, ok := strings.CutSuffix(part, "%"); ok {
			p, err := parsePercent(number)
			if err != nil {
				return fmt.Errorf("%q is not a share; write for example 5%%", part)
			}
			out.Percent = p
			continue
		}
		var s size
		if err := s.Set(part); err != nil {
			return err
		}
		out.Bytes = int64(s)
	}
	*m = out
	return nil
}

func (m minFree) String() string {
	var parts []string
	if m.Bytes > 0 || m.Percent == 0 {
		parts = append(parts, size(m.Bytes).String())
	}
	if m.Percent > 0 {
		parts = append(parts, strconv.FormatFloat(m.Percent, 'f', -1, 64)+"%")
	}
	return strings.Join(parts, ",")
}

func parsePercent(text string) (float64, error) {
	p, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(p) || p < 0 || p > 100 {
		return 0, fmt.Errorf("%q is not between 0 and 100", text)
	}
	return p, nil
}

// share is a part of a whole, written 70% or 0.7.
type share float64

func (s *share) Set(text string) error {
	number, isPercent := strings.CutSuffix(strings.TrimSpace(text), "%")
	f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if isPercent {
		f /= 100
	}
	if err != nil || !(f > 0 && f <= 1) {
		return fmt.Errorf("%q is not a share; write 70%%, more than 0%% and at most 100%%", text)
	}
	*s = share(f)
	return nil
}

func (s share) String() string { return strconv.FormatFloat(float64(s)*100, 'g', 6, 64) + "%" }

// text is a value that is taken as it is.
type text string

func (t *text) Set(s string) error { *t = text(s); return nil }
func (t text) String() string      { return string(t) }
