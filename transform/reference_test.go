package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow/array"
)

// reference is what encoding/json makes of a record.
type reference struct {
	raw   []byte
	valid bool
	value any // numbers as json.Number
	deep  int // arrays and objects inside each other, up to the first error
}

func refer(raw []byte) *reference {
	r := &reference{raw: raw, valid: json.Valid(raw)}
	open := 0
	for d := json.NewDecoder(bytes.NewReader(raw)); ; {
		tok, err := d.Token()
		if err != nil {
			break
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			open++
			r.deep = max(r.deep, open)
		case json.Delim('}'), json.Delim(']'):
			open--
		}
	}
	if r.valid {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		r.valid = d.Decode(&r.value) == nil
	}
	return r
}

func (r *reference) object() map[string]any {
	o, _ := r.value.(map[string]any)
	return o
}

// meant are the differences between the decoder and encoding/json that are meant: what it refuses beyond broken JSON, and
// how that is seen in the record. The decoder must refuse a record with one of them, and may give a code only to a
// record that has what the code says.
var meant = []struct {
	code   chatferry.Code
	reason string
	has    func(s chatferry.Stream, r *reference) bool
}{
	{
		chatferry.CodeUTF8, "encoding/json puts U+FFFD there; the source's bytes would be lost, and one such byte in a column makes it unreadable for others",
		func(_ chatferry.Stream, r *reference) bool { return !utf8.Valid(r.raw) },
	},
	{
		chatferry.CodeDuplicateKey, "encoding/json lets the last one win; nobody knows which was meant, and a row holds one. Names are compared by their UTF-16 " +
			"units, so two different halves of surrogate pairs, which encoding/json takes for one U+FFFD, are two names",
		func(_ chatferry.Stream, r *reference) bool { return namesTwice(r.raw) },
	},
	{
		chatferry.CodeDepth, "encoding/json goes down 10,000 levels; readers of JSON columns do not",
		func(_ chatferry.Stream, r *reference) bool { return r.deep > MaxDepth },
	},
	{
		chatferry.CodeNotObject, "encoding/json takes any value; a record is an object",
		func(_ chatferry.Stream, r *reference) bool { return r.valid && r.object() == nil },
	},
	{
		chatferry.CodeMissingKey, "a record that nothing identifies cannot be told from its other versions",
		func(s chatferry.Stream, r *reference) bool { return r.valid && keyOf(s, r) == noKey },
	},
	{
		chatferry.CodeKeyType, "the same, of a key that is no key",
		func(s chatferry.Stream, r *reference) bool { return r.valid && keyOf(s, r) == oddKey },
	},
}

// What a record has for a key.
const (
	goodKey = iota
	noKey
	oddKey
)

// keyOf judges the fields that identify a record by their JSON values.
func keyOf(s chatferry.Stream, r *reference) int {
	k := KeyOf(s)
	if k.Default != "" {
		return goodKey
	}
	odd := false
	judge := func(name string, among []field) int {
		i := slices.IndexFunc(among, func(f field) bool { return f.name == name })
		f := among[i]
		v, there := r.object()[name]
		text := ""
		switch v := v.(type) {
		case nil:
			return noKey
		case string:
			text = v
		case json.Number:
			text = v.String()
		default:
			odd = odd || f.key
			return noKey
		}
		switch f.kind {
		case kindString:
			odd = odd || f.key && halfPair(r.member(name)) // its column would make two keys one
		case kindInt:
			if !wholeInt64(text) {
				odd = odd || f.key
				return noKey
			}
		case kindTime:
			if _, ok := looseTime([]byte(text), f.naive, 0); !ok {
				odd = odd || f.key
				return noKey
			}
		}
		switch {
		case !there || text == "":
			return noKey
		case len(text) > maxIDLen && s == chatferry.Chats:
			return oddKey
		}
		return goodKey
	}
	worst := goodKey
	for _, name := range k.Columns {
		got := judge(name, tableFields(s.Parent()))
		if got == noKey && k.Else != "" {
			got = judge(k.Else, tableFields(s.Parent()))
		}
		if worst == goodKey {
			worst = got
		}
	}
	if odd {
		return oddKey
	}
	return worst
}

