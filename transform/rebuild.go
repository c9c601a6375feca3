package transform

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Span is a run of rows [From, To) of a child table.
type Span struct{ From, To int }

// Rebuilder gives back the source records of a Stream from the rows of its tables. Two things are not given back: how
// the JSON text was laid out, and the secrets that were cut out. A row of a CSV file comes back as an object of strings.
type Rebuilder struct {
	csv      bool
	find     func(header string) csvTarget
	parent   *tableReader
	children map[chatferry.Table]*tableReader
}

// NewRebuilder takes the rows of a Stream's tables, as Transform made them or as a reader of the dataset gets them back.
// Tables without rows may be left out. Columns are found by name; one that is missing or of another type is an error.
func NewRebuilder(stream chatferry.Stream, tables map[chatferry.Table]arrow.Record) (*Rebuilder, error) {
	r := &Rebuilder{csv: stream.CSV(), children: map[chatferry.Table]*tableReader{}}
	for _, table := range stream.Tables() {
		rec := tables[table]
		if rec == nil {
			continue
		}
		t, err := newTableReader(table, rec)
		if err != nil {
			return nil, err
		}
		if table == stream.Parent() {
			r.parent = t
			r.find = (&csvReader{node: t.root}).find
		} else {
			r.children[table] = t
		}
	}
	if r.parent == nil {
		return nil, fmt.Errorf("rebuild records of %s: there are no rows of table %s", stream, stream.Parent())
	}
	return r, nil
}

// All yields the record of every row. The child rows must stand in the order of their parents, as they do in a Part.
func (r *Rebuilder) All() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		at := map[chatferry.Table]int{}
		spans := map[chatferry.Table]Span{}
		for row := range r.parent.rows {
			for i := range r.parent.root.members {
				if m := &r.parent.root.members[i]; m.kind == kindRows {
					n := r.parent.length(m, row)
					spans[m.table] = Span{at[m.table], at[m.table] + n}
					at[m.table] += n
				}
			}
			rec, err := r.Append(nil, row, spans)
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// Append appends the record of one row as JSON. children says which rows of the child tables belong to it, in the order
// of their index.
func (r *Rebuilder) Append(dst []byte, row int, children map[chatferry.Table]Span) ([]byte, error) {
	over, err := r.parent.overlay(row)
	if err != nil {
		return dst, err
	}
	if r.csv {
		return r.appendCSV(dst, row, over), nil
	}
	return r.object(dst, r.parent, r.parent.root, row, over, children)
}

// object appends the object n of a row: what _extra has of it, and otherwise what the columns have.
func (r *Rebuilder) object(dst []byte, t *tableReader, n *node, row int, over *overlay, children map[chatferry.Table]Span) ([]byte, error) {
	dst = append(dst, '{')
	for i := range n.members {
		m := &n.members[i]
		before := len(dst)
		dst = appendJSONString(dst, []byte(m.name))
		dst = append(dst, ':')
		value := over.take(m.name)
		var err error
		switch {
		case m.kind == kindObject && (value == nil && t.any(m.object, row) || value != nil && value[0] == '{'):
			var inner *overlay
			if inner, err = parseOverlay(value, false); err == nil {
				dst, err = r.object(dst, t, m.object, row, inner, nil)
			}
		case value != nil:
			dst = append(dst, value...)
		case m.column() >= 0 && !t.cols[m.column()].IsNull(row):
			if m.kind == kindRows {
				dst, err = r.array(dst, t, m, row, children[m.table])
			} else {
				dst = t.appendValue(dst, m, row)
			}
		case m.nullIs == nullIsNull && !over.absent[m.name]:
			dst = append(dst, "null"...)
		default:
			dst = dst[:before]
			continue
		}
		if err != nil {
			return dst, err
		}
		dst = append(dst, ',')
	}
	for _, o := range over.members {
		if !o.taken {
			dst = append(append(append(dst, '"'), o.name...), `":`...)
			dst = append(append(dst, o.value...), ',')
		}
	}
	return closeObject(dst), nil
}

func closeObject(dst []byte) []byte {
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}')
}

