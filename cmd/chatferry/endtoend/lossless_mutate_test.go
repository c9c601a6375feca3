package endtoend

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"chatferry/transform"
)

// mutator spoils good records in every way that leaves them valid JSON.
type mutator struct{ *rand.Rand }

// oddNames are names that no record has, or that look like something else.
var oddNames = []string{
	"_absent", "__absent", "_extra", "", "\x00", " id", "ID", "Id", "id ", "_raw_sha256", "chat_id", "index", "history_len",
	"visitor_id", "visitor_", "é", "e\u0301", "\xed\xa0\x80", "\xed\xb0\x80", "a.b", "a\"b", "a\\b", "a/b", "\u2028", "😀",
	"__proto__", "null", "client_secret", "Access_Token", strings.Repeat("n", 300),
}

// oddValues are values that are wrong for most columns, and for some right in a surprising way.
var oddValues = func() []string {
	return []string{
		`null`, `true`, `false`, `""`, `[]`, `{}`, `[[]]`, `[{}]`, `[null]`, `{"":{}}`, `0`, `-0`, `0.0`, `-0.0`, `1`, `5.0`, `5.50`,
		`1e3`, `1E+3`, `-1e-2`, `0e0`, `0e999999999999`, `1e-99999999999`, `1e0000000001`, `100e-2`,
		`9007199254740991`, `9007199254740992`, `9007199254740993`, `-9007199254740993`, `9223372036854775807`,
		`9223372036854775808`, `-9223372036854775808`, `-9223372036854775809`, `18446744073709551616`,
		`0.1`, `0.10000000000000000001`, `136.03566670417786`, `5e-324`, `2.2250738585072011e-308`, `1.7976931348623157e308`, `1e309`,
		`1e400`, `-1e-400`, `1e22`, `1e23`, `4.35`, `1e21`, `1e-7`,
		strings.Repeat("7", 400), `0.` + strings.Repeat("3", 400), `-` + strings.Repeat("8", 400) + `e-400`,
		`"5"`, `"5.0"`, `" 5"`, `"-0"`, `"1e3"`, `"true"`, `"null"`, `"[]"`, `"{\"a\":1}"`, `"007"`, `"9223372036854775808"`,
		`"\u0000"`, `"a\u0000b"`, `"\ud800"`, `"\udc00\ud800"`, `"x\ud83dy"`, `"\ud83d\ude00"`, `"😀"`, `"\ufffd"`, `"\ufeff"`, `"\u2028"`,
		`"\/\b\f\n\r\t\"\\"`, `"\u00e9\u0301"`, `"` + strings.Repeat("long ", 2000) + `"`,
		`"2017-04-24T04:36:45Z"`, `"2017-04-24T04:36:44.807000Z"`, `"2017-04-24T04:36:44.8Z"`, `"2017-04-24T04:36:44.000000Z"`,
		`"2017-04-24T12:45:32+00:00Z"`, `"2017-04-24T12:45:32+05:30"`, `"2017-04-24T12:45:32.123456789Z"`, `"2017-04-24T12:45:32"`,
		`"2017-04-24 12:45:32"`, `"2017-02-29T00:00:00Z"`, `"2016-12-31T23:59:60Z"`, `"0000-01-01T00:00:00Z"`,
		`"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999Z"`, `"9999-12-31T23:59:59-14:00"`, `"2017-04-24T04:36:45z"`, `1493008605`,
		`["a",null,1,["b"],{}]`, `[1,2.0,"3",9223372036854775808]`, `["","\u0000","\ud800"]`, `{"_absent":["a"],"__absent":null}`,
		`{"a":{"b":{"c":[{"d":null}]}}}`, `{"id":null,"id ":1}`, `[{"type":"chat.msg"},5,null,"x",[]]`,
		strings.Repeat("[", 200) + strings.Repeat("]", 200),
		strings.Repeat(`{"a":`, 200) + `"deep"` + strings.Repeat("}", 200),
		strings.Repeat(`[{"a":[0,`, 60) + "1" + strings.Repeat("]}]", 60),
	}
}()

// record returns a spoiled copy of a record, without touching the members by which it is known.
func (m mutator) record(t *testing.T, base *value, known []string) *value {
	v := base.clone()
	for range 1 + m.IntN(6) {
		m.spoil(t, v, known)
	}
	return v
}

func (v *value) clone() *value {
	c := *v
	c.names = slices.Clone(v.names)
	c.items = make([]*value, len(v.items))
	for i, item := range v.items {
		c.items[i] = item.clone()
	}
	return &c
}

