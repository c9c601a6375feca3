package progress

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Count writes a number with a comma between groups of three digits.
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

var byteUnits = []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// Bytes writes a number of bytes with three digits that count.
func Bytes(n int64) string {
	u := unitOf(n)
	return inUnit(n, u) + " " + byteUnits[u]
}

// bytesOf writes "1.20/4.80 GiB", both in the unit of the total.
func bytesOf(done, total int64) string {
	u := unitOf(max(done, total))
	return inUnit(done, u) + "/" + inUnit(total, u) + " " + byteUnits[u]
}

func unitOf(n int64) int {
	u := 0
	for f := math.Abs(float64(n)); f >= 1000 && u < len(byteUnits)-1; f /= 1024 {
		u++
	}
	return u
}

func inUnit(n int64, unit int) string {
	f := float64(n) / math.Pow(1024, float64(unit))
	switch {
	case unit == 0 || f >= 99.95 || f == 0:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case f >= 9.995:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 2, 64)
}

// Share writes how much of the total is done. It says 100 % only when all is.
func Share(done, total int64) string {
	switch {
	case total <= 0 || done >= total:
		return "100 %"
	case done <= 0:
		return "0.0 %"
	}
	return strconv.FormatFloat(math.Min(99.9, math.Floor(float64(done)/float64(total)*1000)/10), 'f', 1, 64) + " %"
}

// Span writes a length of time with its two largest units: "18h05m", "4m10s", "35s", "3d04h".
func Span(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s%86400/3600)
}

// perSecond writes a rate, or a dash if it is not known.
func perSecond(rate float64) string {
	switch {
	case rate <= 0:
		return "-"
	case rate < 10:
		return strconv.FormatFloat(rate, 'f', 1, 64) + "/s"
	}
	return Count(int64(rate)) + "/s"
}
