package transform

import (
	"bytes"
	"math"
	"math/bits"

	"chatferry"
)

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
	before := &n.begin
	i = space(b, i+1)
	if i >= len(b) || b[i] != '}' {
		for {
			at := i
			m, value := before.follower(b, i)
			var text []byte
			var ref keyRef
			if m == nil {
				if text, ref, value = d.name(i); value < 0 {
					return failed
				}
				m = n.find(text)
			}
			switch {
			case m == nil:
				if i = d.other(t, n, from, text, ref, at, value, depth); i < 0 {
					return failed
				}
			case seen&m.bit() != 0:
				d.fail(chatferry.CodeDuplicateKey, at, "an object has one name twice")
				return d.inside(m.name)
			default:
				before.learn(m)
				before = &m.spelling
				seen |= m.bit()
				set := true
				if m.kind == kindString && value < len(b) && b[value] == '"' {
					i = d.text(t, n, m, value)
				} else {
					i, set = d.member(t, n, m, value, depth)
				}
				if i < 0 {
					return d.inside(m.name)
				}
				filled = filled || set
			}
			if i+1 < len(b) && b[i] == ',' && b[i+1] == '"' { // as most are
				i++
				continue
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

// other reads a member that is not declared into _extra. Its name is at `at`; the names of its object begin at `from` in
// keys.
func (d *decoder) other(t *builder, n *node, from int, text []byte, ref keyRef, at, value, depth int) (next int) {
	if d.remember(from, ref, at) < 0 {
		return failed
	}
	if next = d.skip(value, depth); next < 0 {
		return d.inside("(other member)")
	}
	name := d.b[at+1 : value]
	name = name[:bytes.LastIndexByte(name, '"')]
	t.keep(n, name, d.b[value:next], n.name == "" && isAbsentName(text))
	return next
}

// member reads the value at i of a declared member. filled says whether a column has it.
func (d *decoder) member(t *builder, n *node, m *member, i, depth int) (next int, filled bool) {
	b := d.b
	if i >= len(b) {
		return d.syntax(i, "the record ends where a value is due"), false
	}
	c := b[i]
	switch m.kind {
	case kindInt:
		if v, next := readInt(b, i); next >= 0 {
			t.setInt(m.column(), v)
			return next, true
		}
	case kindFloat:
		if v, next := readFloat(b, i); next >= 0 {
			t.setWord(m.column(), math.Float64bits(v))
			return next, true
		}
	case kindBool:
		if c == 't' || c == 'f' {
			next = d.skip(i, depth)
			if next >= 0 {
				t.setBool(m.column(), c == 't')
			}
			return next, next >= 0
		}
	case kindTime:
		if c == '"' {
			for _, size := range [...]int{len(layoutSeconds), len(layoutMicros)} {
				if end := i + 1 + size; end < len(b) && b[end] == '"' {
					if v, ok := d.calendar.canonical(b[i+1:end], m.form); ok {
						t.setInt(m.column(), v)
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
				t.setText(m.column(), b[i:next])
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

// text reads a string into its column. Most are short and plain.
func (d *decoder) text(t *builder, n *node, m *member, i int) (next int) {
	col := &t.cols[m.column()]
	if !col.isOpen(t.n) {
		t.reach(m.column())
	}
	from, at := i+1, len(col.data)
	stops := d.from(from)
	if stops == 0 || from+copySize > len(d.b) || at+copySize > cap(col.data) {
		return d.restOfText(t, n, m, i, from)
	}
	copyShort(col.data, at, d.b, from)
	size := bits.TrailingZeros64(stops)
	col.data = col.data[:at+size]
	next = from + size
	if d.b[next] != '"' {
		return d.restOfText(t, n, m, i, next)
	}
	t.close(col)
	return next + 1
}

// restOfText goes on at `next` with a string that begins at i.
func (d *decoder) restOfText(t *builder, n *node, m *member, i, next int) int {
	col := &t.cols[m.column()]
	next, lone := d.appendString(&col.data, next)
	if next < 0 {
		return failed
	}
	t.close(col)
	if lone {
		t.keep(n, []byte(m.name), d.b[i:next], false)
		d.noteBadKey(m)
	}
	return next
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
	if m.column() < 0 {
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
			t.setText(m.column(), inner)
			return true
		}
	case kindInt:
		if !isNumber {
			return false
		}
		if v, ok := exactInt(inner); ok {
			t.setInt(m.column(), v)
			return true
		}
	case kindFloat:
		if !isNumber {
			return false
		}
		if v, _, ok := parseFloat(inner); ok {
			t.setWord(m.column(), math.Float64bits(v))
			return true
		}
	case kindBool:
		switch {
		case quoted && string(inner) == "true", !quoted && string(inner) == "1":
			t.setBool(m.column(), true)
			return true
		case quoted && string(inner) == "false", !quoted && string(inner) == "0":
			t.setBool(m.column(), false)
			return true
		}
	case kindTime:
		if !quoted {
			return false
		}
		if v, ok := looseTime(inner, m.naive, 0); ok {
			t.setInt(m.column(), v)
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