// spoil changes one thing somewhere in an object or array.
func (m mutator) spoil(t *testing.T, v *value, known []string) {
	for {
		var below []*value
		for i, item := range v.items {
			if (item.kind == '{' || item.kind == '[') && (v.kind == '[' || !slices.Contains(known, v.names[i])) {
				below = append(below, item)
			}
		}
		if len(below) == 0 || m.IntN(3) == 0 {
			break
		}
		v, known = below[m.IntN(len(below))], nil
	}
	at := -1
	if n := len(v.items); n > 0 {
		if at = m.IntN(n); v.kind == '{' && slices.Contains(known, v.names[at]) {
			at = -1
		}
	}
	odd := m.value(t)
	switch what := m.IntN(6); {
	case what < 2 || at < 0:
		m.insert(v, odd)
	case what < 5:
		switch old := v.items[at]; m.IntN(8) {
		case 0: // the same in an array
			odd = &value{kind: '[', items: []*value{old}}
		case 1: // the same as text
			if old.raw != "" && len(old.items) == 0 {
				odd = &value{kind: '"', text: strings.Trim(old.raw, `"`)}
				if old.kind == '"' {
					odd.text = old.text
				}
			}
		}
		v.items[at] = odd
	default:
		v.items = slices.Delete(v.items, at, at+1)
		if v.kind == '{' {
			v.names = slices.Delete(v.names, at, at+1)
		}
	}
	if v.kind == '{' && m.IntN(4) == 0 {
		m.Shuffle(len(v.names), func(i, j int) {
			v.names[i], v.names[j] = v.names[j], v.names[i]
			v.items[i], v.items[j] = v.items[j], v.items[i]
		})
	}
}

func (m mutator) insert(v, item *value) {
	if v.kind == '[' {
		v.items = slices.Insert(v.items, m.IntN(len(v.items)+1), item)
		return
	}
	if name := oddNames[m.IntN(len(oddNames))]; !slices.Contains(v.names, name) {
		at := m.IntN(len(v.names) + 1)
		v.names = slices.Insert(v.names, at, name)
		v.items = slices.Insert(v.items, at, item)
	}
}

func (m mutator) value(t *testing.T) *value {
	text := oddValues[m.IntN(len(oddValues))]
	if m.IntN(5) == 0 {
		text = fmt.Sprintf("%d.%de%d", m.Int64()-m.Int64(), m.Uint32(), m.IntN(700)-350)
	}
	v, err := parseWhole([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// text writes a value with white space of the given kinds here and there, and with names and strings spelled in odd ways.
func (m mutator) text(v *value, white string) []byte {
	w := writer{mutator: m, white: white}
	w.value(v)
	return w.b
}

type writer struct {
	mutator
	white string
	b     []byte
}

func (w *writer) space() {
	for w.white != "" && w.IntN(12) == 0 {
		w.b = append(w.b, w.white[w.IntN(len(w.white))])
	}
}

func (w *writer) value(v *value) {
	switch v.kind {
	case '{', '[':
		w.b = append(w.b, v.kind)
		for i, item := range v.items {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.space()
			if v.kind == '{' {
				w.str(v.names[i])
				w.space()
				w.b = append(w.b, ':')
				w.space()
			}
			w.value(item)
			w.space()
		}
		w.space()
		w.b = append(w.b, v.kind+2)
	case '"':
		w.str(v.text)
	default:
		w.b = append(w.b, v.raw...)
	}
}

// str writes a string, some characters of it as escapes.
func (w *writer) str(s string) {
	odd := w.IntN(8) == 0
	w.b = append(w.b, '"')
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 { // half a surrogate pair, as value.text has it
			r, size = rune(s[0]&0x0f)<<12|rune(s[1]&0x3f)<<6|rune(s[2]&0x3f), 3
		}
		switch {
		case r < ' ' || r == '"' || r == '\\' || r >= 0xd800 && r < 0xe000 || odd && r < 0x10000 && w.IntN(3) == 0:
			w.b = fmt.Appendf(w.b, [2]string{`\u%04x`, `\u%04X`}[w.IntN(2)], r)
		default:
			w.b = utf8.AppendRune(w.b, r)
		}
		s = s[size:]
	}
	w.b = append(w.b, '"')
}

// The mutator has to keep records valid and below the deepest nesting that is read, or it would only prove that they are
// refused.
func TestLosslessMutator(t *testing.T) {
	m := mutator{rand.New(rand.NewPCG(1, 1))}
	base, err := parseWhole([]byte(`{"id":"a","b":[1,{"c":null}],"d":{"e":"x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for range 2000 {
		v := m.record(t, base, []string{"id"})
		back, err := parseWhole(m.text(v, " \t\n"))
		if err != nil || back.canonical() != v.canonical() {
			t.Fatalf("%v: %s was written as %s", err, v.canonical(), back.canonical())
		}
		if back.member("id") == nil || back.member("id").text != "a" || depth(back) > transform.MaxDepth {
			t.Fatalf("the id was lost, or it is too deep: %s", back.canonical())
		}
		if back.canonical() != base.canonical() {
			changed++
		}
	}
	if changed < 1900 {
		t.Errorf("only %d of 2000 records were changed", changed)
	}
}

func depth(v *value) int {
	deepest := 0
	for _, item := range v.items {
		deepest = max(deepest, depth(item))
	}
	if v.kind == '{' || v.kind == '[' {
		deepest++
	}
	return deepest
}
