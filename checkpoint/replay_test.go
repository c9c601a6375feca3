package checkpoint

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// withReject returns a dataset with one Part that has a file in quarantine, and the run that has committed it.
func withReject(t *testing.T) (*faultfs.Disk, *process, *chatferry.Part) {
	t.Helper()
	ctx := t.Context()
	disk := faultfs.NewDisk()
	p := stopAt(t, disk, workload{shards: 1, parts: 2}, 0)
	s := p.shard(0)
	l, err := p.run.openShard(ctx, &s)
	if err != nil {
		t.Fatal(err)
	}
	part, err := p.stagePart(l, 0)
	if err != nil {
		t.Fatal(err)
	}
	rejects := chatferry.PartFile{
		Kind: chatferry.FileQuarantine, Name: Folder + "/quarantine/000000000001-000000000001.ndjson.zst",
		Staging: stagingFolder + "/000000000001.e1.000000000001.quarantine.q.tmp", Rows: 1, E: part.Books.Quarantined.D,
	}
	if rejects, err = p.store.stageAs(rejects, []byte("a reject")); err != nil {
		t.Fatal(err)
	}
	part.Files = append(part.Files, rejects)
	if err := errors.Join(p.store.sealed(), l.Commit(ctx, part)); err != nil {
		t.Fatal(err)
	}
	return disk, p, part
}

// plannedReplay stages what becomes of the Reject, changed by a rule.
func plannedReplay(t *testing.T, p *process, part *chatferry.Part) *Replace {
	t.Helper()
	text := "rules:\n  - for: {code: duplicate_key}\n    duplicate_keys: last\n"
	replayed := part.Books.Quarantined
	body := &Replace{
		Generation: p.run.NextGeneration(), Reason: "replay",
		Rule:   &Rule{Name: "rules.yaml", SHA256: sumOf([]byte(text)), Text: text},
		Moves:  []Move{{Shard: 1, Seq: part.Seq, From: Quarantined, To: Loaded, Tally: replayed}},
		Retire: []RetiredFile{},
	}
	for _, f := range part.Files {
		if f.Kind == chatferry.FileQuarantine {
			body.Retire = append(body.Retire, RetiredFile{Kind: f.Kind, Name: f.Name, Size: f.Size, Rows: f.Rows})
		}
	}
	span := []PartSpan{{1, part.Seq, part.Seq}}
	err := errors.Join(
		p.add(body, 1, chatferry.PartFile{Kind: chatferry.FileRows, Table: "chats", Rows: 1, E: replayed.D}, span, "the row that the reject became"),
		p.add(body, 1, chatferry.PartFile{Kind: chatferry.FileReplayed, Rows: 1, E: replayed.D}, span, "a reject"), p.store.sealed())
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func cloneReplay(r *Replace) *Replace {
	c := clone(r)
	rule := *r.Rule
	c.Rule = &rule
	return c
}

// badReplays are changes to a good replay after which it is refused, by who writes it and by who reads it.
var badReplays = []struct {
	name   string
	change func(r *Replace)
	want   string
}{
	{"forgets what the record was", func(r *Replace) { r.Add = without(r.Add, chatferry.FileReplayed) }, "what was replayed by 0 records"},
	{"keeps another record than leaves", func(r *Replace) { r.Add[1].E = chatferry.Digest{} }, "what was replayed by 1 records"},
	{"keeps it twice", func(r *Replace) { r.Add[1].Rows++ }, "what was replayed by 2 records"},
	{"forgets the row", func(r *Replace) { r.Add = without(r.Add, chatferry.FileRows) }, "change chats by 0 records"},
	{"leaves the record in quarantine", func(r *Replace) {
		r.Retire, r.Add[1].Name = r.Retire[:0], strings.Replace(r.Add[1].Name, "r000000000001-000000000001", "r000000000001-000000000002", 1)
	}, "the quarantine by 0 records"},
	{"takes the record out and does not move it", func(r *Replace) { r.Moves, r.Rule = nil, nil }, "do not balance"},
	{"is not named like what was replayed", func(r *Replace) { r.Add[1].Name = strings.Replace(r.Add[1].Name, "/replayed/", "/quarantine/", 1) }, "no name for a file"},
	{"has another rule than its hash", func(r *Replace) { r.Rule.Text += " " }, "not the one that its SHA-256 names"},
	{"has a rule for records that were loaded", func(r *Replace) {
		r.Moves = append(r.Moves, Move{Shard: 1, Seq: 1, From: Loaded, To: Superseded, Tally: r.Moves[0].Tally})
	}, "for records in quarantine"},
	{"has a rule for nothing", func(r *Replace) { r.Moves = nil }, "moves no record"},
}

func without(files []AddedFile, kind chatferry.FileKind) []AddedFile {
	return slices.DeleteFunc(slices.Clone(files), func(f AddedFile) bool { return f.Kind == kind })
}

// A record that leaves the quarantine is a row from then on, what it was stays in a file, and nobody takes that away.
func TestReplayRefuses(t *testing.T) {
	ctx := t.Context()
	disk, p, part := withReject(t)
	good := plannedReplay(t, p, part)
	before := disk.Files(".")
	for _, c := range badReplays {
		body := cloneReplay(good)
		c.change(body)
		if err := p.run.Replace(ctx, *body); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err := sameBytes(before, disk.Files(".")); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	if err := p.run.Replace(ctx, *good); err != nil {
		t.Fatal(err)
	}
	d, err := load(disk)
	if err != nil {
		t.Fatal(err)
	}
	books, _ := d.PartBooks(PartID{1, 1})
	if err := books.Close(); err != nil || books.Quarantined.N != 0 || books.Loaded.N != part.Books.Loaded.N+1 {
		t.Errorf("%v; %+v", err, books)
	}
	// What was replayed is evidence: neither can it be retired, nor go back without a reject.
	again := &Replace{Generation: 2, Reason: "compact"}
	for _, f := range d.Inventory() {
		if f.Kind == chatferry.FileReplayed {
			again.Retire = []RetiredFile{f.Retire()}
		}
	}
	if err := p.run.Replace(ctx, *again); err == nil || !strings.Contains(err.Error(), "do not balance") {
		t.Errorf("what was replayed is retired: %v", err)
	}
}

// What a writer must not write, a reader does not take.
func TestLoadRefusesReplay(t *testing.T) {
	for _, c := range badReplays {
		disk, p, part := withReject(t)
		body := cloneReplay(plannedReplay(t, p, part))
		c.change(body)
		if err := p.run.append(t.Context(), &Record{Kind: KindReplace, Replace: body}); err != nil {
			t.Fatal(err)
		}
		if _, err := load(disk); chatferry.KindOf(err) != chatferry.KindIncompatible || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// The bytes of a replace that takes a record out of quarantine. They are never to change in format version 1.
func TestReplayGolden(t *testing.T) {
	disk, p, part := withReject(t)
	if err := p.run.Replace(t.Context(), *plannedReplay(t, p, part)); err != nil {
		t.Fatal(err)
	}
	for name, data := range disk.Files(logFolder + "/" + DatasetLog) {
		if r, err := DecodeRecord(data); err != nil {
			t.Fatal(err)
		} else if r.Kind == KindReplace {
			golden(t, "replay.golden", name+"\n"+string(data))
		}
	}
}
