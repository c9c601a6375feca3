package settle

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/cmd/chatferry/identity"
	"chatferry/load"
	"chatferry/load/local"
	"chatferry/transform"
)

// staffed is an account with agents and departments, of whom some cannot be told apart.
func staffed() *feed {
	f := newFeed()
	f.part = 4
	f.add(chatferry.Agents,
		`{"id":1,"email":"Ann@Example.com","display_name":"Ann","roles":{"owner":true,"administrator":true},"departments":[10,11]}`,
		`{"id":2,"email":"bo@example.com","display_name":"Bo","role_id":7,"departments":[11]}`,
		`{"id":3,"email":"bo@example.com","display_name":"Bo","departments":[]}`,
		`{"id":4,"email":"","display_name":"Nobody"}`,
		`{"id":5,"email":"gone@example.com","display_name":"Gone"}`)
	f.add(chatferry.Roles, `{"id":7,"name":"Team lead"}`)
	f.add(chatferry.Departments, `{"id":10,"name":"Sales","members":[1,4]}`, `{"id":11,"name":"Support","settings":{"support_group_id":7002},"members":[1,2]}`)
	for shard := range 2 {
		var chats []string
		for i := range 6 {
			chats = append(chats, fmt.Sprintf(`{"id":"c%d","type":"chat","timestamp":%q,"agent_ids":["%d","9","x",null],"department_id":%d,`+
				`"history":[{"type":"chat.msg","timestamp":%q,"agent_id":%d,"msg":"m"}],"webpath":[]}`,
				shard*6+i, stamp(i), 1+i%5, 10+i%3, stamp(i), 1+i%5))
		}
		f.add(chatferry.Chats, chats...)
	}
	return f
}

