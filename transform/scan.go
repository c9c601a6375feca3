package transform

import (
	"bytes"
	"fmt"
	"slices"

	"chatferry"
)

// MaxDepth is the number of arrays and objects inside each other beyond which a record is refused. Real records have
// about ten.
const MaxDepth = 500

// failed is what a scanning function returns for the next index after it has noted a fault.
const failed = -1

// decoder reads one record after the other into the builders of a Stream's tables. A fault ends the record: it is noted
// once, and every function on the way out returns failed.
type decoder struct {
	marked

	code   chatferry.Code // empty: no fault
	at     int
	reason string
	path   []byte // of the fault, written from the inside out

	keys    []keyRef // names met so far in the open objects, declared members aside
	arena   []byte   // unescaped names
	scratch []byte
	order   []keyRef

	calendar calendar

	tables []*builder // the Stream's own, then its child tables
	badKey string     // the member of the record's key that has a value which cannot be one

	// Of chats only.
	evidence                    []evidenceRef
	flags                       chatFlags
	historyType, historyChannel int // columns of the history
}

// keyRef is a name, in the record or (n < 0) in the arena.
type keyRef struct{ at, n int32 }

func (d *decoder) key(k keyRef) []byte {
	if k.n < 0 {
		return d.arena[k.at : k.at-k.n]
	}
	return d.b[k.at : k.at+k.n]
}

// newDecoder returns a decoder that has no tables, to look into a text.
func newDecoder(b []byte) decoder {
	var d decoder
	d.mark(b)
	return d
}

// reset prepares for the next record.
func (d *decoder) reset(b []byte) {
	if cap(d.keys)+cap(d.arena)+cap(d.scratch)+8*cap(d.marks) > maxReserve {
		d.keys, d.arena, d.scratch, d.order, d.marks = nil, nil, nil, nil, nil
	}
	d.mark(b)
	d.code, d.reason = "", ""
	d.path = d.path[:0]
	d.keys, d.arena = d.keys[:0], d.arena[:0]
	d.evidence = d.evidence[:0]
	d.badKey = ""
	d.flags = chatFlags{}
}

func (d *decoder) fail(code chatferry.Code, at int, reason string) int {
	if d.code == "" {
		d.code, d.at, d.reason = code, at, reason
	}
	return failed
}

func (d *decoder) syntax(at int, reason string) int {
	return d.fail(chatferry.CodeSyntax, at, reason)
}

// inside notes, on the way out of a fault, where it was.
func (d *decoder) inside(name string) int {
	d.path = append(append(d.path, 0), name...)
	return failed
}