// member is the text of a member of the record.
func (r *reference) member(name string) []byte {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(r.raw, &members) // it is an object
	return members[name]
}

var halfPairs = regexp.MustCompile(`%d[89ab]..%d[c-f]..|%d[89a-f]..`)

// halfPair reports whether a JSON string has half a surrogate pair in it.
func halfPair(text []byte) bool {
	units, _ := jsonValue(text) // in hex where they are not plain
	return slices.ContainsFunc(halfPairs.FindAllString(units, -1), func(m string) bool { return len(m) == len("%d83d") })
}

// wholeInt64 reports whether a JSON number has a value without fraction that fits 64 bits.
func wholeInt64(text string) bool {
	if !json.Valid([]byte(text)) || strings.TrimSpace(text) != text || text[0] == '"' {
		return false
	}
	n := (&valueParser{s: text}).num()
	if n == "0" {
		return true
	}
	digits, exp, ok := strings.Cut(n, "e")
	e, err := strconv.Atoi(exp)
	if !ok || err != nil || e < 0 || e > 20 {
		return false
	}
	_, err = strconv.ParseInt(digits+strings.Repeat("0", e), 10, 64)
	return err == nil
}

// sameValue compares values that encoding/json gave; numbers by what they are, not how they are written.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if w, ok := b[name]; !ok || !sameValue(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameValue)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || (&valueParser{s: a.String()}).num() == (&valueParser{s: b.String()}).num())
	}
	return a == b
}

// usualTime is a time whose value nobody can doubt.
var usualTime = regexp.MustCompile(`^(000[1-9]|00[1-9]\d|0[1-9]\d\d|[1-9]\d{3})-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$`)