// upgradedStaff is the upgraded side of staffed.
func upgradedStaff(t *testing.T) *identity.Upgraded {
	t.Helper()
	agents, departments := filepath.Join(t.TempDir(), "agents.csv"), filepath.Join(t.TempDir(), "departments.csv")
	for name, text := range map[string]string{
		agents:      "\ufeffupgraded_id,email,name,role\n5001,ann@example.com,Ann A.,\n5002,BO@example.com,Bo,\n5009,new@example.com,New,owner\n",
		departments: "name,upgraded_id\nSales,7001\nSupport (renamed),7002\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u, err := identity.ReadFiles(agents, departments)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// rowsOf prints columns of every row of a table, sorted.
func (w *world) rowsOf(t *testing.T, table chatferry.Table, columns ...string) []string {
	t.Helper()
	d, err := w.dataset(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range d.Inventory() {
		if f.Kind != chatferry.FileRows || f.Table != table {
			continue
		}
		err := load.Scan(t.Context(), local.New(w.fsys), f.Name, columns, func(rec arrow.Record) error {
			for row := range int(rec.NumRows()) {
				var texts []string
				for _, c := range rec.Columns() {
					texts = append(texts, c.ValueStr(row))
				}
				out = append(out, strings.Join(texts, " "))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

func sameRows(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  %s\nnot\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// digests are the records and the values of every table.
func (w *world) digests(t *testing.T) (records, values map[chatferry.Table]chatferry.Digest) {
	t.Helper()
	d, err := w.dataset(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records, values = map[chatferry.Table]chatferry.Digest{}, map[chatferry.Table]chatferry.Digest{}
	for _, f := range d.Inventory() {
		if f.Kind == chatferry.FileRows && transform.Schema(f.Table) != nil {
			e, v := records[f.Table], values[f.Table]
			e.Merge(f.E)
			v.Merge(f.V)
			records[f.Table], values[f.Table] = e, v
		}
	}
	return records, values
}

// The ids that a file of the upgraded side resolves stand beside those that were read, in the tables of the maps and in
// every table that names them. What is ambiguous or missing is listed and stays null. The records are those that were read.
func TestIdentities(t *testing.T) {
	w := newWorld(t, staffed())
	if r, err := w.carry(t.Context()); err != nil || r.Identities != nil {
		t.Fatal("maps that nobody asked for", r.Identities, err)
	}
	records, values := w.digests(t)
	w.options.Identities = Identities{Asked: true, Upgraded: upgradedStaff(t)}
	report, err := w.carry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	sameRows(t, "agent_map", w.rowsOf(t, identity.AgentMap, "legacy_id", "upgraded_id", "email", "status", "matched_by", "legacy_role", "role", "role_note"),
		"1 5001 ann@example.com matched email owner administrator owned Chat",
		"2 (null) bo@example.com ambiguous (null) Team lead (null) a custom role does not carry over",
		"3 (null) bo@example.com ambiguous (null) agent agent (null)",
		"4 (null) (null) no_email (null) agent agent (null)",
		"5 (null) gone@example.com missing (null) agent agent (null)",
		"(null) 5002 bo@example.com ambiguous (null) (null) (null) (null)",
		"(null) 5009 new@example.com new (null) (null) owner (null)")
	sameRows(t, "department_map", w.rowsOf(t, identity.DepartmentMap, "legacy_id", "upgraded_id", "name", "status", "matched_by"),
		"10 7001 Sales matched name", "11 7002 Support matched support_group_id")
	sameRows(t, "agents", w.rowsOf(t, "agents", "id", "id_upgraded", "departments_upgraded"),
		"1 5001 [7001,7002]", "2 (null) [7002]", "3 (null) []", "4 (null) (null)", "5 (null) (null)")
	sameRows(t, "departments", w.rowsOf(t, "departments", "id", "id_upgraded", "members_upgraded"), "10 7001 [5001,null]", "11 7002 [5001,null]")
	var chats, history []string
	for i := range 12 {
		agent, department := "(null)", []string{"7001", "7002", "(null)"}[i%6%3]
		if i%6%5 == 0 {
			agent = "5001"
		}
		chats = append(chats, fmt.Sprintf("c%d [%s,null,null,null] %s", i, strings.Replace(agent, "(null)", "null", 1), department))
		history = append(history, fmt.Sprintf("c%d %d %s", i, 1+i%6%5, agent))
	}
	sameRows(t, "chats", w.rowsOf(t, "chats", "id", "agent_ids_upgraded", "department_id_upgraded"), chats...)
	sameRows(t, "chat_history", w.rowsOf(t, "chat_history", "chat_id", "agent_id", "agent_id_upgraded"), history...)
	if got, want := fmt.Sprint(report.Identities.Unresolved), "map[agents:[2 3 4 5 9] departments:[12]]"; got != want {
		t.Errorf("unresolved: %s, not %s", got, want)
	}
	recordsNow, valuesNow := w.digests(t)
	if !maps.Equal(records, recordsNow) {
		t.Error("the digests of records have changed")
	}
	for _, table := range []chatferry.Table{"agents", "departments", "chats", "chat_history"} {
		if values[table] == valuesNow[table] {
			t.Errorf("the digest of the values of %s has not changed", table)
		}
	}

	// Nothing is exchanged again. What comes later is filled from the maps, without the other side.
	w.options.Identities = Identities{}
	again, err := w.carry(t.Context())
	if err != nil || again.Replaces != 0 || fmt.Sprint(again.Identities.Unresolved) != fmt.Sprint(report.Identities.Unresolved) {
		t.Errorf("%+v, %v", again, err)
	}
	w.feed.add(chatferry.Chats, `{"id":"late","type":"chat","timestamp":"2021-05-01T00:00:00Z","agent_ids":["1","5002"],"department_id":7001,"history":[],"webpath":[]}`)
	if _, err := w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := slices.DeleteFunc(w.rowsOf(t, "chats", "id", "agent_ids_upgraded", "department_id_upgraded"), func(s string) bool { return !strings.HasPrefix(s, "late") })
	sameRows(t, "a chat that came later", late, "late [5001,5002] 7001")
	if err := w.check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// The records that rows are rebuilt to are the same after their columns were filled.
func TestIdentitiesAreNoPartOfRecords(t *testing.T) {
	w := newWorld(t, staffed())
	if _, err := w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := w.rebuilt(t)
	w.options.Identities = Identities{Asked: true, Upgraded: upgradedStaff(t)}
	if _, err := w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := w.rebuilt(t); !slices.Equal(before, after) || len(before) == 0 {
		t.Errorf("rebuilt:\n%s\nnot\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}

// A kill, or a power loss, before every operation of a run that fills: the next run leaves the same files.
func TestKillAnywhereInIdentities(t *testing.T) {
	t.Parallel()
	s := newSweep(t, staffed(), 0, Options{limits: tiny(), Identities: Identities{Asked: true, Upgraded: upgradedStaff(t)}})
	if s.report.Identities.Filled < 5 {
		t.Fatalf("%d files were filled", s.report.Identities.Filled)
	}
	s.killAnywhere(t)
}

// rebuilt are the records that the rows of every Part say were read.
func (w *world) rebuilt(t *testing.T) (out []string) {
	t.Helper()
	d, err := w.dataset(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, files := range d.FilesOf() {
		tables := map[chatferry.Table]arrow.Record{}
		var stream chatferry.Stream
		for i := range files {
			f := &files[i]
			if f.Kind != chatferry.FileRows {
				continue
			}
			stream = f.Stream
			err := load.Scan(t.Context(), local.New(w.fsys), f.Name, nil, func(rec arrow.Record) error {
				rec.Retain()
				tables[f.Table] = rec
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, table := range stream.Tables() {
			if tables[table] == nil {
				b := array.NewRecordBuilder(memory.DefaultAllocator, transform.Schema(table))
				tables[table] = b.NewRecord()
				b.Release()
			}
		}
		r, err := transform.NewRebuilder(stream, tables)
		if err != nil {
			t.Fatal(err)
		}
		for record, err := range r.All() {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(record))
		}
		for _, rec := range tables {
			rec.Release()
		}
	}
	slices.Sort(out)
	return out
}