// fault returns what is wrong with the record, for a person.
func (d *decoder) fault() string {
	parts := bytes.Split(d.path, []byte{0})
	slices.Reverse(parts)
	var b bytes.Buffer
	for _, p := range parts {
		if len(p) == 0 {
			continue
		}
		if b.Len() > 0 && p[0] != '[' {
			b.WriteByte('.')
		}
		b.Write(p)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s (byte %d of the record)", d.reason, d.at)
	return b.String()
}

// space returns the index of the first byte at or after i that is not white space.
func space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// name reads a member's name and the colon behind it. i is at the opening quote. It returns the name's text and reference
// and the index of the value.
func (d *decoder) name(i int) (text []byte, ref keyRef, value int) {
	b := d.b
	if i >= len(b) {
		return nil, ref, d.syntax(i, "the record ends inside an object")
	}
	if b[i] != '"' {
		return nil, ref, d.syntax(i, "an object has something else than a name here")
	}
	next, escaped := d.skipString(i + 1)
	if next < 0 {
		return nil, ref, failed
	}
	ref = keyRef{int32(i + 1), int32(next - i - 2)}
	if escaped {
		from := len(d.arena)
		d.arena = appendKey(d.arena, b[i+1:next-1])
		ref = keyRef{int32(from), int32(from - len(d.arena))}
	}
	value = space(b, next)
	if value >= len(b) {
		return nil, ref, d.syntax(value, "the record ends inside an object")
	}
	if b[value] != ':' {
		return nil, ref, d.syntax(value, "a name in an object has no colon behind it")
	}
	return d.key(ref), ref, space(b, value+1)
}

// fewKeys is the number of names in one object up to which each is compared with all before it.
const fewKeys = 16

// remember notes a name of the object whose names begin at `from` in keys, and fails if it is there already. Objects
// with many names are checked by sameKeys when they end.
func (d *decoder) remember(from int, k keyRef, at int) int {
	if len(d.keys)-from < fewKeys {
		text := d.key(k)
		for _, o := range d.keys[from:] {
			if bytes.Equal(d.key(o), text) {
				return d.fail(chatferry.CodeDuplicateKey, at, "an object has one name twice")
			}
		}
	}
	d.keys = append(d.keys, k)
	return 0
}

// forget ends the object whose names begin at `from` in keys.
func (d *decoder) forget(from, at int) int {
	if len(d.keys)-from > fewKeys {
		d.order = append(d.order[:0], d.keys[from:]...)
		slices.SortFunc(d.order, func(x, y keyRef) int { return bytes.Compare(d.key(x), d.key(y)) })
		for i := range d.order[1:] {
			if bytes.Equal(d.key(d.order[i]), d.key(d.order[i+1])) {
				return d.fail(chatferry.CodeDuplicateKey, at, "an object has one name twice")
			}
		}
	}
	d.keys = d.keys[:from]
	return 0
}

// skip returns the index behind the value at i, which it checks. depth counts the arrays and objects around it.
func (d *decoder) skip(i, depth int) int {
	b := d.b
	if i >= len(b) {
		return d.syntax(i, "the record ends where a value is due")
	}
	switch c := b[i]; {
	case c == '"':
		next, _ := d.skipString(i + 1)
		return next
	case c == '{':
		return d.skipObject(i, depth+1)
	case c == '[':
		return d.skipArray(i, depth+1)
	case c == '-' || c-'0' <= 9:
		next, _ := skipNumber(b, i)
		if next < 0 {
			return d.syntax(i, "a number is not written as JSON wants it")
		}
		return next
	case c == 't':
		return d.literal(i, "true")
	case c == 'f':
		return d.literal(i, "false")
	case c == 'n':
		return d.literal(i, "null")
	}
	return d.syntax(i, "no JSON value begins like this")
}

func (d *decoder) literal(i int, word string) int {
	if end := i + len(word); end <= len(d.b) && string(d.b[i:end]) == word {
		return end
	}
	return d.syntax(i, "no JSON value begins like this")
}

func (d *decoder) skipObject(i, depth int) int {
	if depth > MaxDepth {
		return d.fail(chatferry.CodeDepth, i, fmt.Sprintf("more than %d arrays and objects stand inside each other", MaxDepth))
	}
	b := d.b
	from := len(d.keys)
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		at := i
		_, ref, value := d.name(i)
		if value < 0 || d.remember(from, ref, at) < 0 {
			return failed
		}
		if i = d.skip(value, depth); i < 0 {
			return failed
		}
		i = space(b, i)
		if i >= len(b) {
			return d.syntax(i, "the record ends inside an object")
		}
		if b[i] == '}' {
			if d.forget(from, i) < 0 {
				return failed
			}
			return i + 1
		}
		if b[i] != ',' {
			return d.syntax(i, "an object has neither a comma nor its end here")
		}
		i = space(b, i+1)
	}
}

func (d *decoder) skipArray(i, depth int) int {
	if depth > MaxDepth {
		return d.fail(chatferry.CodeDepth, i, fmt.Sprintf("more than %d arrays and objects stand inside each other", MaxDepth))
	}
	b := d.b
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	return d.skipElements(i, depth)
}

// nextElement goes on behind an element of an array: to the next one, or, if more is false, behind the array's end.
func (d *decoder) nextElement(i int) (next int, more bool) {
	b := d.b
	i = space(b, i)
	if i >= len(b) {
		return d.syntax(i, "the record ends inside an array"), false
	}
	switch b[i] {
	case ',':
		return space(b, i+1), true
	case ']':
		return i + 1, false
	}
	return d.syntax(i, "an array has neither a comma nor its end here"), false
}
