package transform

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonValue is a JSON value in a form in which equal values are equal Go strings: members sorted, strings as UTF-16 code
// units in hex where they are not plain, numbers as exact decimals. It shares no code with the decoder under test.
func jsonValue(text []byte) (string, error) {
	p := &valueParser{s: string(text)}
	v := p.value()
	p.space()
	if p.err == nil && p.i != len(p.s) {
		p.err = fmt.Errorf("something stands behind the value at %d", p.i)
	}
	return v, p.err
}

type valueParser struct {
	s   string
	i   int
	err error
}

func (p *valueParser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *valueParser) bad() string {
	if p.err == nil {
		p.err = fmt.Errorf("broken JSON at %d", p.i)
	}
	p.i = len(p.s)
	return ""
}

func (p *valueParser) value() string {
	p.space()
	if p.i >= len(p.s) {
		return p.bad()
	}
	switch c := p.s[p.i]; {
	case c == '{':
		var members []string
		p.each('}', func() {
			p.space()
			name := p.str()
			p.space()
			if p.i >= len(p.s) || p.s[p.i] != ':' {
				p.bad()
				return
			}
			p.i++
			members = append(members, name+":"+p.value())
		})
		slices.Sort(members)
		return "{" + strings.Join(members, ",") + "}"
	case c == '[':
		var elems []string
		p.each(']', func() { elems = append(elems, p.value()) })
		return "[" + strings.Join(elems, ",") + "]"
	case c == '"':
		return p.str()
	case strings.HasPrefix(p.s[p.i:], "true"), strings.HasPrefix(p.s[p.i:], "null"):
		p.i += 4
		return p.s[p.i-4 : p.i]
	case strings.HasPrefix(p.s[p.i:], "false"):
		p.i += 5
		return "false"
	default:
		return p.num()
	}
}

func (p *valueParser) each(end byte, f func()) {
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == end {
		p.i++
		return
	}
	for p.err == nil {
		f()
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != ',' && p.s[p.i] != end {
			p.bad()
			return
		}
		p.i++
		if p.s[p.i-1] == end {
			return
		}
	}
}

func (p *valueParser) str() string {
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return p.bad()
	}
	p.i++
	var units []uint16
	for {
		if p.i >= len(p.s) {
			return p.bad()
		}
		switch c := p.s[p.i]; c {
		case '"':
			p.i++
			var b strings.Builder
			b.WriteByte('"')
			for _, u := range units {
				if u > ' ' && u < 0x7F && u != '"' && u != '%' {
					b.WriteByte(byte(u))
				} else {
					fmt.Fprintf(&b, "%%%04x", u)
				}
			}
			b.WriteByte('"')
			return b.String()
		case '\\':
			if p.i+1 >= len(p.s) {
				return p.bad()
			}
			e := p.s[p.i+1]
			p.i += 2
			if e == 'u' {
				u, err := strconv.ParseUint(p.s[p.i:min(p.i+4, len(p.s))], 16, 16)
				if err != nil {
					return p.bad()
				}
				units = append(units, uint16(u))
				p.i += 4
				continue
			}
			at := strings.IndexByte(`"\/bfnrt`, e)
			if at < 0 {
				return p.bad()
			}
			units = append(units, uint16("\"\\/\b\f\n\r\t"[at]))
		default:
			r, size := utf8.DecodeRuneInString(p.s[p.i:])
			units = utf16.AppendRune(units, r)
			p.i += size
		}
	}
}

// num normalises a number to digits × 10^exponent without zeros at either end.
func (p *valueParser) num() string {
	from := p.i
	for p.i < len(p.s) && strings.IndexByte("+-.0123456789eE", p.s[p.i]) >= 0 {
		p.i++
	}
	s := p.s[from:p.i]
	if s == "" {
		return p.bad()
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	exp := new(big.Int)
	if exponent != "" {
		if _, ok := exp.SetString(strings.TrimPrefix(exponent, "+"), 10); !ok {
			return p.bad()
		}
	}
	neg := strings.HasPrefix(mantissa, "-")
	whole, frac, _ := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	exp.Sub(exp, big.NewInt(int64(len(frac))))
	digits := strings.TrimLeft(whole+frac, "0")
	short := strings.TrimRight(digits, "0")
	exp.Add(exp, big.NewInt(int64(len(digits)-len(short))))
	if short == "" {
		return "0"
	}
	if neg {
		short = "-" + short
	}
	return short + "e" + exp.String()
}
