package transform

import "bytes"

// absentMember is the reserved member of _extra that names the members which are absent although their columns' bare
// null would mean null.
const absentMember = "_absent"

// isAbsentName reports whether a member of a record would be taken for the reserved one, or for a longer form of it.
func isAbsentName(name []byte) bool {
	return len(name) >= len(absentMember) && name[0] == '_' &&
		string(bytes.TrimLeft(name, "_")) == absentMember[1:]
}

// keep writes a member of n, its name without quotes and its verbatim value, into the open row's _extra.
func (b *builder) keep(n *node, name, value []byte, escape bool) {
	data := b.openExtra(n)
	data = append(data, '"')
	if escape {
		data = append(data, '_')
	}
	data = append(data, name...)
	data = append(data, '"', ':')
	data = append(data, value...)
	b.cols[b.extra].data = data
}

// openExtra begins the row's _extra and the object n in it, if that was not done before, and puts the comma between
// members.
func (b *builder) openExtra(n *node) []byte {
	data := b.cols[b.extra].data
	if !b.extraOpen {
		b.extraOpen = true
		data = b.open(b.extra).data
		data = append(data, '{')
	} else if !b.nestedOpen {
		data = append(data, ',')
	}
	if n.name == "" {
		return data
	}
	if b.nestedOpen {
		return append(data, ',')
	}
	b.nestedOpen = true
	data = append(data, '"')
	data = append(data, n.name...)
	return append(data, '"', ':', '{')
}

// closeNested ends the object n. An empty one would leave no trace in the columns.
func (b *builder) closeNested(n *node, filled bool) {
	if !b.nestedOpen {
		if filled {
			return
		}
		b.cols[b.extra].data = b.openExtra(n)
	}
	b.nestedOpen = false
	b.cols[b.extra].data = append(b.cols[b.extra].data, '}')
}

// keepAbsent names the members of n, by bit, that are absent although a bare null would mean null.
func (b *builder) keepAbsent(n *node, absent uint64) {
	if absent == 0 {
		return
	}
	data := append(b.openExtra(n), `"`+absentMember+`":[`...)
	for j := range n.members {
		if absent>>j&1 != 0 {
			data = append(data, '"')
			data = append(data, n.members[j].name...)
			data = append(data, '"', ',')
		}
	}
	data[len(data)-1] = ']'
	b.cols[b.extra].data = data
}

// keepElement makes a value that is not an object the whole _extra of its row.
func (b *builder) keepElement(value []byte) {
	b.setText(b.extra, value)
}

// closeExtra ends the open row's _extra; it stays null if nothing was kept.
func (b *builder) closeExtra() {
	if b.extraOpen {
		c := &b.cols[b.extra]
		c.data = append(c.data, '}')
		b.close(c)
		b.extraOpen = false
	}
}
