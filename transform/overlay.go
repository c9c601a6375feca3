package transform

import (
	"fmt"

	"chatferry"
)

// overlay is an object of _extra: what it holds wins over the columns.
type overlay struct {
	members []overlayMember
	absent  map[string]bool // members of the record that are absent although a bare null would mean null
}

type overlayMember struct {
	name  []byte // without quotes, as written
	text  string // what it says
	value []byte
	taken bool
}

// overlay parses the _extra of a row.
func (t *tableReader) overlay(row int) (*overlay, error) {
	o, err := parseOverlay(t.text(t.extra, row), !chatferry.Stream(t.table).CSV())
	if err != nil {
		return nil, fmt.Errorf("rebuild row %d of %s: %w", row, t.table, err)
	}
	return o, nil
}

// parseOverlay reads the text of an object; nil is an empty one. reserved says whether this is the outermost object of a
// record's _extra, in which the member _absent is reserved.
func parseOverlay(raw []byte, reserved bool) (*overlay, error) {
	o := &overlay{}
	if len(raw) == 0 {
		return o, nil
	}
	d := newDecoder(raw)
	if raw[0] != '{' || d.skip(0, 0) != len(raw) {
		return nil, fmt.Errorf("its %s is not a JSON object", ColumnExtra)
	}
	i := space(raw, 1)
	for raw[i] != '}' {
		name, _, value := d.name(i)
		end := d.skip(value, 0)
		m := overlayMember{text: string(name), value: raw[value:end]}
		next, _ := d.skipString(i + 1)
		m.name = raw[i+1 : next-1]
		switch {
		case reserved && m.text == absentMember:
			o.readAbsent(m.value)
		case reserved && isAbsentName(name):
			m.name, m.text = m.name[1:], m.text[1:]
			fallthrough
		default:
			o.members = append(o.members, m)
		}
		if i = space(raw, end); raw[i] == ',' {
			i = space(raw, i+1)
		}
	}
	return o, nil
}

func (o *overlay) readAbsent(list []byte) {
	o.absent = map[string]bool{}
	d := newDecoder(list)
	i := space(list, 1)
	for i < len(list) && list[i] == '"' {
		var name []byte
		i, _ = d.appendString(&name, i+1)
		o.absent[string(name)] = true
		if i = space(list, i); list[i] == ',' {
			i = space(list, i+1)
		}
	}
}

// take returns the value of a member, nil if there is none, and marks it as used.
func (o *overlay) take(name string) []byte {
	for i := range o.members {
		if m := &o.members[i]; m.text == name {
			m.taken = true
			return m.value
		}
	}
	return nil
}
