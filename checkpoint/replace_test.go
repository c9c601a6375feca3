package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// Rejects become rows and rows are excluded: the books of the Part, the Shard and the Stream follow.
func TestMoves(t *testing.T) {
	ctx := t.Context()
	disk, p, part := withReject(t)

	// The Reject is replayed, and the first row turns out to be one that is not carried over.
	replayed := part.Books.Quarantined
	raw := stubEntry(1, 0, 0)
	var out chatferry.Tally
	out.Count(10, &raw)
	d, err := load(disk)
	if err != nil {
		t.Fatal(err)
	}
	span := []PartSpan{{1, 1, 1}}
	body := Replace{Generation: 1, Reason: "replay", Moves: []Move{
		{Shard: 1, Seq: 1, From: Quarantined, To: Loaded, Tally: replayed},
		{Shard: 1, Seq: 1, From: Loaded, To: Excluded("message"), Tally: out},
	}}
	rows := chatferry.PartFile{Kind: chatferry.FileRows, Table: "chats", Rows: 2}
	for _, f := range d.Inventory() {
		if f.Table != chatferry.ChatHistory {
			body.Retire = append(body.Retire, f.Retire())
		}
		if f.Table == "chats" {
			rows.E = f.E
			rows.E.Merge(replayed.D)
			rows.E.Sub(out.D)
		}
	}
	ledger := chatferry.PartFile{Kind: chatferry.FileLedger, Rows: 1, E: out.D}
	evidence := chatferry.PartFile{Kind: chatferry.FileReplayed, Rows: 1, E: replayed.D}
	if err := errors.Join(p.add(&body, 1, rows, span, "two rows"), p.add(&body, 1, ledger, span, "an entry"),
		p.add(&body, 1, evidence, span, "the reject"), p.store.sealed()); err != nil {
		t.Fatal(err)
	}
	if err := p.run.Replace(ctx, body); err != nil {
		t.Fatal(err)
	}

	if d, err = load(disk); err != nil {
		t.Fatal(err)
	}
	books, tables, err := d.Books()
	if err != nil {
		t.Fatal(err)
	}
	ofPart, ok := d.PartBooks(PartID{1, 1})
	for name, b := range map[string]chatferry.Books{"stream": books[chatferry.Chats], "shard": d.ShardBooks(1), "part": ofPart} {
		if err := b.Close(); err != nil || b.Loaded.N != 2 || b.Quarantined != (chatferry.Tally{}) || b.Excluded["message"] != out || len(b.Excluded) != 1 {
			t.Errorf("%s: %v; %+v", name, err, b)
		}
	}
	if !ok || tables["chats"].Rows != 2 || tables["chats"].Files != 1 {
		t.Errorf("table totals %+v", tables["chats"])
	}
	if as := d.Shards[0].Commits[0].Books; as.Quarantined.N != 1 || as.Loaded.N != 2 || as.Excluded != nil {
		t.Errorf("what the commit said has changed to %+v", as)
	}
	var names []string
	for _, f := range d.FilesOf()[PartID{1, 1}] {
		names = append(names, fmt.Sprintf("%s of generation %d, stream %s", f.Name, f.Generation, f.Stream))
	}
	want := []string{
		Folder + "/ledger/r000000000001-000000000001.parquet of generation 1, stream chats",
		Folder + "/replayed/r000000000001-000000000001.ndjson.zst of generation 1, stream chats",
		"tables/chat_history/part-000000000001-000000000001.parquet of generation 0, stream chats",
		"tables/chats/part-r000000000001-000000000001.parquet of generation 1, stream chats",
	}
	if !slices.Equal(names, want) {
		t.Errorf("the files of the part are\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
}

// Retired files stay as long as they are to be kept, by the clock of whoever looks, and any later run removes them.
func TestKeptFiles(t *testing.T) {
	w := workload{shards: 1, parts: 2, replaces: []stubReplace{{at: 2, do: "settle", keepS: 3600}}}
	disk := faultfs.NewDisk()
	run := func(name string, late time.Duration) *Dataset {
		t.Helper()
		p := &process{workload: w, fsys: disk.Process(nil), name: name, late: late}
		if err := p.work(context.Background()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := watch(disk).check(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d, err := load(disk)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return d
	}
	left := func(d *Dataset) (n int) {
		for _, f := range d.Replaces()[0].Retire {
			if _, ok := disk.Files("tables")[f.Name]; ok {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		name string
		late time.Duration
		want int
	}{
		{"replaces", 0, 2},
		{"with a clock that goes back", -48 * time.Hour, 2},
		{"just before", 3599 * time.Second, 2},
		{"when it is due", 3600 * time.Second, 0},
		{"afterwards", 48 * time.Hour, 0},
	} {
		d := run(c.name, c.late)
		if n := left(d); n != c.want {
			t.Errorf("%s: %d of the retired files are there, want %d", c.name, n, c.want)
		}
		removed := d.Replaces()[0].Removed
		if removed != (c.want == 0) || d.Due(stubTime.Add(time.Hour)) == removed || d.Due(stubTime) {
			t.Errorf("%s: removed %v, due in an hour %v, now %v", c.name, removed, d.Due(stubTime.Add(time.Hour)), d.Due(stubTime))
		}
	}
	records := 0
	for _, data := range disk.Files(logFolder) {
		if strings.Contains(string(data), `"kind":"removed"`) {
			records++
		}
	}
	if records != 1 {
		t.Errorf("%d records say that the files are removed", records)
	}
}

// The run that removes kept files is killed at every operation, with every loss; the next one removes them.
func TestEveryCrashWhileKeptFilesAreRemoved(t *testing.T) {
	w := workload{shards: 1, parts: 2, replaces: []stubReplace{{at: 1, do: "settle", keepS: 60}, {at: 2, do: "compact", keepS: 3600}}}
	kept := faultfs.NewDisk()
	if err := (&process{workload: w, fsys: kept.Process(nil), name: "keeps"}).work(context.Background()); err != nil {
		t.Fatal(err)
	}
	for at := 1; ; at++ {
		ended := false
		for _, loss := range losses {
			disk := kept.Clone()
			plan := faultfs.Plan{At: at, Fault: faultfs.Fault{Kill: true}}
			err := (&process{workload: w, fsys: disk.Process(plan.Hook()), name: "removes", late: 2 * time.Hour}).work(context.Background())
			ended = err == nil
			lose(disk, loss, uint64(at))
			if err := watch(disk).check(); err != nil {
				t.Fatalf("killed at %d, %v: %v", at, loss, err)
			}
			if err := (&process{workload: w, fsys: disk.Process(nil), name: "last", late: 2 * time.Hour}).work(context.Background()); err != nil {
				t.Fatalf("killed at %d, %v: %v", at, loss, err)
			}
			if err := finished(disk, w, nil); err != nil {
				t.Fatalf("killed at %d, %v: %v", at, loss, err)
			}
		}
		if ended {
			return
		}
	}
}

// A Part that is committed, but not known to be published, is not replaced.
func TestReplaceRefusesWhatMayNotBePublished(t *testing.T) {
	w := workload{shards: 1, parts: 2}
	disk := faultfs.NewDisk()
	stopAt(t, disk, w, 1)
	p, body := planned(t, disk, w)
	err := p.run.Replace(t.Context(), *body)
	if err == nil || !strings.Contains(err.Error(), "not known to be published") {
		t.Errorf("got %v", err)
	}
	s := w.shard(0)
	if _, err := p.run.OpenShard(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	if err := p.run.Replace(t.Context(), *body); err != nil {
		t.Errorf("after its shard was opened: %v", err)
	}
}

// A replace has retired one file of the last Part of a Shard, and the disk loses the other. The Part is not taken back:
// its record is counted elsewhere by now.
func TestReplacedPartIsNotReopened(t *testing.T) {
	ctx := t.Context()
	w := workload{shards: 1, parts: 2}
	disk := faultfs.NewDisk()
	p := stopAt(t, disk, w, 1)
	body := Replace{Generation: 1, Reason: "compact"}
	d, err := load(disk)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.planCompact(t.Context(), d, &body); err != nil {
		t.Fatal(err)
	}
	body.Retire, body.Add = body.Retire[:1], body.Add[:1] // those of chats
	if err := errors.Join(p.store.sealed(), p.run.Replace(ctx, body)); err != nil {
		t.Fatal(err)
	}

	p = &process{workload: w, fsys: disk.Process(nil), name: "second"}
	if err := p.begin(ctx); err != nil {
		t.Fatal(err)
	}
	s := w.shard(0)
	l, err := p.run.openShard(ctx, &s)
	if err != nil || l.NextSeq() != 2 {
		t.Fatalf("a shard with a replaced part: %v", err)
	}
	if n := len(disk.Files("tables/chats")); n != 1 {
		t.Errorf("opening the shard left %d files", n)
	}

	if err := disk.Erase("tables/chat_history/part-000000000001-000000000001.parquet"); err != nil {
		t.Fatal(err)
	}
	before := disk.Files("tables")
	p = &process{workload: w, fsys: disk.Process(nil), name: "third"}
	if err := p.begin(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := p.run.OpenShard(ctx, &s); chatferry.KindOf(err) != chatferry.KindIncompatible || !strings.Contains(err.Error(), "replace 1") {
		t.Errorf("a replaced part whose file is gone: %v", err)
	}
	if err := sameBytes(before, disk.Files("tables")); err != nil {
		t.Error(err)
	}
}

// A replace that fails stays in progress: the run can neither make another nor end well, and the next one, which begins
// in a later epoch, carries it to its end. The files are that one's work.
func TestReplaceInProgress(t *testing.T) {
	ctx := t.Context()
	w := workload{shards: 1, parts: 2}
	disk := carried(t, w)
	p, body := planned(t, disk, w)
	broken := disk.Process(func(op faultfs.Op) faultfs.Fault {
		if op.Do == "link" && strings.HasPrefix(op.To, "tables/") {
			return faultfs.Fault{Err: syscall.EIO}
		}
		return faultfs.Fault{}
	})
	p.run.cfg.Publisher = newStubStore(broken)
	if err := p.run.Replace(ctx, *body); !errors.Is(err, syscall.EIO) || chatferry.KindOf(err) != chatferry.KindEnvironment {
		t.Errorf("kind %d: %v", chatferry.KindOf(err), err)
	}
	if err := p.run.Replace(ctx, *body); err == nil || !strings.Contains(err.Error(), "replace 1 is in progress") {
		t.Errorf("another replace: %v", err)
	}
	if _, err := p.run.Done(ctx, End{}); err == nil || !strings.Contains(err.Error(), "replace 1 is in progress") {
		t.Errorf("the run ended: %v", err)
	}
	d, err := load(disk)
	if err != nil || d.Replaces()[0].Done || d.Replaces()[0].Undone || d.NextGeneration() != 2 {
		t.Fatalf("%v; %+v", err, d.Replaces())
	}
	for _, f := range d.Inventory() {
		if f.Generation > 0 {
			t.Errorf("%s is in the inventory before its time", f.Name)
		}
	}

	next := &process{workload: w, fsys: disk.Process(nil), name: "next"}
	if err := next.begin(ctx); err != nil {
		t.Fatal(err)
	}
	if d, err = load(disk); err != nil {
		t.Fatal(err)
	}
	r := d.Replaces()[0]
	if !r.Done || !r.Removed || r.Begun != 2 || r.Epoch != 3 {
		t.Errorf("the next run left %+v", r)
	}
	added := 0
	for _, f := range d.Inventory() {
		if f.Generation == 1 && f.Epoch == 3 && f.Published {
			added++
		}
	}
	if added != len(body.Add) {
		t.Errorf("%d files are added by the next run, want %d", added, len(body.Add))
	}
}

// Staged files that vanish under a replace undo it at once, and the same run plans it anew.
func TestReplaceIsUndoneAndMadeAnew(t *testing.T) {
	ctx := t.Context()
	w := workload{shards: 2, parts: 2}
	disk := carried(t, w)
	before := dataFiles(disk)
	p, body := planned(t, disk, w)
	lost := body.Add[len(body.Add)-1]
	p.run.cfg.Publisher = newStubStore(disk.Process(func(op faultfs.Op) faultfs.Fault {
		if op.Do == "link" && op.Name == lost.Staging {
			if err := disk.Erase(lost.Staging); err != nil {
				t.Error(err)
			}
		}
		return faultfs.Fault{}
	}))
	err := p.run.Replace(ctx, *body)
	if !errors.Is(err, chatferry.ErrStagingGone) || chatferry.KindOf(err) != chatferry.KindEnvironment || !strings.Contains(err.Error(), lost.Name) {
		t.Fatalf("kind %d: %v", chatferry.KindOf(err), err)
	}
	if err := sameBytes(before, dataFiles(disk)); err != nil {
		t.Errorf("after it was undone: %v", err)
	}
	if n := len(disk.Files(stagingFolder)); n != 0 {
		t.Errorf("%d files are left in staging", n)
	}
	if err := p.replace(ctx, stubReplace{do: "settle"}); err != nil {
		t.Fatal(err)
	}
	d, err := load(disk)
	if err != nil {
		t.Fatal(err)
	}
	if r := d.Replaces(); len(r) != 2 || !r[0].Undone || !r[0].Removed || !r[1].Done || !r[1].Removed || supersededNow(d) != 2 {
		t.Errorf("%+v", r)
	}
	if err := watch(disk).check(); err != nil {
		t.Error(err)
	}
}

// Without a run, only what is staged by runs that are over is swept.
func TestSweepOfReplacements(t *testing.T) {
	w := workload{shards: 1, parts: 2}
	disk := carried(t, w)
	over, err := load(disk)
	if err != nil {
		t.Fatal(err)
	}
	store := newStubStore(disk.Process(nil))
	old := chatferry.PartFile{Name: "x", Staging: stagingFolder + "/r000000000001.e1.000000000001.chats.a.tmp"}
	if _, err := store.stageAs(old, []byte("left behind")); err != nil {
		t.Fatal(err)
	}
	p, body := planned(t, disk, w) // sweeps it
	if _, err := store.stageAs(old, []byte("left behind")); err != nil {
		t.Fatal(err)
	}
	if err := over.Sweep(t.Context(), NewDiskLogs(disk.Process(nil)), store); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Process(nil).Stat(old.Staging); err == nil {
		t.Error("what a run left that is over is still there")
	}
	if err := p.run.Replace(t.Context(), *body); err != nil {
		t.Errorf("what a live run had staged: %v", err)
	}
}
