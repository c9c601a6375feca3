package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// carried returns a disk with a finished dataset.
func carried(t *testing.T, load workload) *faultfs.Disk {
	t.Helper()
	disk := faultfs.NewDisk()
	if _, end, broken := live(disk, load, "first", nil); end != nil || broken != nil {
		t.Fatal(end, broken)
	}
	return disk
}

func load(disk *faultfs.Disk) (*Dataset, error) {
	return Load(context.Background(), NewDiskLogs(disk.Process(nil)))
}

func TestLoadNothing(t *testing.T) {
	if _, err := load(faultfs.NewDisk()); !errors.Is(err, ErrNoDataset) {
		t.Errorf("got %v", err)
	}
}

// Every bit of every record and of FORMAT is flipped, every record is cut short, removed, doubled and exchanged. Load
// names the file. Only the end of a log may be missing without a trace, unless a run ended with it.
func TestDamage(t *testing.T) {
	load1 := workload{shards: 2, parts: 1}
	whole := carried(t, load1)
	logs := whole.Files(Folder)
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(logs)), func(name string) bool {
		return !strings.HasPrefix(name, logFolder) && name != formatName
	})
	damage := func(what, name string, data []byte) error {
		disk := whole.Clone()
		if data == nil {
			if err := disk.Erase(name); err != nil {
				return err
			}
		} else if err := disk.Damage(name, data); err != nil {
			return err
		}
		_, err := load(disk)
		switch {
		case err == nil:
			return fmt.Errorf("%s: %s was not noticed", name, what)
		case chatferry.KindOf(err) != chatferry.KindIncompatible:
			return fmt.Errorf("%s: %s: kind %d: %w", name, what, chatferry.KindOf(err), err)
		case !strings.Contains(err.Error(), path.Base(name)) && name != formatName:
			return fmt.Errorf("%s: %s: the error names another: %w", name, what, err)
		}
		return nil
	}
	parallel(t, len(names), func(i int) error {
		name := names[i-1]
		data := logs[name]
		step := 5
		switch {
		case soak:
			step = 1
		case brief():
			step = 29
		}
		for bit := 0; bit < 8*len(data); bit += step {
			flipped := bytes.Clone(data)
			flipped[bit/8] ^= 1 << (bit % 8)
			if err := damage(fmt.Sprintf("bit %d flipped", bit), name, flipped); err != nil {
				return err
			}
		}
		for n := 0; n < len(data); n += 1 + step {
			if err := damage(fmt.Sprintf("cut to %d bytes", n), name, data[:n]); err != nil {
				return err
			}
		}
		if err := damage("doubled", name, append(bytes.Clone(data), data...)); err != nil {
			return err
		}
		// Nothing says how long the dataset log was; the Shard logs' lengths are told by the run that ended.
		if name != recordName(DatasetLog, 3) {
			if err := damage("removed", name, nil); err != nil {
				return err
			}
		}
		for _, other := range names {
			if other != name && !bytes.Equal(logs[other], data) {
				if err := damage("replaced by "+other, name, logs[other]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Two histories of one dataset that part at some point: a record of the one in the place of the other's is whole, and
// says the right number, log and dataset. Only the chain shows it.
func TestForeignHistory(t *testing.T) {
	w := workload{shards: 1, parts: 3}
	trunk := faultfs.NewDisk()
	stopAt(t, trunk, w, 1)
	other := trunk.Clone()
	for name, disk := range map[string]*faultfs.Disk{"a": trunk, "b": other} {
		p := &process{workload: w, fsys: disk.Process(nil), name: name}
		if err := p.work(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	foreign := other.Files(logFolder)
	for name, data := range trunk.Files(logFolder) {
		if bytes.Equal(data, foreign[name]) {
			continue
		}
		disk := trunk.Clone()
		if err := disk.Damage(name, foreign[name]); err != nil {
			t.Fatal(err)
		}
		_, err := load(disk)
		if name == recordName(DatasetLog, 4) {
			continue // the last record of the dataset log, whose hash nothing covers, still follows if its heads agree
		}
		if chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Errorf("%s from another history: %v", name, err)
		}
	}
}

// The same for opening to write: of the last two records one is foreign.
func TestOpenRefusesForeignHistory(t *testing.T) {
	w := workload{shards: 1, parts: 3}
	trunk := faultfs.NewDisk()
	stopAt(t, trunk, w, 1)
	other := trunk.Clone()
	for name, disk := range map[string]*faultfs.Disk{"a": trunk, "b": other} {
		p := &process{workload: w, fsys: disk.Process(nil), name: name}
		if err := p.begin(context.Background()); err != nil {
			t.Fatal(err)
		}
		s := w.shard(0)
		l, err := p.run.openShard(context.Background(), &s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.step(context.Background(), l); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []uint64{3, 4} {
		disk := trunk.Clone()
		if err := disk.Damage(recordName("000000000001", n), other.Files(logFolder)[recordName("000000000001", n)]); err != nil {
			t.Fatal(err)
		}
		err := (&process{workload: w, fsys: disk.Process(nil), name: "next"}).work(context.Background())
		if chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Errorf("record %d of another history: %v", n, err)
		}
	}
}

// Opening for writing finds damage near the end, and a hole anywhere.
func TestOpenRefusesDamage(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(d *faultfs.Disk) error
		want   string
	}{
		{"hole in the dataset log", func(d *faultfs.Disk) error { return d.Erase(recordName(DatasetLog, 1)) }, "000000000001.json"},
		{"hole in a shard's log", func(d *faultfs.Disk) error { return d.Erase(recordName("000000000001", 2)) }, "000000000002.json"},
		{"last record cut", func(d *faultfs.Disk) error {
			return d.Damage(recordName("000000000001", 3), []byte(`{"format":1`))
		}, "000000000003.json"},
		{"last record of another shard", func(d *faultfs.Disk) error {
			return d.Damage(recordName("000000000001", 3), d.Files(logFolder)[recordName("000000000002", 2)])
		}, "000000000003.json"},
		{"last but one changed", func(d *faultfs.Disk) error {
			return d.Damage(recordName("000000000001", 2), d.Files(logFolder)[recordName("000000000001", 1)])
		}, "000000000002.json"},
		{"format gone", func(d *faultfs.Disk) error { return d.Erase(formatName) }, "FORMAT"},
		{"format of later version", func(d *faultfs.Disk) error {
			return d.Damage(formatName, []byte(`{"format":2,"dataset":"00000000-0000-4000-8000-000000000000"}`+"\n"))
		}, "version 2"},
		{"format exchanged", func(d *faultfs.Disk) error {
			return d.Damage(formatName, []byte(`{"format":1,"dataset":"00000000-0000-4000-8000-000000000000"}`+"\n"))
		}, "another dataset|wrong place"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			disk := faultfs.NewDisk()
			stopAt(t, disk, workload{shards: 2, parts: 3}, 2)
			if err := c.damage(disk); err != nil {
				t.Fatal(err)
			}
			before := disk.Files("tables")
			err := (&process{workload: workload{shards: 2, parts: 3}, fsys: disk.Process(nil), name: "next"}).work(context.Background())
			found := false
			for want := range strings.SplitSeq(c.want, "|") {
				found = found || err != nil && strings.Contains(err.Error(), want)
			}
			if !found || chatferry.KindOf(err) != chatferry.KindIncompatible {
				t.Errorf("got %v, want one that names %s", err, c.want)
			}
			if chatferry.HintOf(err) == "" {
				t.Error("no hint")
			}
			if err := sameBytes(before, disk.Files("tables")); err != nil {
				t.Errorf("published files changed: %v", err)
			}
		})
	}
}

// stopAt carries the given number of Parts of the first Shard and stops.
func stopAt(t *testing.T, disk *faultfs.Disk, load workload, parts int) *process {
	t.Helper()
	p := &process{workload: load, fsys: disk.Process(nil), name: "stopped"}
	ctx := context.Background()
	if err := p.begin(ctx); err != nil {
		t.Fatal(err)
	}
	if states, err := p.run.Shards(ctx); err != nil {
		t.Fatal(err)
	} else if len(states) == 0 {
		var added []chatferry.Shard
		for i := range load.shards {
			added = append(added, load.shard(i))
		}
		if err := p.run.AddShards(ctx, added); err != nil {
			t.Fatal(err)
		}
	}
	for i := range load.shards {
		s := load.shard(i)
		l, err := p.run.openShard(ctx, &s)
		if err != nil {
			t.Fatal(err)
		}
		for range parts {
			if _, err := p.step(ctx, l); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}

// Readers who load at every instant of a run see a dataset that holds together, in which everything is there that was
// there before.
func TestLoadBesideALiveRun(t *testing.T) {
	w := workload{shards: 2, parts: 2}
	disk := faultfs.NewDisk()
	run := start(disk, w, "run")
	defer run.stop()
	parts := 0
	for run.step(faultfs.Fault{}) {
		d, err := load(disk)
		if errors.Is(err, ErrNoDataset) {
			continue
		}
		if err != nil {
			t.Fatalf("before %q: %v", run.op, err)
		}
		n := len(d.Inventory())
		if n < parts {
			t.Fatalf("before %q: %d files, there were %d", run.op, n, parts)
		}
		parts = n
		listed := map[string]bool{}
		for _, f := range d.Inventory() {
			listed[f.Name] = true
		}
		for name := range disk.Files("tables") {
			if !listed[name] {
				t.Fatalf("before %q: %s is visible and not in the inventory", run.op, name)
			}
		}
	}
	if run.end != nil {
		t.Fatal(run.end)
	}
}

// The reverse: a run makes one step at every instant of a Load.
func TestLoadWhileLogsGrow(t *testing.T) {
	w := workload{shards: 2, parts: 3}
	for skip := range 150 {
		disk := faultfs.NewDisk()
		run := start(disk, w, "run")
		for range 30 + skip {
			run.step(faultfs.Fault{})
		}
		ended := false
		reader := disk.Process(func(faultfs.Op) faultfs.Fault {
			for range 3 {
				ended = ended || !run.step(faultfs.Fault{})
			}
			return faultfs.Fault{}
		})
		if _, err := Load(context.Background(), NewDiskLogs(reader)); err != nil && !errors.Is(err, ErrNoDataset) {
			t.Errorf("after %d operations: %v", 30+skip, err)
		}
		run.stop()
	}
}

// A log of 10,000 records is opened by reading its end.
func TestOpeningALongLogReadsItsEnd(t *testing.T) {
	parts := 2_000
	disk := faultfs.NewDisk()
	p := stopAt(t, disk, workload{shards: 1, parts: parts}, parts-1)
	_ = p
	reads := 0
	proc := disk.Process(func(op faultfs.Op) faultfs.Fault {
		if op.Do == "open" {
			reads++
		}
		return faultfs.Fault{}
	})
	next := &process{workload: workload{shards: 1, parts: parts}, fsys: proc, name: "next"}
	ctx := context.Background()
	if err := next.begin(ctx); err != nil {
		t.Fatal(err)
	}
	s := next.shard(0)
	l, err := next.run.openShard(ctx, &s)
	if err != nil {
		t.Fatal(err)
	}
	if l.NextSeq() != uint64(parts) || l.Totals().Parts != int64(parts-1) {
		t.Errorf("the shard stands at part %d", l.NextSeq())
	}
	if reads > 20 {
		t.Errorf("%d files were read to open the log", reads)
	}
}

func TestShaping(t *testing.T) {
	begin := func(disk *faultfs.Disk, name string, shaping map[string]string) (*process, error) {
		p := &process{workload: workload{shards: 1, parts: 2}, fsys: disk.Process(nil), name: name}
		p.store = newStubStore(p.fsys)
		var err error
		p.run, err = Begin(context.Background(), Config{Logs: NewDiskLogs(p.fsys), Publisher: p.store, Nonce: p.nonce},
			RunOpen{RunID: name, Shaping: shaping})
		return p, err
	}
	was := map[string]string{"part-size": "3", "account": "a", "gone": "x"}
	now := map[string]string{"part-size": "4", "account": "a", "new": "y"}
	ctx := context.Background()

	disk := faultfs.NewDisk()
	old, err := begin(disk, "old", was)
	if err != nil {
		t.Fatal(err)
	}
	s := old.shard(0)
	if err := old.run.AddShards(ctx, []chatferry.Shard{s}); err != nil {
		t.Fatal(err)
	}
	oldLog, err := old.run.openShard(ctx, &s)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("nothing committed", func(t *testing.T) {
		disk := disk.Clone()
		if _, err := begin(disk, "new", now); err != nil {
			t.Error(err)
		}
	})
	t.Run("committed meanwhile", func(t *testing.T) {
		p, err := begin(disk, "new", now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := old.step(ctx, oldLog); err != nil {
			t.Fatal(err)
		}
		if _, err := p.run.OpenShard(ctx, &s); chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Errorf("a shard with parts of another shape was opened: %v", err)
		}
	})
	t.Run("committed", func(t *testing.T) {
		disk := faultfs.NewDisk()
		stopAt(t, disk, workload{shards: 1, parts: 2}, 1)
		before := disk.Files(".")
		_, err := begin(disk, "new", map[string]string{"part-size": "4", "new": "y"})
		if chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Fatalf("got %v", err)
		}
		for _, want := range []string{`part-size (was "3", now "4")`, `new (was not set, now "y")`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in %q", want, err)
			}
		}
		if err := sameBytes(before, disk.Files(".")); err != nil {
			t.Errorf("the refused run changed something: %v", err)
		}
	})
}

func TestAddShardsRefuses(t *testing.T) {
	disk := faultfs.NewDisk()
	p := stopAt(t, disk, workload{shards: 2, parts: 1}, 0)
	for _, c := range []struct {
		name  string
		shard chatferry.Shard
		want  string
	}{
		{"an id twice", chatferry.Shard{ID: 2, Stream: chatferry.Chats}, "given once"},
		{"an unknown stream", chatferry.Shard{ID: 3, Stream: "cats"}, "unknown stream"},
		{"a name that cannot be kept", chatferry.Shard{ID: 3, Stream: chatferry.Chats, Files: []chatferry.File{{Path: "a\xff"}}}, "not UTF-8"},
	} {
		err := p.run.AddShards(context.Background(), []chatferry.Shard{c.shard})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	if _, err := load(disk); err != nil {
		t.Error(err)
	}
}

func TestCommitRefuses(t *testing.T) {
	disk := faultfs.NewDisk()
	p := stopAt(t, disk, workload{shards: 1, parts: 3}, 1)
	ctx := context.Background()
	s := p.shard(0)
	for _, c := range []struct {
		name   string
		change func(p *chatferry.Part)
		kind   chatferry.Kind
	}{
		{"another stream", func(p *chatferry.Part) { p.Stream = chatferry.Visitors }, chatferry.KindUnexpected},
		{"a number left out", func(p *chatferry.Part) { p.Seq++ }, chatferry.KindUnexpected},
		{"a gap", func(p *chatferry.Part) { p.From = "2" }, chatferry.KindUnexpected},
		{"no movement", func(p *chatferry.Part) { p.To = p.From }, chatferry.KindUnexpected},
		{"books that do not close", func(p *chatferry.Part) { p.Books.Read.N++ }, chatferry.KindDiffers},
		{"a name that leads out", func(p *chatferry.Part) { p.Files[0].Name = "../x" }, chatferry.KindUnexpected},
		{"a name twice", func(p *chatferry.Part) { p.Files[0].Name = p.Files[1].Name }, chatferry.KindUnexpected},
	} {
		l, err := p.run.openShard(ctx, &s)
		if err != nil {
			t.Fatal(err)
		}
		part, err := p.stagePart(l, 1)
		if err != nil {
			t.Fatal(err)
		}
		c.change(part)
		before := len(disk.Files(logFolder))
		if err := l.Commit(ctx, part); err == nil || chatferry.KindOf(err) != c.kind {
			t.Errorf("%s: got %v", c.name, err)
		}
		if len(disk.Files(logFolder)) != before {
			t.Errorf("%s: a record was written", c.name)
		}
	}
}

func TestReplaceFolds(t *testing.T) {
	w := workload{shards: 1, parts: 2}
	disk := carried(t, w)
	p := &process{workload: w, fsys: disk.Process(nil), name: "settle"}
	ctx := context.Background()
	if err := p.begin(ctx); err != nil {
		t.Fatal(err)
	}
	d, err := load(disk)
	if err != nil {
		t.Fatal(err)
	}
	old := d.Inventory()[0]
	var moved chatferry.Tally
	moved.Count(10, &[32]byte{1})
	body := &Replace{
		Generation: 1, Reason: "settle",
		Retire: []RetiredFile{{Kind: old.Kind, Table: old.Table, Name: old.Name, Size: old.Size, Rows: old.Rows}},
		Add:    []chatferry.PartFile{{Kind: chatferry.FileRows, Table: old.Table, Name: "tables/x/part-r1-1.parquet", Rows: 1, Size: 3}},
		Moves:  []Move{{Shard: 1, Seq: 1, From: "loaded", To: "excluded:gone", Tally: moved}},
	}
	if err := p.run.appendFact(ctx, &Record{Kind: KindReplace, Replace: body}); err != nil {
		t.Fatal(err)
	}
	names := func() string {
		d, err := load(disk)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range d.Inventory() {
			out = append(out, f.Name)
		}
		return strings.Join(out, " ")
	}
	if !strings.Contains(names(), old.Name) || strings.Contains(names(), "part-r1") {
		t.Errorf("a replace in progress shows: %s", names())
	}
	if err := p.run.appendFact(ctx, &Record{Kind: KindReplaceDone, ReplaceDone: &ReplaceDone{Generation: 1}}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(names(), old.Name) || !strings.Contains(names(), "part-r1") {
		t.Errorf("a replace that is done does not show: %s", names())
	}
	d, err = load(disk)
	if err != nil {
		t.Fatal(err)
	}
	books, tables, err := d.Books()
	if err != nil {
		t.Fatal(err)
	}
	b := books[chatferry.Chats]
	if err := b.Close(); err != nil || b.Loaded.N != 3 || b.Excluded["gone"].N != 1 {
		t.Errorf("%v; loaded %d, excluded %d", err, b.Loaded.N, b.Excluded["gone"].N)
	}
	if got := tables[old.Table]; got != (TableTotals{Files: 2, Rows: 3, Bytes: tables[old.Table].Bytes}) {
		t.Errorf("table totals %+v", got)
	}
	done, err := p.run.Done(ctx, End{Verdict: "complete"})
	if err != nil || done.Books[chatferry.Chats].Loaded != b.Loaded {
		t.Errorf("%v; run-done says %+v", err, done)
	}
	if !p.run.isRetired(old.Name) || p.run.isRetired("tables/x/part-r1-1.parquet") {
		t.Error("the run does not know what is retired")
	}
}

// Real Lanes: several goroutines, on a real disk.
func TestLanesSideBySide(t *testing.T) {
	fsys, err := atomicfile.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := workload{shards: 4, parts: 5}
	p := &process{workload: w, fsys: fsys, name: "lanes"}
	p.store = newStubStore(fsys)
	ctx := context.Background()
	p.run, err = Begin(ctx, Config{Logs: NewDiskLogs(fsys), Publisher: p.store}, RunOpen{RunID: "lanes"})
	if err != nil {
		t.Fatal(err)
	}
	var added []chatferry.Shard
	for i := range w.shards {
		added = append(added, w.shard(i))
	}
	if err := p.run.AddShards(ctx, added); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for _, s := range added {
		group.Go(func() {
			lane := *p
			lane.name = s.ID.String()
			l, err := lane.run.openShard(ctx, &s)
			for more := true; more && err == nil; {
				more, err = lane.step(ctx, l)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if _, err := p.run.Done(ctx, End{}); err != nil {
		t.Fatal(err)
	}
	d, err := Load(ctx, NewDiskLogs(fsys))
	if err != nil {
		t.Fatal(err)
	}
	visible := map[string][]byte{}
	for _, f := range d.Inventory() {
		if visible[f.Name], err = atomicfile.ReadAll(fsys, f.Name); err != nil {
			t.Error(err)
		}
	}
	if err := w.complete(d, visible); err != nil {
		t.Error(err)
	}
}

// The first Lane that is fenced stops the others, although nobody has touched their Shards.
func TestFirstFenceStopsAll(t *testing.T) {
	disk := faultfs.NewDisk()
	w := workload{shards: 2, parts: 3}
	old := stopAt(t, disk, w, 0)
	ctx := context.Background()
	var logs [2]*ShardLog
	for i := range logs {
		s := w.shard(i)
		var err error
		if logs[i], err = old.run.openShard(ctx, &s); err != nil {
			t.Fatal(err)
		}
	}
	next := &process{workload: w, fsys: disk.Process(nil), name: "next"}
	if err := next.begin(ctx); err != nil {
		t.Fatal(err)
	}
	s := w.shard(0)
	if _, err := next.run.OpenShard(ctx, &s); err != nil {
		t.Fatal(err)
	}
	for i, l := range logs {
		if _, err := old.step(ctx, l); chatferry.KindOf(err) != chatferry.KindFenced {
			t.Errorf("lane %d went on: %v", i, err)
		}
	}
	if _, err := old.run.Done(ctx, End{}); chatferry.KindOf(err) != chatferry.KindFenced {
		t.Errorf("the run ended well: %v", err)
	}
}
