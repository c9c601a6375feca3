package transform

import (
	"fmt"
	"strconv"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// maxIDLen is how long the id of a record with child rows may be: each of them repeats it.
const maxIDLen = 256

// Key says by which columns of its Stream's own table a record is identified, and which of two records with one key is
// the newer one.
type Key struct {
	Columns []string // all of them, joined by "|"; a time as microseconds since 1970
	Else    string   // a column that stands in where the only one of Columns is null
	Default string   // the key of a record that has neither
	Version string   // a time; empty, or null in a record: version 0, the lowest

	columns []int // indexes of Columns, Else, Version; -1: none
	other   int
	version int
}

// KeyOf returns the Key of a Stream. Rows of CSV files have none: their key is empty.
func KeyOf(s chatferry.Stream) Key {
	k := Key{Columns: []string{"id"}}
	switch {
	case s.CSV():
		k.Columns = nil
	case s == chatferry.Chats:
		k.Version = "update_timestamp"
	case s == chatferry.Shortcuts:
		k.Columns = []string{"name"}
	case s == chatferry.Triggers:
		k.Else = "name"
	case s == chatferry.AgentTimeline:
		k.Columns = []string{"agent_id", "start_time"}
	case s == chatferry.Attachments:
		k.Columns = []string{ColumnChatID, ColumnIndex}
	case s == chatferry.Account:
		k.Columns, k.Default = []string{"account_key"}, "account"
	case s == chatferry.RoutingSettings:
		k.Columns, k.Default = []string{"agent_id"}, "account"
	}
	l := newLayout(s.Parent())
	for _, c := range k.Columns {
		k.columns = append(k.columns, l.column(c))
	}
	k.other, k.version = l.column(k.Else), l.column(k.Version)
	return k
}

// Of returns the key and the version of a row of the Stream's own table. The record must have the columns of Schema.
func (k *Key) Of(rec arrow.Record, row int) (key string, version int64) {
	return string(k.Append(nil, rec, row)), k.VersionOf(rec, row)
}

// Append appends the key of a row to b.
func (k *Key) Append(b []byte, rec arrow.Record, row int) []byte {
	before := len(b)
	for i, c := range k.columns {
		col := rec.Column(c)
		if col.IsNull(row) {
			break
		}
		if i > 0 {
			b = append(b, '|')
		}
		b = appendKeyValue(b, col, row)
	}
	if len(b) == before && k.other >= 0 && !rec.Column(k.other).IsNull(row) {
		b = appendKeyValue(b, rec.Column(k.other), row)
	}
	if len(b) == before {
		b = append(b, k.Default...)
	}
	return b
}

// VersionOf returns the version of a row.
func (k *Key) VersionOf(rec arrow.Record, row int) int64 {
	if k.version < 0 || rec.Column(k.version).IsNull(row) {
		return 0
	}
	return int64(rec.Column(k.version).(*array.Timestamp).Value(row))
}

func appendKeyValue(b []byte, col arrow.Array, row int) []byte {
	switch a := col.(type) {
	case *array.String:
		return append(b, a.Value(row)...)
	case *array.Int64:
		return strconv.AppendInt(b, a.Value(row), 10)
	case *array.Timestamp:
		return strconv.AppendInt(b, int64(a.Value(row)), 10)
	}
	panic(fmt.Sprintf("a key of type %s", col.DataType()))
}

// openKey is Of for the open row.
func (t *Transformer) openKey() (key string, version int64) {
	tb := t.decoder.tables[0]
	key = string(tb.cols[t.key.columns[0]].text(tb.n))
	if c := &tb.cols[t.key.version]; c.isSet(tb.n) {
		version = int64(c.words[tb.n])
	}
	return key, version
}

// checkKey refuses a record that is not identified.
func (t *Transformer) checkKey() *chatferry.Fault {
	if t.key.Default != "" {
		return nil
	}
	d := &t.decoder
	if d.badKey != "" {
		return &chatferry.Fault{Code: chatferry.CodeKeyType, Reason: d.badKey + ": the identifying field has a value of a wrong type"}
	}
	for i, col := range t.key.columns {
		name := t.key.Columns[i]
		problem := d.keyProblem(col)
		if problem == missing && t.key.other >= 0 {
			name += " or " + t.key.Else
			problem = d.keyProblem(t.key.other)
		}
		switch problem {
		case missing:
			return &chatferry.Fault{Code: chatferry.CodeMissingKey, Reason: name + ": the identifying field is absent, null or empty"}
		case tooLong:
			return &chatferry.Fault{
				Code: chatferry.CodeKeyType, Reason: fmt.Sprintf("%s: the identifying field is longer than %d bytes", name, maxIDLen),
			}
		}
	}
	return nil
}

const (
	missing = "missing"
	tooLong = "too long"
)

func (d *decoder) keyProblem(col int) string {
	tb := d.tables[0]
	c := &tb.cols[col]
	if !c.isSet(tb.n) {
		return missing
	}
	if tb.columns[col].store == storeString {
		switch n := len(c.text(tb.n)); {
		case n == 0:
			return missing
		case n > maxIDLen && len(d.tables) > 1:
			return tooLong
		}
	}
	return ""
}
