package endtoend

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// value is a JSON value read for comparison. It shares nothing with the decoder of package transform.
type value struct {
	// kind is '{', '[', '"', '0' for a number, or the first letter of a literal.
	kind byte
	// text of a string: its UTF-8, where half a surrogate pair stands as the three bytes that UTF-8 would give it.
	// Of a number: digits × 10^exponent in the shortest form. Of a literal: itself.
	text  string
	raw   string // as written
	names []string
	items []*value // elements, or the values of names
}

// plain reports whether a string is one that UTF-8 can write.
func (v *value) plain() bool { return utf8.ValidString(v.text) }

// member returns the value of a name, or nil.
func (v *value) member(name string) *value {
	if at := slices.Index(v.names, name); at >= 0 {
		return v.items[at]
	}
	return nil
}

// canonical is equal for equal values only: members are sorted, everything else stands in its place. Members whose
// names are in without are left out, at every level and in any letter case.
func (v *value) canonical(without ...string) string {
	var b strings.Builder
	v.write(&b, without)
	return b.String()
}

func (v *value) write(b *strings.Builder, without []string) {
	switch v.kind {
	case '{':
		order := make([]int, 0, len(v.names))
		for i, name := range v.names {
			if !slices.ContainsFunc(without, func(w string) bool { return strings.EqualFold(w, name) }) {
				order = append(order, i)
			}
		}
		slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(v.names[i], v.names[j]) })
		b.WriteByte('{')
		for _, i := range order {
			fmt.Fprintf(b, "%d:%s=", len(v.names[i]), v.names[i])
			v.items[i].write(b, without)
		}
		b.WriteByte('}')
	case '[':
		b.WriteByte('[')
		for _, item := range v.items {
			item.write(b, without)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	default:
		fmt.Fprintf(b, "%c%d:%s", v.kind, len(v.text), v.text)
	}
}

var errValue = errors.New("no JSON value")

// parseWhole reads a text that holds one value.
func parseWhole(text []byte) (*value, error) {
	p := valueParser{s: string(text)}
	v := p.value()
	p.space()
	if p.err == nil && p.i != len(p.s) {
		p.fail("something stands behind the value")
	}
	return v, p.err
}

// parsePrefix reads the value that a text begins with, and returns its length.
func parsePrefix(text string) (*value, int, error) {
	p := valueParser{s: text}
	v := p.value()
	return v, p.i, p.err
}

type valueParser struct {
	s   string
	i   int
	err error
}

func (p *valueParser) fail(why string) {
	if p.err == nil {
		p.err = fmt.Errorf("%w at %d: %s", errValue, p.i, why)
	}
	p.i = len(p.s)
}

func (p *valueParser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *valueParser) at(c byte) bool { return p.i < len(p.s) && p.s[p.i] == c }

func (p *valueParser) value() *value {
	p.space()
	v := &value{}
	from := p.i
	switch {
	case p.at('{'):
		v.kind = '{'
		p.each('}', func() {
			p.space()
			name := p.str()
			p.space()
			if !p.at(':') {
				p.fail("a colon is due")
				return
			}
			p.i++
			v.names = append(v.names, name)
			v.items = append(v.items, p.value())
		})
	case p.at('['):
		v.kind = '['
		p.each(']', func() { v.items = append(v.items, p.value()) })
	case p.at('"'):
		v.kind = '"'
		v.text = p.str()
	default:
		for p.i < len(p.s) && strings.IndexByte("+-.0123456789abcdefghijklmnopqrstuvwxyzE", p.s[p.i]) >= 0 {
			p.i++
		}
		switch v.text = p.s[from:p.i]; v.text {
		case "true", "false", "null":
			v.kind = v.text[0]
		default:
			v.kind = '0'
			v.text = p.number(v.text)
		}
	}
	if p.err == nil {
		v.raw = p.s[from:p.i]
	}
	return v
}

func (p *valueParser) each(end byte, element func()) {
	p.i++
	p.space()
	if p.at(end) {
		p.i++
		return
	}
	for p.err == nil {
		element()
		p.space()
		switch {
		case p.at(end):
			p.i++
			return
		case !p.at(','):
			p.fail("a comma or an end is due")
		}
		p.i++
	}
}

func (p *valueParser) str() string {
	if !p.at('"') {
		p.fail("a string is due")
		return ""
	}
	p.i++
	var b []byte
	for {
		switch {
		case p.i >= len(p.s):
			p.fail("a string does not end")
			return ""
		case p.s[p.i] == '"':
			p.i++
			return string(b)
		case p.s[p.i] != '\\':
			b = append(b, p.s[p.i])
			p.i++
		default:
			b = p.escape(b)
		}
	}
}

