package transform

import (
	"strconv"

	"chatferry"
)

// maxElements is the number of elements up to which an array becomes rows of a child table. A row takes far more memory
// than the two bytes that an element may have.
const maxElements = 1 << 17

// list reads an array into a list column.
func (d *decoder) list(t *builder, n *node, m *member, i, depth int) (next int, filled bool) {
	b := d.b
	c := t.open(m.column())
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
		t.setInt32(m.column(), 0)
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
	t.setInt32(m.column(), int32(child.n-first))
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
