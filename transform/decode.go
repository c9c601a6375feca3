package transform

import (
	"bytes"
	"math"
	"strconv"

	"chatferry"
)

// maxElements is the number of elements up to which an array becomes rows of a child table. A row takes far more memory
// than the two bytes that an element may have.
const maxElements = 1 << 17

// record reads the whole record into the tables. The rows stay open: the caller ends or truncates them.
func (d *decoder) record() bool {
	i := space(d.b, 0)
	if i < len(d.b) && d.b[i] != '{' {
		if next := d.skip(i, 0); next >= 0 && space(d.b, next) == len(d.b) {
			d.fail(chatferry.CodeNotObject, i, "an object is due")
		} else if next >= 0 {
			d.syntax(next, "something stands behind the value")
		}
		return false
	}
	if i >= len(d.b) {
		d.syntax(i, "the record is empty")
		return false
	}
	t := d.tables[0]
	if i = d.object(t, t.root, i, 1); i < 0 {
		return false
	}
	if i = space(d.b, i); i < len(d.b) {
		d.syntax(i, "something stands behind the value")
		return false
	}
	return true
}

// object reads the object at i into the open row of t. depth counts it and what is around it.
func (d *decoder) object(t *builder, n *node, i, depth int) int {
	b := d.b
	var seen uint64
	filled := false
	from := len(d.keys)
	before := 0
	i = space(b, i+1)
	if i >= len(b) || b[i] != '}' {
		for {
			at := i
			j, value := n.expected(b, i, before)
			var text []byte
			var ref keyRef
			if j < 0 {
				if text, ref, value = d.name(i); value < 0 {
					return failed
				}
				j = n.find(text)
			}
			if j >= 0 {
				n.next.learn(before, j+1)
				before = j + 1
				m := &n.members[j]
				bit := uint64(1) << j
				if seen&bit != 0 {
					d.fail(chatferry.CodeDuplicateKey, at, "an object has one name twice")
					return d.inside(m.name)
				}
				seen |= bit
				var set bool
				if i, set = d.member(t, n, m, value, depth); i < 0 {
					return d.inside(m.name)
				}
				filled = filled || set
			} else {
				if d.remember(from, ref, at) < 0 {
					return failed
				}
				if i = d.skip(value, depth); i < 0 {
					return d.inside("(other member)")
				}
				name := b[at+1 : value]
				name = name[:bytes.LastIndexByte(name, '"')]
				t.keep(n, name, b[value:i], n.name == "" && isAbsentName(text))
			}
			i = space(b, i)
			if i >= len(b) {
				return d.syntax(i, "the record ends inside an object")
			}
			if b[i] == '}' {
				break
			}
			if b[i] != ',' {
				return d.syntax(i, "an object has neither a comma nor its end here")
			}
			i = space(b, i+1)
		}
	}
	if len(d.keys) > from && d.forget(from, i) < 0 {
		return failed
	}
	if n.name == "" {
		t.keepAbsent(n, n.nullIs&^seen)
	} else {
		t.closeNested(n, filled)
	}
	return i + 1
}

