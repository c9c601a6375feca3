package checkpoint

import (
	"slices"
	"strings"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// planned returns a run over a disk with a finished dataset, and a settle that it has planned and staged.
func planned(t *testing.T, disk *faultfs.Disk, w workload) (*process, *Replace) {
	t.Helper()
	p := &process{workload: w, fsys: disk.Process(nil), name: "planner"}
	if err := p.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := load(disk)
	if err != nil {
		t.Fatal(err)
	}
	body := &Replace{Generation: p.run.NextGeneration(), Reason: "settle"}
	if err := p.planSettle(t.Context(), d, body); err != nil {
		t.Fatal(err)
	}
	if err := p.store.sealed(); err != nil {
		t.Fatal(err)
	}
	return p, body
}

func clone(r *Replace) *Replace {
	c := *r
	c.Retire, c.Add, c.Moves = slices.Clone(r.Retire), slices.Clone(r.Add), slices.Clone(r.Moves)
	return &c
}

// badReplaces are changes to a good settle after which it is refused, by who writes it and by who reads it.
var badReplaces = []struct {
	name   string
	change func(r *Replace)
	want   string
	kind   chatferry.Kind
	writer bool // only who writes can see it
}{
	{name: "a generation left out", change: func(r *Replace) { r.Generation = 2 }, want: "next generation is 1", writer: true},
	{name: "nothing", change: func(r *Replace) { r.Retire, r.Add, r.Moves = nil, nil, nil }, want: "changes no file", writer: true},
	{name: "retires what is not there", change: func(r *Replace) { r.Retire[0].Name += "x" }, want: "not in the inventory"},
	{name: "retires a file twice", change: func(r *Replace) { r.Retire[1] = r.Retire[0] }, want: "not in the inventory"},
	{name: "retires a file of another size", change: func(r *Replace) { r.Retire[0].Size++ }, want: "as a file of"},
	{name: "adds a name of another generation", change: func(r *Replace) { r.Add[0].Name = strings.Replace(r.Add[0].Name, "r000000000001", "r000000000002", 1) }, want: "another generation"},
	{name: "adds a file of another table", change: func(r *Replace) { r.Add[0].Table = "chat_webpath" }, want: "no name for a file of table"},
	{name: "adds a file named like a Part's", change: func(r *Replace) { r.Add[0].Name = strings.Replace(r.Add[0].Name, "-r0", "-0", 1) }, want: "no name for a file of table"},
	{name: "adds a name that leads out", change: func(r *Replace) { r.Add[0].Name = "tables/../" + r.Add[0].Name }, want: "no name for a file of table"},
	{name: "adds a name twice", change: func(r *Replace) { r.Add[1].PartFile = r.Add[0].PartFile }, want: "given before"},
	{name: "adds an unknown kind", change: func(r *Replace) { r.Add[0].Kind = "rest" }, want: "unknown kind"},
	{name: "adds what is not staged", change: func(r *Replace) { r.Add[0].Staging += "x" }, want: "is not staged", writer: true},
	{name: "adds without staging", change: func(r *Replace) { r.Add[0].Staging = "" }, want: "is not staged"},
	{name: "adds an empty file", change: func(r *Replace) { r.Add[0].Size = 0 }, want: "in 0 bytes"},
	{name: "adds records of a Part that is not there", change: func(r *Replace) { r.Add[0].Parts = []PartSpan{{1, 1, 9}} }, want: "parts 1 to 9"},
	{name: "adds records of a Shard that is not there", change: func(r *Replace) { r.Add[0].Parts = []PartSpan{{7, 1, 1}} }, want: "shard 000000000007"},
	{name: "adds records of no Part", change: func(r *Replace) { r.Add[0].Parts = []PartSpan{{1, 2, 1}} }, want: "parts 2 to 1"},
	{name: "keeps for ever", change: func(r *Replace) { r.KeepS = 1 << 60 }, want: "cannot be kept"},
	{name: "keeps for less than nothing", change: func(r *Replace) { r.KeepS = -1 }, want: "cannot be kept"},
	{name: "moves nothing", change: func(r *Replace) { r.Moves[0].N = 0 }, want: "cannot move"},
	{name: "moves to where it was", change: func(r *Replace) { r.Moves[0].To = Loaded }, want: "cannot move"},
	{name: "moves from an unknown column", change: func(r *Replace) { r.Moves[0].From = "read" }, want: "no column"},
	{name: "moves to an unknown column", change: func(r *Replace) { r.Moves[0].To = Excluded("") }, want: "no column"},
	{name: "moves records of a Part that is not there", change: func(r *Replace) { r.Moves[0].Seq = 9 }, want: "part 9 of shard"},
	{name: "moves more records than there are", change: func(r *Replace) { r.Moves[0].N = 3 }, want: "cannot leave column"},
	{name: "moves more bytes than there are", change: func(r *Replace) { r.Moves[0].Bytes = 21 }, want: "cannot leave column"},
	{name: "moves all records but not their digest", change: func(r *Replace) { r.Moves[0].N, r.Moves[0].Bytes = 2, 20 }, want: "cannot leave column"},
	{name: "moves a record twice", change: func(r *Replace) { r.Moves = append(r.Moves, r.Moves[0]) }, want: "cannot leave column"},
	{name: "moves what is not there", change: func(r *Replace) { r.Moves[0].From = Excluded("message") }, want: "cannot leave column"},
	{name: "drops a row and does not move it", change: func(r *Replace) { r.Moves = r.Moves[:1] }, want: "do not balance", kind: chatferry.KindDiffers},
	{name: "moves a row and does not drop it", change: func(r *Replace) { edit(r, "chats").Rows++ }, want: "do not balance", kind: chatferry.KindDiffers},
	{name: "drops another record than it moves", change: func(r *Replace) { edit(r, "chats").E = chatferry.Digest{} }, want: "do not balance", kind: chatferry.KindDiffers},
	{name: "forgets the ledger", change: func(r *Replace) {
		r.Add = slices.DeleteFunc(r.Add, func(f AddedFile) bool { return f.Kind == chatferry.FileLedger })
	}, want: "do not balance", kind: chatferry.KindDiffers},
	{name: "forgets the rows", change: func(r *Replace) {
		r.Add = slices.DeleteFunc(r.Add, func(f AddedFile) bool { return f.Table == "chats" })
	}, want: "do not balance", kind: chatferry.KindDiffers},
	{name: "retires nothing", change: func(r *Replace) { r.Retire = nil }, want: "do not balance", kind: chatferry.KindDiffers},
	{name: "puts the record into another column than the ledger", change: func(r *Replace) { r.Moves[0].To = Quarantined }, want: "do not balance", kind: chatferry.KindDiffers},
	{name: "drops rows of a child table alone", change: func(r *Replace) {
		r.Moves = nil
		r.Retire = slices.DeleteFunc(r.Retire, func(f RetiredFile) bool { return f.Table != chatferry.ChatHistory })
		r.Add = slices.DeleteFunc(r.Add, func(f AddedFile) bool { return f.Table != chatferry.ChatHistory })
	}, want: "do not balance", kind: chatferry.KindDiffers},
}

func edit(r *Replace, table chatferry.Table) *AddedFile {
	for i := range r.Add {
		if r.Add[i].Table == table {
			return &r.Add[i]
		}
	}
	return nil
}

func TestReplaceRefuses(t *testing.T) {
	w := workload{shards: 2, parts: 2}
	disk := carried(t, w)
	p, good := planned(t, disk, w)
	before := disk.Files(".")
	for _, c := range badReplaces {
		body := clone(good)
		c.change(body)
		err := p.run.Replace(t.Context(), *body)
		if err == nil || !strings.Contains(err.Error(), c.want) || chatferry.KindOf(err) != c.kind {
			t.Errorf("%s: kind %d, %v; want kind %d and %q", c.name, chatferry.KindOf(err), err, c.kind, c.want)
		}
		if err := sameBytes(before, disk.Files(".")); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	if err := p.run.Replace(t.Context(), *good); err != nil {
		t.Fatal(err)
	}
	if err := p.run.Replace(t.Context(), *good); err == nil {
		t.Error("the same replace was taken twice")
	}
	if err := watch(disk).check(); err != nil {
		t.Error(err)
	}
}

// What a writer must not write, a reader does not take.
func TestLoadRefusesReplace(t *testing.T) {
	w := workload{shards: 2, parts: 2}
	whole := carried(t, w)
	for _, done := range []bool{false, true} {
		for _, c := range badReplaces {
			if c.writer {
				continue
			}
			disk := whole.Clone()
			p, body := planned(t, disk, w)
			c.change(body)
			if err := p.run.append(t.Context(), &Record{Kind: KindReplace, Replace: body}); err != nil {
				t.Fatal(err)
			}
			if done {
				if err := p.run.append(t.Context(), &Record{Kind: KindReplaceDone, ReplaceDone: &ReplaceDone{1}}); err != nil {
					t.Fatal(err)
				}
			}
			_, err := load(disk)
			if chatferry.KindOf(err) != chatferry.KindIncompatible || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), recordName(DatasetLog, 5)) {
				t.Errorf("%s (done: %v): %v, want %q", c.name, done, err, c.want)
			}
		}
	}
}

