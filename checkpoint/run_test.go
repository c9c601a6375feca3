package checkpoint

import (
	"context"
	"strings"
	"sync"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
)

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