// member reads the value at i of a declared member. filled says whether a column has it.
func (d *decoder) member(t *builder, n *node, m *member, i, depth int) (next int, filled bool) {
	b := d.b
	if i >= len(b) {
		return d.syntax(i, "the record ends where a value is due"), false
	}
	c := b[i]
	switch m.kind {
	case kindString:
		if c == '"' {
			return d.text(t, n, m, i)
		}
	case kindInt:
		if v, next := readInt(b, i); next >= 0 {
			t.setInt(m.column, v)
			return next, true
		}
	case kindFloat:
		if v, next := readFloat(b, i); next >= 0 {
			t.setWord(m.column, math.Float64bits(v))
			return next, true
		}
	case kindBool:
		if c == 't' || c == 'f' {
			next = d.skip(i, depth)
			if next >= 0 {
				t.setBool(m.column, c == 't')
			}
			return next, next >= 0
		}
	case kindTime:
		if c == '"' {
			for _, size := range [...]int{len(layoutSeconds), len(layoutMicros)} {
				if end := i + 1 + size; end < len(b) && b[end] == '"' {
					if v, ok := d.calendar.canonical(b[i+1:end], m.form); ok {
						t.setInt(m.column, v)
						return end + 1, true
					}
				}
			}
		}
	case kindStrings, kindInts:
		if c == '[' {
			return d.list(t, n, m, i, depth+1)
		}
	case kindJSON:
		if c != 'n' {
			if next = d.skip(i, depth); next >= 0 {
				t.setText(m.column, b[i:next])
			}
			return next, next >= 0
		}
	case kindObject:
		if c == '{' {
			return d.object(t, m.object, i, depth+1), true
		}
	case kindRows:
		if c == '[' {
			return d.rows(t, n, m, i, depth+1)
		}
	}
	return d.odd(t, n, m, i, depth)
}

// text reads a string into its column.
func (d *decoder) text(t *builder, n *node, m *member, i int) (next int, filled bool) {
	col := t.open(m.column)
	next, lone := d.appendString(&col.data, i+1)
	if next < 0 {
		return failed, false
	}
	t.close(col)
	if lone {
		t.keep(n, []byte(m.name), d.b[i:next], false)
		d.noteBadKey(m)
	}
	return next, true
}

// odd reads a value whose form is not that of its column: null, or one that _extra has to hold.
func (d *decoder) odd(t *builder, n *node, m *member, i, depth int) (next int, filled bool) {
	if next = d.skip(i, depth); next < 0 {
		return failed, false
	}
	raw := d.b[i:next]
	if raw[0] == 'n' {
		if m.nullIs != nullIsNull {
			t.keep(n, []byte(m.name), raw, false)
		}
		return next, false
	}
	filled = d.convert(t, m, i, raw)
	if m.kind == kindEvidence {
		d.evidence = append(d.evidence, evidenceRef{m.name, raw})
	}
	if !filled {
		d.noteBadKey(m)
	}
	t.keep(n, []byte(m.name), raw, false)
	return next, filled
}

func (d *decoder) noteBadKey(m *member) {
	if m.key && d.badKey == "" {
		d.badKey = m.name
	}
}

// convert fills a column with a value of another form if its meaning is sure.
func (d *decoder) convert(t *builder, m *member, i int, raw []byte) bool {
	if m.column < 0 {
		return false
	}
	inner := raw
	quoted := raw[0] == '"'
	if quoted {
		var lone bool
		d.scratch = d.scratch[:0]
		_, lone = d.appendString(&d.scratch, i+1)
		if lone {
			return false
		}
		inner = d.scratch
	}
	end, _ := skipNumber(inner, 0)
	isNumber := end == len(inner) && end > 0
	switch m.kind {
	case kindString:
		if isNumber && !quoted {
			t.setText(m.column, inner)
			return true
		}
	case kindInt:
		if !isNumber {
			return false
		}
		if v, ok := exactInt(inner); ok {
			t.setInt(m.column, v)
			return true
		}
	case kindFloat:
		if !isNumber {
			return false
		}
		if v, _, ok := parseFloat(inner); ok {
			t.setWord(m.column, math.Float64bits(v))
			return true
		}
	case kindBool:
		switch {
		case quoted && string(inner) == "true", !quoted && string(inner) == "1":
			t.setBool(m.column, true)
			return true
		case quoted && string(inner) == "false", !quoted && string(inner) == "0":
			t.setBool(m.column, false)
			return true
		}
	case kindTime:
		if !quoted {
			return false
		}
		if v, ok := looseTime(inner, m.naive, 0); ok {
			t.setInt(m.column, v)
			return true
		}
	}
	return false
}

func exactInt(s []byte) (int64, bool) {
	var buf [maxDecimal]byte
	dec, ok := parseDecimal(s, &buf)
	if !ok {
		return 0, false
	}
	return dec.int64()
}

