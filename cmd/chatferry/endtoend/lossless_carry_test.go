package endtoend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/extract/dump"
	"chatferry/load"
	"chatferry/load/local"
	"chatferry/transform"
)

// joined is the stages, joined as the program joins them, without its command line.
type joined struct {
	listing *dump.Listing
	source  chatferry.Source
	cuts    chatferry.Cuts
	lanes   int
}

func join(t *testing.T, dir string, cuts chatferry.Cuts, lanes int) *joined {
	t.Helper()
	listing, err := dump.List(t.Context(), []string{dir}, dump.OpenLocal)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range listing.Ignored {
		t.Errorf("%s is not read: %s", i.Path, i.Reason)
	}
	return &joined{listing: listing, source: dump.NewSource(listing, cuts), cuts: cuts, lanes: lanes}
}

// probes gives every run's probe a name of its own, as the program's run ids do.
var probes atomic.Int64

// carry is one run over a dataset: nil means that the run called it complete.
func (j *joined) carry(ctx context.Context, fsys atomicfile.FS) error {
	logs, store := checkpoint.NewDiskLogs(fsys), local.New(fsys)
	var already []chatferry.Shard
	next, done := chatferry.ShardID(1), map[chatferry.ShardID]bool{}
	switch before, err := checkpoint.Load(ctx, logs); {
	case err == nil:
		for _, s := range before.Shards {
			already = append(already, s.Shard)
			done[s.Shard.ID] = s.Done
			next = s.Shard.ID + 1
		}
	case !errors.Is(err, checkpoint.ErrNoDataset):
		return err
	}
	added, err := j.listing.Plan(ctx, already, func(id chatferry.ShardID) bool { return done[id] }, j.cuts, next)
	if err != nil {
		return err
	}
	run, err := checkpoint.Begin(ctx, checkpoint.Config{Logs: logs, Publisher: store}, checkpoint.RunOpen{
		RunID: "test", Tool: "test", Shaping: map[string]string{"cuts": fmt.Sprint(j.cuts)},
		Scope: map[string]string{}, Operation: map[string]string{},
	})
	if err != nil {
		return err
	}
	if err := atomicfile.Probe(fsys, checkpoint.Folder, fmt.Sprintf("test-%d", probes.Add(1))); err != nil {
		return err
	}
	if err := run.AddShards(ctx, added); err != nil {
		return err
	}
	states, err := run.Shards(ctx)
	if err != nil {
		return err
	}
	var work []*chatferry.Shard
	var totals chatferry.Books
	for i := range states {
		totals.Add(states[i].Books)
		if !states[i].Done {
			work = append(work, &states[i].Shard)
		}
	}
	pipeline := &chatferry.Pipeline{
		Source:         j.source,
		NewTransformer: func(s chatferry.Stream) chatferry.Transformer { return transform.New(s, transform.Options{}) },
		Sink:           load.NewSink(store),
		Log:            run,
		Cuts:           j.cuts,
		Lanes:          j.lanes,
		Budget:         16 << 20,
		Bad:            chatferry.BadLimit{Count: -1, Percent: -1},
		Totals:         totals,
	}
	if err := pipeline.Run(ctx, work, nil); err != nil {
		return err
	}
	_, err = run.Done(ctx, checkpoint.End{Verdict: "complete"})
	return err
}

// smallCuts make many Pages, Parts and Shards of little data.
func smallCuts() chatferry.Cuts {
	return chatferry.Cuts{PageBytes: 32 << 10, PartBytes: 300 << 10, PartRecords: 400, ShardBytes: 400 << 10, RecordBytes: 64 << 20}
}

// carried is a dataset on disk and the dump that it was made of.
type carried struct {
	dump string
	root string
	*checkpoint.Dataset
}

// carryFolder carries a dump to a new folder, and looks whether exactly the files of the log are there.
func carryFolder(t *testing.T, dir string, cuts chatferry.Cuts) *carried {
	t.Helper()
	root := t.TempDir()
	fsys, err := atomicfile.OS(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := join(t, dir, cuts, 2).carry(t.Context(), fsys); err != nil {
		t.Fatal(err)
	}
	d, err := checkpoint.Load(t.Context(), checkpoint.NewDiskLogs(fsys))
	if err != nil {
		t.Fatal(err)
	}
	c := &carried{dump: dir, root: root, Dataset: d}
	there := map[string]bool{}
	err = filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if rel = filepath.ToSlash(rel); !strings.HasPrefix(rel, "_chatferry/log/") && rel != "_chatferry/FORMAT" {
			there[rel] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, f := range d.Inventory() {
		listed[f.Name] = true
	}
	if !maps.Equal(there, listed) {
		t.Errorf("the disk holds %v, the log lists %v", slices.Sorted(maps.Keys(there)), slices.Sorted(maps.Keys(listed)))
	}
	for _, s := range d.Shards {
		if !s.Done {
			t.Errorf("shard %s is not done", s.Shard.ID)
		}
	}
	return c
}

func (c *carried) read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// noCanaryInLogs looks for secrets in what is not compressed.
func (p *proof) noCanaryInLogs(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(p.root, "_chatferry", "log"), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if bytes.Contains(b, []byte(p.canary)) {
			t.Errorf("%s holds a secret", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
