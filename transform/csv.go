package transform

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"chatferry"
)

// csvReader reads the rows of a CSV file under its header.
type csvReader struct {
	node   *node
	header []byte // the one that columns was made of
	names  []string
	target []csvTarget
	fault  *chatferry.Fault // of the header, and so of all its rows

	cells [][]byte
	buf   []byte
}

// csvTarget is where the cells under one header go.
type csvTarget struct {
	member int  // of the node; -1: to _extra
	usual  bool // the header is spelled as the column's field is, so that the column alone gives it back
	zone   int  // of times, in seconds east of UTC
}

// readHeader prepares for rows under this header.
func (r *csvReader) readHeader(header []byte) {
	if r.names != nil && bytes.Equal(header, r.header) {
		return
	}
	r.header = bytes.Clone(header)
	r.fault = nil
	r.names, r.target = []string{}, r.target[:0]
	header = bytes.TrimPrefix(header, []byte("\ufeff"))
	cells, problem := r.split(header)
	if problem != "" || len(header) == 0 {
		r.bad("the header row is missing or cannot be read")
		return
	}
	taken := map[string]bool{}
	for i, c := range cells {
		name := string(c)
		r.names = append(r.names, name)
		target := r.find(name)
		r.target = append(r.target, target)
		id := "header " + name
		if target.member >= 0 {
			id = "column " + r.node.members[target.member].name
		}
		switch {
		case strings.TrimSpace(name) == "":
			r.bad(fmt.Sprintf("header %d of the file is empty", i+1))
		case strings.ToValidUTF8(name, "") != name:
			r.bad(fmt.Sprintf("header %d of the file is not UTF-8", i+1))
		case taken[id]:
			r.bad(fmt.Sprintf("header %d of the file names a column that an earlier one names", i+1))
		}
		taken[id] = true
	}
}

func (r *csvReader) bad(reason string) {
	if r.fault == nil {
		r.fault = &chatferry.Fault{Code: chatferry.CodeCSVHeader, Reason: reason}
	}
}

// find looks a header up by its letters in any case and without its zone.
func (r *csvReader) find(header string) csvTarget {
	base, zone, zoned := cutZone(strings.TrimSpace(header))
	for i := range r.node.members {
		m := &r.node.members[i]
		want, _, _ := cutZone(m.name)
		if strings.EqualFold(base, want) && (m.kind == kindTime || !zoned) {
			return csvTarget{member: i, usual: header == m.name, zone: zone}
		}
	}
	return csvTarget{member: -1}
}

// split cuts a row into its cells (RFC 4180). They are valid until the next call.
func (r *csvReader) split(row []byte) (cells [][]byte, problem string) {
	r.cells, r.buf = r.cells[:0], r.buf[:0]
	for i := 0; ; i++ {
		if i < len(row) && row[i] == '"' {
			from := len(r.buf)
			for i++; ; i++ {
				if i >= len(row) {
					return nil, "a quoted cell does not end"
				}
				if row[i] == '"' {
					if i+1 >= len(row) || row[i+1] != '"' {
						break
					}
					i++
				}
				r.buf = append(r.buf, row[i])
			}
			i++
			if i < len(row) && row[i] != ',' {
				return nil, "something stands behind a quoted cell"
			}
			r.cells = append(r.cells, r.buf[from:len(r.buf):len(r.buf)])
		} else {
			from := i
			for i < len(row) && row[i] != ',' {
				if row[i] == '"' {
					return nil, "a quote stands inside a cell that is not quoted"
				}
				i++
			}
			r.cells = append(r.cells, row[from:i])
		}
		if i >= len(row) {
			return r.cells, ""
		}
	}
}

// row reads one row into the open row of the Stream's table.
func (r *csvReader) row(d *decoder, raw []byte) *chatferry.Fault {
	if r.fault != nil {
		return r.fault
	}
	cells, problem := r.split(raw)
	if problem != "" {
		return &chatferry.Fault{Code: chatferry.CodeCSVRow, Reason: problem}
	}
	if len(cells) != len(r.names) {
		return &chatferry.Fault{
			Code: chatferry.CodeCSVRow, Reason: fmt.Sprintf("the row has %d cells, its header %d", len(cells), len(r.names)),
		}
	}
	t := d.tables[0]
	for i, cell := range cells {
		target := r.target[i]
		if target.member >= 0 && r.fill(d, t, target, cell) && target.usual {
			continue
		}
		d.scratch = appendJSONString(d.scratch[:0], []byte(r.names[i]))
		name := len(d.scratch)
		d.scratch = appendJSONString(d.scratch, cell)
		t.keep(t.root, d.scratch[1:name-1], d.scratch[name:], false)
	}
	return nil
}

// fill puts a cell into its column. It returns true if the column alone gives back the cell's very text.
func (r *csvReader) fill(d *decoder, t *builder, target csvTarget, cell []byte) (exact bool) {
	m := &r.node.members[target.member]
	switch m.kind {
	case kindString:
		t.setText(m.column(), cell)
		return true
	case kindInt:
		v, err := strconv.ParseInt(string(cell), 10, 64)
		if err != nil {
			return false
		}
		t.setInt(m.column(), v)
		return string(strconv.AppendInt(d.arena[:0], v, 10)) == string(cell)
	case kindFloat:
		if end, _ := skipNumber(cell, 0); end != len(cell) {
			return false
		}
		v, _, ok := parseFloat(cell)
		if !ok {
			return false
		}
		t.setWord(m.column(), math.Float64bits(v))
		return string(appendFloat(d.arena[:0], v)) == string(cell)
	case kindBool:
		v, ok := csvBool(cell)
		if ok {
			t.setBool(m.column(), v)
		}
		return ok && string(cell) == strconv.FormatBool(v)
	case kindTime:
		if v, ok := canonicalTime(cell, formCSV); ok && target.zone == 0 {
			t.setInt(m.column(), v)
			return true
		}
		if v, ok := looseTime(cell, true, target.zone); ok {
			t.setInt(m.column(), v)
		}
	}
	return false
}

func csvBool(cell []byte) (v, ok bool) {
	switch strings.ToLower(string(cell)) {
	case "true", "yes", "1":
		return true, true
	case "false", "no", "0":
		return false, true
	}
	return false, false
}