// array appends the elements of a child table's rows.
func (r *Rebuilder) array(dst []byte, t *tableReader, m *member, row int, span Span) ([]byte, error) {
	want := t.length(m, row)
	child := r.children[m.table]
	if want != span.To-span.From || want > 0 && (child == nil || span.From < 0 || span.To > child.rows) {
		return dst, fmt.Errorf("rebuild row %d: %s has %d elements, but %d rows are there", row, m.name, want, span.To-span.From)
	}
	id := t.text(t.column(ColumnID), row)
	dst = append(dst, '[')
	for i := range want {
		at := span.From + i
		if got := child.text(child.chatID, at); !bytes.Equal(got, id) || child.index32(at) != i {
			return dst, fmt.Errorf("rebuild row %d: row %d of %s belongs to another record or place", row, at, m.table)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		if extra := child.text(child.extra, at); len(extra) > 0 && extra[0] != '{' {
			dst = append(dst, extra...)
			continue
		}
		over, err := child.overlay(at)
		if err != nil {
			return dst, err
		}
		if dst, err = r.object(dst, child, child.root, at, over, nil); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendCSV appends the cells of a row by their headers.
func (r *Rebuilder) appendCSV(dst []byte, row int, over *overlay) []byte {
	t := r.parent
	spelled := map[int]bool{} // members whose cell stands in _extra, under its own header
	dst = append(dst, '{')
	for _, o := range over.members {
		d := newDecoder(slices.Concat([]byte{'"'}, o.name, []byte{'"'}))
		var header []byte
		d.appendString(&header, 1)
		spelled[r.find(string(header)).member] = true
		dst = append(append(append(dst, '"'), o.name...), `":`...)
		dst = append(append(dst, o.value...), ',')
	}
	for i := range t.root.members {
		m := &t.root.members[i]
		if spelled[i] || t.cols[m.column()].IsNull(row) {
			continue
		}
		dst = append(appendJSONString(dst, []byte(m.name)), ':')
		if m.kind == kindString {
			dst = t.appendValue(dst, m, row)
		} else {
			value := bytes.Trim(t.appendValue(nil, m, row), `"`)
			dst = appendJSONString(dst, value)
		}
		dst = append(dst, ',')
	}
	return closeObject(dst)
}

// tableReader reads rows of one table by the same layout that wrote them.
type tableReader struct {
	*layout
	rows int
	cols []arrow.Array
}

// ColumnID is the column of chats that child rows repeat as chat_id.
const ColumnID = "id"

func newTableReader(table chatferry.Table, rec arrow.Record) (*tableReader, error) {
	rec = replanted(table, rec)
	t := &tableReader{layout: newLayout(table), rows: int(rec.NumRows())}
	for _, c := range t.columns {
		at := rec.Schema().FieldIndices(c.name)
		if len(at) != 1 {
			return nil, fmt.Errorf("rebuild records from table %s: it has %d columns %s", table, len(at), c.name)
		}
		col := rec.Column(at[0])
		if !sameType(col.DataType(), c.store.arrowType()) {
			return nil, fmt.Errorf("rebuild records from table %s: column %s is %s, not %s", table, c.name, col.DataType(), c.store.arrowType())
		}
		t.cols = append(t.cols, col)
	}
	return t, nil
}

// sameType compares types; the name of a list's elements is the reader's choice.
func sameType(a, b arrow.DataType) bool {
	la, ok1 := a.(*arrow.ListType)
	lb, ok2 := b.(*arrow.ListType)
	if ok1 && ok2 {
		return arrow.TypeEqual(la.Elem(), lb.Elem())
	}
	return arrow.TypeEqual(a, b)
}

func (t *tableReader) text(col, row int) []byte {
	if a := t.cols[col].(*array.String); !a.IsNull(row) {
		return []byte(a.Value(row))
	}
	return nil
}

func (t *tableReader) index32(row int) int { return int(t.cols[t.index].(*array.Int32).Value(row)) }

// length is the number of rows that an array has in its child table.
func (t *tableReader) length(m *member, row int) int {
	if a := t.cols[m.column()].(*array.Int32); !a.IsNull(row) {
		return int(a.Value(row))
	}
	return 0
}

// any reports whether an object has a value in any of its columns.
func (t *tableReader) any(n *node, row int) bool {
	for i := range n.members {
		if c := n.members[i].column(); c >= 0 && !t.cols[c].IsNull(row) {
			return true
		}
	}
	return false
}

func (t *tableReader) appendValue(dst []byte, m *member, row int) []byte {
	switch a := t.cols[m.column()].(type) {
	case *array.Int64:
		return strconv.AppendInt(dst, a.Value(row), 10)
	case *array.Float64:
		return appendFloat(dst, a.Value(row))
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(row))
	case *array.Timestamp:
		return append(appendTime(append(dst, '"'), int64(a.Value(row)), m.form), '"')
	case *array.List:
		from, to := a.ValueOffsets(row)
		return appendList(dst, a.ListValues(), int(from), int(to))
	case *array.String:
		if m.kind == kindJSON {
			return append(dst, a.Value(row)...)
		}
		return appendJSONString(dst, []byte(a.Value(row)))
	}
	panic(fmt.Sprintf("column %s has a type that is never written", m.name))
}

func appendList(dst []byte, elems arrow.Array, from, to int) []byte {
	dst = append(dst, '[')
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, ',')
		}
		if elems.IsNull(i) {
			dst = append(dst, "null"...)
			continue
		}
		switch e := elems.(type) {
		case *array.Int64:
			dst = strconv.AppendInt(dst, e.Value(i), 10)
		case *array.String:
			dst = appendJSONString(dst, []byte(e.Value(i)))
		}
	}
	return append(dst, ']')
}

// appendFloat writes a float64 as a JSON number in its shortest text.
func appendFloat(dst []byte, v float64) []byte {
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}
