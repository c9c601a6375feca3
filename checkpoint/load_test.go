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
	"testing"

	"chatferry"
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
	for name, load := range workloads(workload{shards: 2, parts: 1}) {
		t.Run("load="+name, func(t *testing.T) { everyDamage(t, load) })
	}
}

func everyDamage(t *testing.T, load1 workload) {
	whole := carried(t, load1)
	d, err := load(whole)
	if err != nil {
		t.Fatal(err)
	}
	last := recordName(DatasetLog, d.Records())
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
			step = 29 * (1 + len(load1.replaces))
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
		if name != last {
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
	for name, load := range workloads(workload{shards: 2, parts: 3}) {
		t.Run("load="+name, func(t *testing.T) { loadWhileLogsGrow(t, load) })
	}
}

func loadWhileLogsGrow(t *testing.T, w workload) {
	step := 1
	if len(w.replaces) > 0 {
		step = stride(1, 5)
	}
	for skip := 0; skip < 150+100*len(w.replaces); skip += step {
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
		d, err := Load(context.Background(), NewDiskLogs(reader))
		if err != nil && !errors.Is(err, ErrNoDataset) {
			t.Errorf("after %d operations: %v", 30+skip, err)
		}
		if err == nil {
			if books, _, err := d.Books(); err != nil || books[chatferry.Chats].Close() != nil {
				t.Errorf("after %d operations: %v, books %+v", 30+skip, err, books)
			}
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
