package transform

import (
	"math"
	"strconv"
)

// skipNumber returns the index behind the number at i, or -1 if there is none by RFC 8259, and whether it is written
// without fraction and exponent.
func skipNumber(b []byte, i int) (next int, whole bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b):
		return -1, false
	case b[i] == '0':
		i++
	case b[i] >= '1' && b[i] <= '9':
		i = digits(b, i)
	default:
		return -1, false
	}
	whole = true
	if i < len(b) && b[i] == '.' {
		whole = false
		from := i + 1
		if i = digits(b, from); i == from {
			return -1, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		whole = false
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from := i
		if i = digits(b, from); i == from {
			return -1, false
		}
	}
	return i, whole
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// readInt reads the number at i if it is plain and fits an int64; otherwise next is failed.
func readInt(b []byte, i int) (v int64, next int) {
	from := i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		v = v*10 + int64(b[i]-'0')
	}
	// Up to 18 digits fit. A zero in front, what is not a digit and a longer number are looked at again.
	if n := i - from; i < len(b) && uint(n-1) < 18 && (b[from] != '0' || n == 1) && b[i] != '.' && b[i]|0x20 != 'e' {
		return v, i
	}
	if next, whole := skipNumber(b, from); whole {
		if v, ok := wholeNumber(b[from:next]); ok {
			return v, next
		}
	}
	return 0, failed
}

// readFloat reads the number at i if a float64 holds it exactly, as parseFloat says; otherwise next is failed.
func readFloat(b []byte, i int) (v float64, next int) {
	next, _ = skipNumber(b, i)
	if next < 0 {
		return 0, failed
	}
	v, exact, ok := parseFloat(b[i:next])
	if !ok || !exact {
		return 0, failed
	}
	return v, next
}

// wholeNumber reads a number of the plain form -?digits that fits an int64. -0 does not count as plain.
func wholeNumber(s []byte) (int64, bool) {
	neg := s[0] == '-'
	if neg {
		s = s[1:]
		if s[0] == '0' {
			return 0, false
		}
	}
	if len(s) > 19 {
		return 0, false
	}
	var v uint64 // 19 digits fit
	for _, c := range s {
		v = v*10 + uint64(c-'0')
	}
	if neg {
		return -int64(v), v <= 1<<63
	}
	return int64(v), v <= math.MaxInt64
}

// decimal is a number as its significant digits, without zeros at either end: 0.digits × 10^exp. Zero has no digits.
type decimal struct {
	neg    bool
	digits []byte
	exp    int
}

// The numbers of significant digits and of exponent digits that a decimal can hold.
const (
	maxDecimal   = 40
	maxExpDigits = 6
)

// parseDecimal reads a valid JSON number. It refuses what is too long to be the value of any column.
func parseDecimal(s []byte, buf *[maxDecimal]byte) (decimal, bool) {
	var d decimal
	d.digits = buf[:0]
	i := 0
	if s[0] == '-' {
		d.neg = true
		i++
	}
	point := false
	zeros := 0 // seen after the last digit that was kept
	for ; i < len(s) && s[i]|0x20 != 'e'; i++ {
		c := s[i]
		switch {
		case c == '.':
			point = true
			continue
		case c == '0' && len(d.digits) == 0:
			if point {
				d.exp--
			}
			continue
		case c == '0':
			zeros++
		default:
			if len(d.digits)+zeros+1 > maxDecimal {
				return d, false
			}
			for ; zeros > 0; zeros-- {
				d.digits = append(d.digits, '0')
			}
			d.digits = append(d.digits, c)
		}
		if !point {
			d.exp++
		}
	}
	if len(d.digits) == 0 {
		return decimal{neg: d.neg, digits: d.digits}, true
	}
	if i < len(s) {
		e := s[i+1:]
		neg := e[0] == '-'
		if neg || e[0] == '+' {
			e = e[1:]
		}
		for len(e) > 1 && e[0] == '0' {
			e = e[1:]
		}
		if len(e) > maxExpDigits {
			return d, false
		}
		v := 0
		for _, c := range e {
			v = v*10 + int(c-'0')
		}
		if neg {
			v = -v
		}
		d.exp += v
	}
	return d, true
}

// int64 returns the decimal's value if it is whole and fits.
func (d decimal) int64() (int64, bool) {
	if len(d.digits) == 0 {
		return 0, true
	}
	if d.exp < len(d.digits) || d.exp > 19 {
		return 0, false
	}
	var v uint64
	for i := range d.exp {
		v *= 10
		if i < len(d.digits) {
			v += uint64(d.digits[i] - '0')
		}
	}
	if d.neg {
		return -int64(v), v <= 1<<63
	}
	return int64(v), v <= math.MaxInt64
}

// tens are powers of ten that a float64 holds exactly.
var tens = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// shortFloat reads a number of at most 15 digits without sign and exponent. It is the quotient of two whole numbers that a
// float64 holds, so that the quotient is rounded once, to the nearest float64.
func shortFloat(s []byte) (float64, bool) {
	if len(s) > 16 {
		return 0, false
	}
	whole, point := int64(0), len(s)
	for i, c := range s {
		switch {
		case c-'0' <= 9:
			whole = whole*10 + int64(c-'0')
		case c == '.' && i < 16:
			point = i + 1
		default:
			return 0, false
		}
	}
	if point == len(s) && len(s) > 15 {
		return 0, false
	}
	return float64(whole) / tens[len(s)-point], true
}

// parseFloat returns the float64 nearest to a valid JSON number; ok is false if there is none. exact says whether the
// shortest text of that float64 is the same decimal number, so that nothing is lost.
func parseFloat(s []byte) (v float64, exact, ok bool) {
	if v, ok := shortFloat(s); ok {
		return v, true, true
	}
	v, err := strconv.ParseFloat(view(s), 64)
	if err != nil {
		return 0, false, false
	}
	if a := math.Abs(v); len(s) <= 15 && a > 1e-290 && a < 1e290 {
		return v, true, true // any decimal of up to 15 digits survives
	}
	var written, again [maxDecimal]byte
	a, ok := parseDecimal(s, &written)
	if !ok {
		return v, false, v != 0
	}
	if len(a.digits) == 0 {
		return v, true, true
	}
	if v == 0 {
		return 0, false, false // too small for a float64
	}
	var buf [32]byte
	b, _ := parseDecimal(strconv.AppendFloat(buf[:0], v, 'e', -1, 64), &again)
	return v, a.exp == b.exp && string(a.digits) == string(b.digits), true
}
