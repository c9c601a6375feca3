package identity

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/load"
	"chatferry/transform"
)

// The tables of the maps. No Part has rows of them.
const (
	AgentMap      chatferry.Table = "agent_map"
	DepartmentMap chatferry.Table = "department_map"
)

// Table is the table of a map of agents or departments.
func Table(of chatferry.Stream) chatferry.Table {
	if of == chatferry.Departments {
		return DepartmentMap
	}
	return AgentMap
}

// column is a column of a map: an id, or a text.
type column struct {
	name string
	low  bool // few different values
	id   func(*Entry) *int64
	text func(*Entry) *string
}

func columnsOf(of chatferry.Stream) []column {
	key := keyColumn(of)
	columns := []column{
		{name: "legacy_id", id: func(e *Entry) *int64 { return &e.Legacy }},
		{name: "upgraded_id", id: func(e *Entry) *int64 { return &e.Upgraded }},
		{name: key, text: func(e *Entry) *string { return &e.Key }},
		{name: "status", low: true, text: func(e *Entry) *string { return (*string)(&e.Status) }},
		{name: "matched_by", low: true, text: func(e *Entry) *string { return &e.By }},
		{name: "upgraded_" + key, text: func(e *Entry) *string { return &e.UpgradedKey }},
	}
	if of == chatferry.Departments {
		return append(columns, column{name: "legacy_group_id", id: func(e *Entry) *int64 { return &e.Group }})
	}
	return append(columns,
		column{name: "legacy_name", text: func(e *Entry) *string { return &e.LegacyName }},
		column{name: "upgraded_name", text: func(e *Entry) *string { return &e.UpgradedName }},
		column{name: "legacy_role", low: true, text: func(e *Entry) *string { return &e.LegacyRole }},
		column{name: "role", low: true, text: func(e *Entry) *string { return &e.Role }},
		column{name: "role_note", low: true, text: func(e *Entry) *string { return &e.RoleNote }})
}

// Schema returns the columns of a map's table.
func Schema(of chatferry.Stream) *arrow.Schema {
	var fields []arrow.Field
	for _, c := range columnsOf(of) {
		f := arrow.Field{Name: c.name, Type: arrow.BinaryTypes.String, Nullable: true}
		if c.id != nil {
			f.Type = arrow.PrimitiveTypes.Int64
		}
		if c.low {
			f.Metadata = arrow.NewMetadata([]string{transform.HintDictionary}, []string{"1"})
		}
		fields = append(fields, f)
	}
	return arrow.NewSchema(fields, nil)
}

// Record returns the rows of a map, which the caller releases.
func (m *Map) Record() arrow.Record {
	columns := columnsOf(m.Of)
	b := array.NewRecordBuilder(memory.DefaultAllocator, Schema(m.Of))
	defer b.Release()
	for i := range m.Entries {
		for k, c := range columns {
			if c.id != nil {
				to := b.Field(k).(*array.Int64Builder)
				if id := *c.id(&m.Entries[i]); id != 0 {
					to.Append(id)
				} else {
					to.AppendNull()
				}
				continue
			}
			to := b.Field(k).(*array.StringBuilder)
			if text := *c.text(&m.Entries[i]); text != "" {
				to.Append(text)
			} else {
				to.AppendNull()
			}
		}
	}
	return b.NewRecord()
}

// readMap reads the rows of a file of a map.
func readMap(ctx context.Context, files load.Opener, name string, of chatferry.Stream) ([]Entry, error) {
	columns := columnsOf(of)
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	var out []Entry
	err := load.Scan(ctx, files, name, names, func(rec arrow.Record) error {
		for row := range int(rec.NumRows()) {
			var e Entry
			for k, c := range columns {
				if c.id != nil {
					*c.id(&e) = intAt(rec.Column(k), row)
				} else {
					*c.text(&e) = textAt(rec.Column(k), row)
				}
			}
			out = append(out, e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return out, nil
}

// intAt is a number of a column, 0 where it has none.
func intAt(c arrow.Array, row int) int64 {
	if a, ok := c.(*array.Int64); ok && a.IsValid(row) {
		return a.Value(row)
	}
	return 0
}

// textAt is a text of a column, of memory of its own; "" where it has none.
func textAt(c arrow.Array, row int) string {
	if a, ok := c.(*array.String); ok && a.IsValid(row) {
		return string([]byte(a.Value(row)))
	}
	return ""
}

func boolAt(c arrow.Array, row int) bool {
	a, ok := c.(*array.Boolean)
	return ok && a.IsValid(row) && a.Value(row)
}