func (p *valueParser) escape(b []byte) []byte {
	if p.i+1 >= len(p.s) {
		p.fail("an escape does not end")
		return b
	}
	c := p.s[p.i+1]
	if c != 'u' {
		p.i += 2
		if at := strings.IndexByte(`"\/bfnrt`, c); at >= 0 {
			return append(b, "\"\\/\b\f\n\r\t"[at])
		}
		p.fail("an unknown escape")
		return b
	}
	unit, ok := p.unit(p.i)
	if !ok {
		p.fail("an escape has no four digits")
		return b
	}
	p.i += 6
	if unit >= 0xd800 && unit < 0xdc00 {
		if low, ok := p.unit(p.i); ok && low >= 0xdc00 && low < 0xe000 {
			p.i += 6
			return utf8.AppendRune(b, rune(0x10000+(unit-0xd800)<<10+(low-0xdc00)))
		}
	}
	if unit >= 0xd800 && unit < 0xe000 {
		return append(b, byte(0xe0|unit>>12), byte(0x80|unit>>6&0x3f), byte(0x80|unit&0x3f))
	}
	return utf8.AppendRune(b, rune(unit))
}

// unit reads \uXXXX at i.
func (p *valueParser) unit(i int) (int, bool) {
	if i+6 > len(p.s) || p.s[i] != '\\' || p.s[i+1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(p.s[i+2:i+6], 16, 16)
	return int(u), err == nil
}

// number normalises a number without rounding it, so that 1e3, 1000 and 1000.0 are one, and 2^53 and 2^53+1 are two.
func (p *valueParser) number(s string) string {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(s), "e")
	exp := new(big.Int)
	if scientific {
		if _, ok := exp.SetString(strings.TrimPrefix(exponent, "+"), 10); !ok {
			p.fail("a number has a broken exponent")
			return ""
		}
	}
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		p.fail("a number has other letters than digits")
		return ""
	}
	exp.Sub(exp, big.NewInt(int64(len(fraction))))
	short := strings.TrimRight(strings.TrimLeft(digits, "0"), "0")
	if short == "" {
		return "0"
	}
	exp.Add(exp, big.NewInt(int64(len(digits)-len(strings.TrimRight(digits, "0")))))
	if negative {
		short = "-" + short
	}
	return short + "e" + exp.String()
}

// A comparison that finds everything equal proves nothing.
func TestLosslessValueComparison(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`{"a":1,"b":[2,3]}`, ` { "b" : [2 , 3.0] , "a" : 1e0 } `, true},
		{`{"a":1}`, `{"a":1,"a":1}`, false},
		{`{"a":1,"a":2}`, `{"a":2,"a":1}`, false},
		{`{}`, `{"a":null}`, false},
		{`{"a":null}`, `{"a":""}`, false},
		{`[]`, `null`, false},
		{`[]`, `{}`, false},
		{`[[],1]`, `[[1]]`, false},
		{`[1,2]`, `[2,1]`, false},
		{`9007199254740992`, `9007199254740993`, false},
		{`0.1`, `0.10000000000000000001`, false},
		{`1e400`, `1e401`, false},
		{`100e-2`, `1`, true},
		{`-0`, `0.0`, true},
		{`-1`, `1`, false},
		{`1`, `"1"`, false},
		{`1`, `true`, false},
		{`"\u00e9"`, `"é"`, true},
		{`"\ud83d\ude00"`, `"😀"`, true},
		{`"\ud83d"`, `"\ufffd"`, false},
		{`"\ud83d"`, `"\ude00"`, false},
		{`"\ude00\ud83d"`, `"😀"`, false},
		{`"\u0000"`, `""`, false},
		{`"\/"`, `"/"`, true},
		{`{"a1:b":1}`, `{"a":{"b":1}}`, false},
		{`["a","b"]`, `["a,1:b"]`, false},
	} {
		a, err := parseWhole([]byte(c.a))
		if err != nil {
			t.Fatalf("%s: %v", c.a, err)
		}
		b, err := parseWhole([]byte(c.b))
		if err != nil {
			t.Fatalf("%s: %v", c.b, err)
		}
		if (a.canonical() == b.canonical()) != c.same {
			t.Errorf("%s and %s: equal is %v, want %v\n%s\n%s", c.a, c.b, !c.same, c.same, a.canonical(), b.canonical())
		}
	}
	for _, bad := range []string{``, `{`, `{"a"}`, `[1,]`, `"`, `"\x"`, `"\u12"`, `1e`, `-`, `nul`, `[1] 2`, `1.2.3`} {
		if v, err := parseWhole([]byte(bad)); err == nil {
			t.Errorf("%s was read as %s", bad, v.canonical())
		}
	}
	secret, err := parseWhole([]byte(`{"a":{"Secret":1,"b":2}}`))
	if err != nil || secret.canonical("secret") != "{1:a={1:b=03:2e0}}" {
		t.Errorf("without the secret: %s, %v", secret.canonical("secret"), err)
	}
}
