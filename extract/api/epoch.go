package api

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// The exports count time in two units, and taking one for the other gives an error or the whole history again.
type (
	// EpochSec is seconds since 1970, the unit of all exports but one.
	EpochSec int64
	// EpochMicro is microseconds since 1970, the unit of the agents' timeline.
	EpochMicro int64
)

type epoch interface{ EpochSec | EpochMicro }

// epochOf is the unit in which t falls. The zero time, and all before 1970, are 0.
func epochOf[E epoch](t time.Time) E {
	if t.IsZero() || t.Unix() < 0 {
		return 0
	}
	var e E
	if _, ok := any(e).(EpochMicro); ok {
		return E(t.UnixMicro())
	}
	return E(t.Unix())
}

// timeOf is when the unit begins.
func timeOf[E epoch](e E) time.Time {
	if _, ok := any(e).(EpochMicro); ok {
		return time.UnixMicro(int64(e)).UTC()
	}
	return time.Unix(int64(e), 0).UTC()
}

// mostEpoch is beyond every time that an answer can mean, in either unit.
const mostEpoch = 1 << 60

// parseEpoch reads a number of an answer, which may have a fraction or be written as a string. A fraction is cut off: the
// bound of an export is inclusive, so the earlier instant is the safe one.
func parseEpoch[E epoch](value []byte) (E, bool) {
	text := string(value)
	if strings.HasPrefix(text, `"`) {
		text = textOf(value)
	}
	return epochText[E](text)
}

func epochText[E epoch](text string) (E, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return E(n), n >= 0 && n < mostEpoch
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f < mostEpoch) {
		return 0, false
	}
	return E(math.Floor(f)), true
}

// instantForms are the ways in which records write times, the usual one first. A time without a zone is UTC.
var instantForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02"}

// recordTime reads a time of a record.
func recordTime(value []byte) (time.Time, bool) {
	text := strings.TrimSuffix(textOf(value), "+00:00Z")
	if text == "" {
		return time.Time{}, false
	}
	for _, form := range instantForms {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// instantOf reads the first of the named members of a record that holds a time.
func instantOf(raw []byte, names []string) (time.Time, bool) {
	for _, name := range names {
		if t, ok := recordTime(memberOf(raw, name)); ok {
			return t, true
		}
	}
	return time.Time{}, false
}
