package deep

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// value is a JSON value, read by encoding/json.
type value struct {
	// kind is '{', '[', '"', '0' for a number, or the first letter of a literal.
	kind byte
	// text of a string: its UTF-8, where half a surrogate pair stands as the three bytes that UTF-8 would give it, since
	// encoding/json itself makes all of them alike. Of a number: as written.
	text  string
	names []string // of an object
	items []*value // elements, or the values of names
}

// member returns the value of a name, nil if there is none.
func (v *value) member(name string) *value {
	if v == nil || v.kind != '{' {
		return nil
	}
	if at := slices.Index(v.names, name); at >= 0 {
		return v.items[at]
	}
	return nil
}

var (
	errNotUTF8 = errors.New("it is not UTF-8")
	errNotJSON = errors.New("it is not JSON")
)

// parse reads a text that holds one value.
func parse(text []byte) (*value, error) {
	switch {
	case !utf8.Valid(text):
		return nil, errNotUTF8
	case !json.Valid(text):
		return nil, errNotJSON
	}
	p := parser{d: json.NewDecoder(bytes.NewReader(text)), text: text}
	p.d.UseNumber()
	return p.value()
}

type parser struct {
	d    *json.Decoder
	text []byte
}

func (p *parser) value() (*value, error) {
	from := p.d.InputOffset()
	token, err := p.d.Token()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotJSON, err)
	}
	switch t := token.(type) {
	case json.Delim:
		v := &value{kind: byte(t)}
		for p.d.More() {
			if t == '{' {
				name, err := p.value()
				if err != nil {
					return nil, err
				}
				v.names = append(v.names, name.text)
			}
			item, err := p.value()
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, item)
		}
		_, err = p.d.Token() // the end
		return v, err
	case string:
		raw := p.text[from:p.d.InputOffset()]
		return &value{kind: '"', text: exactText(t, raw[bytes.IndexByte(raw, '"'):])}, nil
	case json.Number:
		return &value{kind: '0', text: t.String()}, nil
	case bool:
		if t {
			return &value{kind: 't'}, nil
		}
		return &value{kind: 'f'}, nil
	}
	return &value{kind: 'n'}, nil
}

// exactText is a string with each half of a surrogate pair as three bytes of its own. raw is how it is written.
func exactText(text string, raw []byte) string {
	if !bytes.Contains(raw, []byte(`\ud`)) && !bytes.Contains(raw, []byte(`\uD`)) {
		return text
	}
	var b []byte
	raw = raw[1 : len(raw)-1]
	for len(raw) > 0 {
		if raw[0] != '\\' {
			b, raw = append(b, raw[0]), raw[1:]
			continue
		}
		if raw[1] != 'u' {
			b = append(b, map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', '"': '"', '\\': '\\', '/': '/'}[raw[1]])
			raw = raw[2:]
			continue
		}
		unit := unitOf(raw)
		raw = raw[6:]
		if unit >= 0xd800 && unit < 0xdc00 && bytes.HasPrefix(raw, []byte(`\u`)) {
			if low := unitOf(raw); low >= 0xdc00 && low < 0xe000 {
				b = utf8.AppendRune(b, rune(0x10000+(unit-0xd800)<<10+(low-0xdc00)))
				raw = raw[6:]
				continue
			}
		}
		if unit >= 0xd800 && unit < 0xe000 {
			b = append(b, byte(0xe0|unit>>12), byte(0x80|unit>>6&0x3f), byte(0x80|unit&0x3f))
			continue
		}
		b = utf8.AppendRune(b, rune(unit))
	}
	return string(b)
}

// unitOf reads the digits of \uXXXX, which are there.
func unitOf(raw []byte) int {
	unit, _ := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return int(unit)
}

// fingerprint is equal for equal values only: the first bytes of the SHA-256 of a spelling in which members are sorted,
// numbers are exact, and all else stands in its place.
type fingerprint [16]byte

func (v *value) fingerprint() (f fingerprint) {
	sum := sha256.Sum256(v.spell(nil))
	copy(f[:], sum[:])
	return f
}

func (v *value) spell(b []byte) []byte {
	b = append(b, v.kind)
	switch v.kind {
	case '{':
		order := make([]int, len(v.names))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(v.names[i], v.names[j]) })
		b = binary.AppendUvarint(b, uint64(len(order)))
		for _, i := range order {
			b = v.items[i].spell(spellText(b, v.names[i]))
		}
	case '[':
		b = binary.AppendUvarint(b, uint64(len(v.items)))
		for _, item := range v.items {
			b = item.spell(b)
		}
	case '"':
		b = spellText(b, v.text)
	case '0':
		b = spellText(b, exactNumber(v.text))
	}
	return b
}

func spellText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// without returns the value without the members of these names, at every level and in any letter case.
func (v *value) without(names []string) *value {
	if len(names) == 0 || v.kind != '{' && v.kind != '[' {
		return v
	}
	out := &value{kind: v.kind}
	for i, item := range v.items {
		if v.kind == '{' {
			if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, v.names[i]) }) {
				continue
			}
			out.names = append(out.names, v.names[i])
		}
		out.items = append(out.items, item.without(names))
	}
	return out
}

// parseRow reads a row of a CSV file as an object: header → cell.
func parseRow(header, row []byte) (*value, error) {
	names, err := cellsOf(bytes.TrimPrefix(header, []byte("\ufeff")))
	if err != nil {
		return nil, err
	}
	cells, err := cellsOf(row)
	if err != nil {
		return nil, err
	}
	if len(names) != len(cells) {
		return nil, fmt.Errorf("it has %d cells under %d headers", len(cells), len(names))
	}
	v := &value{kind: '{', names: names}
	for _, cell := range cells {
		v.items = append(v.items, &value{kind: '"', text: cell})
	}
	return v, nil
}

// cellsOf reads one row by encoding/csv, which takes a carriage return in front of each line feed away: there is one more.
func cellsOf(row []byte) ([]string, error) {
	text := append(bytes.Clone(row), '\n')
	r := csv.NewReader(bytes.NewReader(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\r\r\n"))))
	cells, err := r.Read()
	if err != nil {
		return nil, err
	}
	if _, err := r.Read(); err != io.EOF {
		return nil, errors.New("it is more than one row")
	}
	return cells, nil
}
