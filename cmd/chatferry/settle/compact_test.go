package settle

import (
	"fmt"
	"testing"

	"chatferry"
	"chatferry/checkpoint"
)

// Compact makes few files of many, of tables and ledger alike, with every row and entry as it was; and what is joined can
// be settled and joined again.
func TestCompact(t *testing.T) {
	f := newFeed()
	f.page, f.part = 2, 2
	w := newWorld(t, f)
	count := func() (rows, ledgers int) {
		d, err := w.dataset(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range d.Inventory() {
			switch {
			case file.Kind == chatferry.FileLedger && file.Stream == chatferry.Chats:
				ledgers++
			case file.Table == chatferry.Chats.Parent():
				rows++
			}
		}
		return rows, ledgers
	}
	for round := range 3 {
		var chats []chat
		for i := range 20 {
			c := chat{id: fmt.Sprintf("c%d", round*3+i), version: 1 + round, lines: i % 3, visitor: "v"}
			if i%7 == 6 {
				c.channel = "facebook"
			}
			chats = append(chats, c)
		}
		f.add(chatferry.Chats, texts(chats...)...)
		f.add(chatferry.Agents, `{"id":1,"display_name":"a"}`, fmt.Sprintf(`{"id":%d,"display_name":"a"}`, 2+round), `{"id":99}`)
		if _, err := w.carry(t.Context()); err != nil {
			t.Fatal(err)
		}
		before, ledgers := count()
		report, err := w.run(t.Context(), Compact)
		if err != nil {
			t.Fatal(err)
		}
		after, left := count()
		if before < 5 || ledgers < 2 || after != 1 || left != 1 || report.Joined < 1 {
			t.Errorf("round %d: %d files of chats and %d ledgers became %d and %d: %+v", round, before, ledgers, after, left, report)
		}
		w.ends = w.ends[:len(w.ends)-1] // it did not settle anything
		if err := w.check(t.Context()); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if report, err = w.run(t.Context(), Compact); err != nil || report.Replaces != 0 {
			t.Errorf("round %d: joined again: %+v, %v", round, report, err)
		}
		w.ends = w.ends[:len(w.ends)-1]
	}
}

// Parts of which nothing but Rejects is left are not joined, and keep nothing else from being so.
func TestCompactBesideQuarantine(t *testing.T) {
	f := newFeed()
	f.page, f.part = 1, 1
	f.add(chatferry.Agents, `{`, `{"id":1}`, `[`, `{"id":2}`, `{"id":2,"email":"x"}`, `}`)
	f.add(chatferry.Roles, `{`, `[`, `}`)
	w := newWorld(t, f)
	w.options.limits = tiny()
	w.options.limits.compactAfter = 2
	report, err := w.carry(t.Context())
	if err == nil {
		err = w.check(t.Context())
	}
	if err != nil || report.Joined != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

// However often rows of one Part are superseded, it has one ledger of theirs.
func TestOneLedgerOfManySettles(t *testing.T) {
	f := newFeed()
	var chats []chat
	for i := range 8 {
		chats = append(chats, chat{id: fmt.Sprintf("c%d", i), version: 1})
	}
	chats = append(chats[:7], chat{id: "x", channel: "facebook"})
	f.add(chatferry.Chats, texts(chats...)...)
	w := newWorld(t, f)
	for i := range 5 {
		f.add(chatferry.Chats, chat{id: fmt.Sprintf("c%d", i), version: 2}.String())
		report, err := w.carry(t.Context())
		if err == nil {
			err = w.check(t.Context())
		}
		if err != nil || report.Superseded[chatferry.Chats] != 1 {
			t.Fatalf("%+v, %v", report, err)
		}
	}
	d, err := w.dataset(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rows []int64
	for _, file := range d.Inventory() {
		if file.Kind == chatferry.FileLedger {
			rows = append(rows, file.Rows)
		}
	}
	if fmt.Sprint(rows) != "[1 5]" {
		t.Errorf("ledgers of %v entries", rows)
	}
}

// Units that are big, or that would become too big together, stay apart.
func TestGroups(t *testing.T) {
	s := &settler{limits: limits{compactBytes: 100}}
	units := func(sizes ...int64) (all []*unit) {
		for _, n := range sizes {
			file := checkpoint.InventoryFile{PartFile: chatferry.PartFile{Kind: chatferry.FileRows, Table: "agents", Size: n, Rows: n}}
			all = append(all, &unit{stream: chatferry.Agents, files: []checkpoint.InventoryFile{file}})
		}
		return all
	}
	tests := []struct {
		name  string
		sizes []int64
		least int
		below int64
		want  []int // units of each group
	}{
		{"nothing", nil, 2, 50, nil},
		{"one small unit", []int64{10}, 2, 50, nil},
		{"few of them", []int64{10, 10}, 3, 50, nil},
		{"enough of them", []int64{10, 10, 10}, 3, 50, []int{3}},
		{"a big one between", []int64{10, 50, 10}, 2, 50, []int{2}},
		{"more than one file takes", []int64{40, 40, 40, 40, 40}, 2, 50, []int{2, 2}},
		{"only big ones", []int64{50, 60, 200}, 2, 50, nil},
		{"whole Parts, and what is smaller", []int64{6, 6, 5, 6, 5, 6}, 2, 6, []int{2}},
		{"whole Parts alone", []int64{6, 6, 6, 6, 6}, 2, 6, nil},
	}
	for _, tt := range tests {
		var got []int
		for _, g := range s.groups(units(tt.sizes...), tt.least, tt.below) {
			got = append(got, len(g))
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: groups of %v units, want %v", tt.name, got, tt.want)
		}
	}
}
