package deep

import (
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"chatferry"
)

// Which column belongs to which field is said here once more, apart from package transform: a column that is filled from a
// wrong field, and read back from it in the same way, gives the record back and is wrong all the same.

// inner are the objects of a table's records whose members have columns of their own, named OBJECT_MEMBER.
var inner = map[chatferry.Table][]string{
	"chats":            {"visitor", "session", "count", "response_time"},
	"chat_history":     {"attachment"},
	"chat_engagements": {"count", "response_time"},
	"chat_conversions": {"attribution"},
	"conversions":      {"attribution"},
	"account":          {"plan", "billing"},
	"agents":           {"roles"},
	"roles":            {"permissions"},
	"departments":      {"settings"},
	"routing_settings": {"chat_limit", "skill_routing", "reassignment", "auto_idle", "auto_accept"},
}

// texts are the columns that hold a value of any kind as JSON text.
var texts = map[chatferry.Table][]string{
	"chat_history":      {"conversion"},
	"department_events": {"previous_value", "value"},
	"triggers":          {"definition"},
	"goals":             {"settings"},
}

// arrayOf is the array of a chat whose elements are the rows of a child table.
func arrayOf(table chatferry.Table) string { return strings.TrimPrefix(string(table), "chat_") }

// lengthOf is the column that says how many rows of a child table a chat has.
func lengthOf(table chatferry.Table) string { return arrayOf(table) + "_len" }

// sheet is rows of one table, as its columns are held against the fields of records.
type sheet struct {
	table   chatferry.Table
	columns []sheetColumn
}

type sheetColumn struct {
	name  string
	outer string // of a column of an inner object: its name; else empty
	inner string // the member
	array arrow.Array
	text  bool // it holds JSON text
	count bool // it holds the length of an array
}

// newSheet finds the columns that hold fields. The others say where a row comes from, or are derived from it.
func newSheet(table chatferry.Table, rec arrow.Record) *sheet {
	s := &sheet{table: table}
	for i, array := range rec.Columns() {
		c := sheetColumn{name: rec.ColumnName(i), array: array}
		switch {
		case strings.HasPrefix(c.name, "_"), strings.HasSuffix(c.name, "_upgraded"):
			continue
		case table == chatferry.Chats.Parent() && (c.name == "id_created_at" || c.name == "message_suspect"):
			continue
		case isChild(table) && (c.name == "chat_id" || c.name == "index"):
			continue
		}
		c.inner = c.name
		if name, ok := strings.CutSuffix(c.name, "_len"); ok && table == chatferry.Chats.Parent() && isChild(chatferry.Table("chat_"+name)) {
			c.inner, c.count = name, true
		}
		for _, object := range inner[table] {
			if rest, ok := strings.CutPrefix(c.name, object+"_"); ok {
				c.outer, c.inner = object, rest
			}
		}
		c.text = slices.Contains(texts[table], c.name)
		s.columns = append(s.columns, c)
	}
	return s
}

func isChild(t chatferry.Table) bool { return slices.Contains(chatferry.Chats.Tables()[1:], t) }

// check adds the fields of a record, or of an element of an array, whose column says something else.
func (s *sheet) check(p *paths, row int, v *value, path string) {
	for i := range s.columns {
		c := &s.columns[i]
		of, at := v, path
		if c.outer != "" {
			of, at = v.member(c.outer), below(path, c.outer)
		}
		if !c.holds(row, of.member(c.inner)) {
			p.add(below(at, c.inner) + " in column " + string(s.table) + "." + c.name)
		}
	}
}

// holds reports whether a column has what a field says, nil if it is absent.
func (c *sheetColumn) holds(row int, v *value) bool {
	switch {
	case c.count:
		return holdsLength(c.array, row, v)
	case c.text:
		return holdsText(c.array, row, v)
	}
	return holdsField(c.array, row, v)
}