// columnsHold checks a row's columns against what encoding/json made of the object that they are of. What the columns say is
// checked where the value has the form that its column is for: the rest is said by _extra, which rebuilding checks.
func columnsHold(t *tableReader, n *node, row int, object map[string]any, children func(m *member) (*tableReader, int)) error {
	for i := range n.members {
		m := &n.members[i]
		v, there := object[m.name]
		if m.kind == kindObject {
			inner, _ := v.(map[string]any)
			if err := columnsHold(t, m.object, row, inner, children); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			continue
		}
		if m.column() < 0 {
			continue
		}
		if (!there || v == nil) && !t.cols[m.column()].IsNull(row) {
			return fmt.Errorf("%s is %v, and its column has %s", m.name, v, t.cols[m.column()].ValueStr(row))
		}
		if err := columnHolds(t, m, row, v, children); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

func columnHolds(t *tableReader, m *member, row int, v any, children func(m *member) (*tableReader, int)) error {
	differs := func(want any) error {
		return fmt.Errorf("the value %v is %s in its column, not %v", v, t.cols[m.column()].ValueStr(row), want)
	}
	null := t.cols[m.column()].IsNull(row)
	switch v := v.(type) {
	case string:
		switch c := t.cols[m.column()].(type) {
		case *array.String:
			if m.kind == kindString && (null || c.Value(row) != v) {
				return differs(v)
			}
		case *array.Timestamp:
			at, err := time.Parse(time.RFC3339Nano, v)
			if usualTime.MatchString(v) && (null != (err != nil) || err == nil && int64(c.Value(row)) != at.UnixMicro()) {
				return differs(at.UnixMicro())
			}
		}
	case bool:
		if c, ok := t.cols[m.column()].(*array.Boolean); ok && (null || c.Value(row) != v) {
			return differs(v)
		}
	case json.Number:
		switch c := t.cols[m.column()].(type) {
		case *array.Int64:
			if want, err := v.Int64(); err == nil && (null || c.Value(row) != want) {
				return differs(want)
			}
		case *array.Float64:
			want, err := v.Float64()
			if (err != nil && !null) || err == nil && want != 0 && (null || math.Float64bits(c.Value(row)) != math.Float64bits(want)) {
				return differs(want)
			}
		}
	case []any:
		return elementsHold(t, m, row, v, children)
	}
	return nil
}

func elementsHold(t *tableReader, m *member, row int, v []any, children func(m *member) (*tableReader, int)) error {
	if m.kind == kindRows {
		child, at := children(m)
		for k, elem := range v {
			object, _ := elem.(map[string]any)
			if object == nil {
				continue
			}
			if err := columnsHold(child, child.root, at+k, object, nil); err != nil {
				return fmt.Errorf("[%d]: %w", k, err)
			}
		}
		return nil
	}
	list, ok := t.cols[m.column()].(*array.List)
	if !ok {
		return nil
	}
	from, to := list.ValueOffsets(row)
	if int(to-from) != len(v) {
		return fmt.Errorf("a list of %d has %d elements in its column", len(v), to-from)
	}
	for k, elem := range v {
		at := int(from) + k
		switch e := list.ListValues().(type) {
		case *array.String:
			if s, ok := elem.(string); ok && (e.IsNull(at) || e.Value(at) != s) {
				return fmt.Errorf("[%d] is %s, not %q", k, e.ValueStr(at), s)
			}
		case *array.Int64:
			if n, ok := elem.(json.Number); ok {
				if want, err := n.Int64(); err == nil && (e.IsNull(at) || e.Value(at) != want) {
					return fmt.Errorf("[%d] is %s, not %d", k, e.ValueStr(at), want)
				}
			}
		}
	}
	return nil
}

// differ transforms records of one Page, and says where the decoder and encoding/json do not agree and the difference is
// not meant.
func differ(tr *Transformer, records []string) error {
	s := tr.stream
	p := page(s, "", records...)
	for i := range p.Records {
		p.Records[i].Raw = p.Records[i].Raw[:len(records[i]):len(records[i])] // nothing to read behind it
	}
	b, err := tr.Transform(p, 1)
	if err != nil {
		return err
	}
	defer b.Release()
	if err := b.Books.Close(); err != nil {
		return err
	}
	rejected := map[chatferry.Offset]*chatferry.Reject{}
	for i := range b.Rejects {
		rejected[b.Rejects[i].Offset] = &b.Rejects[i]
	}
	next, stop := func() ([]byte, error) { return nil, io.EOF }, func() {}
	var rb *Rebuilder
	if len(b.Rows) > 0 {
		if rb, err = NewRebuilder(s, tables(b)); err != nil {
			return err
		}
		next, stop = pull(rb)
	}
	defer stop()
	row, used := 0, map[chatferry.Table]int{}
	for i := range records {
		r := refer([]byte(records[i]))
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%s: %w\nthe record: %q", s, fmt.Errorf(format, args...), records[i])
		}
		var has []chatferry.Code
		for _, m := range meant {
			if m.has(s, r) {
				has = append(has, m.code)
			}
		}
		if reject := rejected[p.Records[i].Offset]; reject != nil {
			if !slices.Contains(has, reject.Code) && (reject.Code != chatferry.CodeSyntax || r.valid) {
				return fail("refused as %s: %s; it has %v", reject.Code, reject.Reason, has)
			}
			continue
		}
		if !r.valid || len(has) > 0 {
			return fail("taken; encoding/json takes it: %t; it has %v", r.valid, has)
		}
		got, err := next()
		if err != nil {
			return fail("it has no row: %w", err)
		}
		if back := refer(got); !back.valid || !sameValue(back.value, r.value) {
			return fail("it came back as %q", got)
		}
		err = columnsHold(rb.parent, rb.parent.root, row, r.object(), func(m *member) (*tableReader, int) {
			return rb.children[m.table], used[m.table]
		})
		if err != nil {
			return fail("%w", err)
		}
		for k := range rb.parent.root.members {
			if m := &rb.parent.root.members[k]; m.kind == kindRows {
				used[m.table] += rb.parent.length(m, row)
			}
		}
		row++
	}
	if _, err := next(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: there are more rows than records", s)
	}
	return nil
}