func TestLoadRefusesOrder(t *testing.T) {
	w := workload{shards: 1, parts: 2}
	whole := carried(t, w)
	announce := func(p *process, body *Replace) *Record { return &Record{Kind: KindReplace, Replace: body} }
	done := func(g uint64) *Record { return &Record{Kind: KindReplaceDone, ReplaceDone: &ReplaceDone{g}} }
	undone := func(g uint64) *Record {
		return &Record{Kind: KindReplaceUndone, ReplaceUndone: &ReplaceUndone{Generation: g, Gone: "x"}}
	}
	removed := func(g ...uint64) *Record { return &Record{Kind: KindRemoved, Removed: &Removed{g}} }
	for _, c := range []struct {
		name string
		then []func(p *process, body *Replace) *Record
		want string
	}{
		{"done without a replace", []func(p *process, body *Replace) *Record{
			func(*process, *Replace) *Record { return done(1) },
		}, "not in progress"},
		{"undone without a replace", []func(p *process, body *Replace) *Record{
			func(*process, *Replace) *Record { return undone(1) },
		}, "not in progress"},
		{"another generation ends", []func(p *process, body *Replace) *Record{
			announce, func(*process, *Replace) *Record { return done(2) },
		}, "not in progress"},
		{"done and undone", []func(p *process, body *Replace) *Record{
			announce, func(*process, *Replace) *Record { return undone(1) }, func(*process, *Replace) *Record { return done(1) },
		}, "not in progress"},
		{"two at once", []func(p *process, body *Replace) *Record{announce, announce}, "out of order"},
		{"a generation given again", []func(p *process, body *Replace) *Record{
			announce, func(*process, *Replace) *Record { return undone(1) }, announce,
		}, "out of order"},
		{"removed while in progress", []func(p *process, body *Replace) *Record{
			announce, func(*process, *Replace) *Record { return removed(1) },
		}, "nothing to remove"},
		{"removed twice", []func(p *process, body *Replace) *Record{
			announce, func(*process, *Replace) *Record { return undone(1) },
			func(*process, *Replace) *Record { return removed(1) }, func(*process, *Replace) *Record { return removed(1) },
		}, "nothing to remove"},
		{"removed twice at once", []func(p *process, body *Replace) *Record{
			announce, func(*process, *Replace) *Record { return undone(1) }, func(*process, *Replace) *Record { return removed(1, 1) },
		}, "out of order"},
		{"what never was is removed", []func(p *process, body *Replace) *Record{
			func(*process, *Replace) *Record { return removed(1) },
		}, "out of order"},
	} {
		disk := whole.Clone()
		p, body := planned(t, disk, w)
		var last *Record
		for _, next := range c.then {
			last = next(p, body)
			if err := p.run.w.appendOwned(t.Context(), last); err != nil {
				t.Fatal(err)
			}
		}
		_, err := load(disk)
		if chatferry.KindOf(err) != chatferry.KindIncompatible || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), recordName(DatasetLog, last.N)) {
			t.Errorf("%s: %v, want %q of record %d", c.name, err, c.want, last.N)
		}
	}
}
