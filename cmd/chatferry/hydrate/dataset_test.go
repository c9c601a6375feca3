package hydrate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/extract/dump"
	"chatferry/load"
	"chatferry/load/local"
	"chatferry/transform"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dataset is one on disk that these tests make by the real stages.
type dataset struct {
	root  string
	logs  *checkpoint.DiskLogs
	store *local.Store

	partRecords int64
}

func newDataset(t testing.TB) *dataset {
	t.Helper()
	root := t.TempDir()
	fsys, err := atomicfile.OS(root)
	if err != nil {
		t.Fatal(err)
	}
	return &dataset{root: root, logs: checkpoint.NewDiskLogs(fsys), store: local.New(fsys), partRecords: 400}
}

func (d *dataset) load(t testing.TB) *checkpoint.Dataset {
	t.Helper()
	loaded, err := checkpoint.Load(context.Background(), d.logs)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// carry adds Shards to those that are not done, and carries all of them. Closing stop ends it early, without an error.
func (d *dataset) carry(t testing.TB, source chatferry.Source, added func(next chatferry.ShardID) []chatferry.Shard, stop <-chan struct{}) (done bool) {
	t.Helper()
	ctx := context.Background()
	run, err := checkpoint.Begin(ctx, checkpoint.Config{Logs: d.logs, Publisher: d.store}, checkpoint.RunOpen{
		RunID: "test", Tool: "test", Shaping: map[string]string{}, Scope: map[string]string{}, Operation: map[string]string{},
	})
	if err != nil {
		t.Fatal(err)
	}
	states, err := run.Shards(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if added != nil {
		if err := run.AddShards(ctx, added(chatferry.ShardID(len(states)+1))); err != nil {
			t.Fatal(err)
		}
		if states, err = run.Shards(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var work []*chatferry.Shard
	for i := range states {
		if !states[i].Done {
			work = append(work, &states[i].Shard)
		}
	}
	cuts := chatferry.DefaultCuts()
	cuts.PartRecords = d.partRecords
	// One Lane reads the Shards in their order, so that it is known which are done when a run is stopped.
	p := &chatferry.Pipeline{
		Source:         source,
		NewTransformer: func(s chatferry.Stream) chatferry.Transformer { return transform.New(s, transform.Options{}) },
		Sink:           load.NewSink(d.store), Log: run, Cuts: cuts, Lanes: 1, Budget: 64 << 20, SealOnStop: true,
		Bad: chatferry.BadLimit{Count: -1, Percent: -1},
	}
	err = p.Run(ctx, work, stop)
	if err != nil && chatferry.KindOf(err) != chatferry.KindStopped {
		t.Fatal(err)
	}
	return err == nil
}

// carryDump carries a folder, up to the given Page of chats if that is not 0.
func (d *dataset) carryDump(t testing.TB, dir string, pages int) (done bool) {
	t.Helper()
	listing, err := dump.List(context.Background(), []string{dir}, dump.OpenLocal)
	if err != nil {
		t.Fatal(err)
	}
	cuts := chatferry.Cuts{PageBytes: 64 << 10, ShardBytes: 512 << 10, RecordBytes: 64 << 20}
	source := &stopping{Source: dump.NewSource(listing, cuts), stop: make(chan struct{})}
	source.left.Store(int64(pages))
	return d.carry(t, source, func(next chatferry.ShardID) []chatferry.Shard {
		shards, err := listing.Plan(context.Background(), nil, nil, cuts, next)
		if err != nil {
			t.Fatal(err)
		}
		return shards
	}, source.stop)
}

// stopping asks for the run's end with a Page of chats.
type stopping struct {
	chatferry.Source
	left atomic.Int64
	stop chan struct{}
}

func (s *stopping) Open(ctx context.Context, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	r, err := s.Source.Open(ctx, shard, from)
	if err != nil || shard.Stream != chatferry.Chats {
		return r, err
	}
	return &stoppingReader{r, s}, nil
}

type stoppingReader struct {
	chatferry.Reader
	s *stopping
}

func (r *stoppingReader) Next(ctx context.Context) (*chatferry.Page, error) {
	p, err := r.Reader.Next(ctx)
	if r.s.left.Add(-1) == 0 {
		close(r.s.stop)
	}
	return p, err
}

// dumpOf writes files into a new folder.
func dumpOf(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// datasetOf carries files to a new dataset.
func datasetOf(t testing.TB, files map[string]string) *dataset {
	t.Helper()
	d := newDataset(t)
	d.carryDump(t, dumpOf(t, files), 0)
	return d
}

// counted notes which columns of which files are read, by how many bytes.
type counted struct {
	load.Opener
	bytes map[string]int64
}

func (c *counted) Open(ctx context.Context, name string) (load.ReadFile, error) {
	f, err := c.Opener.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	if c.bytes == nil {
		c.bytes = map[string]int64{}
	}
	return &countedFile{f, c, name}, nil
}

type countedFile struct {
	load.ReadFile
	c    *counted
	name string
}

func (f *countedFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.ReadFile.ReadAt(p, at)
	f.c.bytes[f.name] += int64(n)
	return n, err
}