// list reads an array into a list column.
func (d *decoder) list(t *builder, n *node, m *member, i, depth int) (next int, filled bool) {
	b := d.b
	c := t.open(m.column)
	from := i
	exact := true
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		t.close(c)
		return i + 1, true
	}
	for index := 0; ; index++ {
		var ok bool
		if m.kind == kindInts {
			i, ok = d.intElement(c.elem, i, depth)
		} else {
			i, ok = d.stringElement(c.elem, i, depth)
		}
		if i < 0 {
			return d.insideElement(index), false
		}
		exact = exact && ok
		var more bool
		if i, more = d.nextElement(i); !more {
			break
		}
	}
	if i < 0 {
		return failed, false
	}
	t.close(c)
	if !exact {
		t.keep(n, []byte(m.name), b[from:i], false)
	}
	return i, true
}

func (d *decoder) intElement(e *elements, i, depth int) (next int, exact bool) {
	b := d.b
	if v, next := readInt(b, i); next >= 0 {
		e.appendInt(v)
		return next, true
	}
	if next = d.skip(i, depth); next < 0 {
		return failed, false
	}
	raw := b[i:next]
	if raw[0] == '"' {
		raw = raw[1 : len(raw)-1]
	}
	if end, _ := skipNumber(raw, 0); end > 0 && end == len(raw) {
		if v, ok := exactInt(raw); ok {
			e.appendInt(v)
			return next, false
		}
	}
	e.appendNullInt()
	return next, b[i] == 'n'
}

func (d *decoder) stringElement(e *elements, i, depth int) (next int, exact bool) {
	b := d.b
	if i < len(b) && b[i] == '"' {
		var lone bool
		next, lone = d.appendString(&e.data, i+1)
		if next < 0 {
			return failed, false
		}
		e.closeString(true)
		return next, !lone
	}
	if next = d.skip(i, depth); next < 0 {
		return failed, false
	}
	if raw := b[i:next]; raw[0] == '-' || raw[0]-'0' <= 9 {
		e.data = append(e.data, raw...)
		e.closeString(true)
		return next, false
	}
	e.closeString(false)
	return next, b[i] == 'n'
}

func (d *decoder) insideElement(index int) int {
	return d.inside("[" + strconv.Itoa(index) + "]")
}

// rows reads an array into a child table, a row for each element.
func (d *decoder) rows(t *builder, n *node, m *member, i, depth int) (next int, filled bool) {
	b := d.b
	child := d.tables[m.child]
	from, first := i, child.n
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		t.setInt32(m.column, 0)
		return i + 1, true
	}
	for index := 0; ; index++ {
		if index == maxElements {
			child.truncate(first)
			if i = d.skipElements(i, depth); i < 0 {
				return failed, false
			}
			t.keep(n, []byte(m.name), b[from:i], false)
			return i, false
		}
		if i = d.element(child, m, i, depth); i < 0 {
			return d.insideElement(index), false
		}
		var more bool
		if i, more = d.nextElement(i); !more {
			break
		}
	}
	if i < 0 {
		return failed, false
	}
	t.setInt32(m.column, int32(child.n-first))
	return i, true
}

func (d *decoder) element(child *builder, m *member, i, depth int) int {
	b := d.b
	child.begin()
	if i < len(b) && b[i] == '{' {
		if i = d.object(child, child.root, i, depth+1); i < 0 {
			return failed
		}
		if m.table == chatferry.ChatHistory {
			d.flags.history(child, d.historyType, d.historyChannel)
		}
	} else {
		at := i
		if i = d.skip(i, depth); i < 0 {
			return failed
		}
		child.keepElement(b[at:i])
	}
	child.closeExtra()
	child.end()
	return i
}

// skipElements goes on to the end of an array whose next element is at i.
func (d *decoder) skipElements(i, depth int) int {
	for {
		if i = d.skip(i, depth); i < 0 {
			return failed
		}
		var more bool
		if i, more = d.nextElement(i); !more {
			return i
		}
	}
}
