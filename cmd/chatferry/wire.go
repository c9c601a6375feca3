package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/cmd/chatferry/certificate"
	"chatferry/extract/dump"
	"chatferry/load"
	disk "chatferry/load/local"
	"chatferry/load/s3"
	"chatferry/transform"
)

// target is the root of a dataset, with the stores that live in it.
type target struct {
	root string // an absolute path, or s3://bucket/prefix
	home
	logs  checkpoint.LogStore
	store load.Store
	last  *lastLoaded

	mu      sync.Mutex
	counted map[chatferry.SHA256]certificate.Rejects // in files of the quarantine
}

// lastLoaded is a dataset as it was last loaded, so that a call which looks at it again reads what is new alone.
type lastLoaded struct {
	mu sync.Mutex
	d  *checkpoint.Dataset // nil: it was not loaded, or there was none
}

// openTarget opens a root; a folder must exist. It changes nothing.
func (a *app) openTarget(ctx context.Context, root string, c *Config) (*target, error) {
	t := &target{root: root, counted: map[chatferry.SHA256]certificate.Rejects{}}
	err := error(nil)
	if isS3(root) {
		err = t.openBucket(ctx, c)
	} else {
		err = t.openFolder(a.disk)
	}
	if err != nil {
		return nil, err
	}
	if a.loaded == nil {
		a.loaded = map[string]*lastLoaded{}
	}
	if a.loaded[t.root] == nil {
		a.loaded[t.root] = &lastLoaded{}
	}
	t.last = a.loaded[t.root]
	return t, nil
}

func (t *target) openFolder(wrap func(atomicfile.FS) (atomicfile.FS, error)) error {
	abs, err := filepath.Abs(t.root)
	if err != nil {
		return fmt.Errorf("make %s absolute: %w", t.root, err)
	}
	fsys, err := atomicfile.OS(abs)
	if err != nil {
		hint := "name the folder that a run wrote its dataset to"
		if !errors.Is(err, fs.ErrNotExist) {
			hint = "check the path and its permissions"
		}
		return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "open the dataset", Place: abs, Err: bare(err), Hint: hint}
	}
	if wrap != nil {
		if fsys, err = wrap(fsys); err != nil {
			return err
		}
	}
	t.root, t.home = abs, &folderHome{root: abs, fsys: fsys}
	t.logs, t.store = checkpoint.NewDiskLogs(fsys), disk.New(fsys)
	return nil
}

func (t *target) openBucket(ctx context.Context, c *Config) error {
	bucket, err := c.openBucket(ctx, t.root)
	if err != nil {
		return err
	}
	store, err := s3.New(bucket, string(c.TmpDir))
	if err != nil {
		return err
	}
	t.root, t.home = bucket.URI(""), &bucketHome{bucket: bucket, temp: string(c.TmpDir)}
	t.logs, t.store = checkpoint.ReadPacked(checkpoint.NewObjectLogs(bucket)), store
	return nil
}

// makeTarget opens a root for writing. A folder is made if need be; a place that holds something else than a dataset is
// refused.
func (a *app) makeTarget(ctx context.Context, root string, c *Config) (*target, error) {
	if !isS3(root) {
		if err := atomicfile.CreateRoot(root); err != nil {
			return nil, &chatferry.Error{
				Kind: chatferry.KindEnvironment, Op: "make the folder", Place: root, Err: bare(err),
				Hint: "choose a folder below one that this user may write to",
			}
		}
	}
	t, err := a.openTarget(ctx, root, c)
	if err != nil {
		return nil, err
	}
	return t, t.prepare(ctx)
}

// pathIn spells the place of a file below a root.
func pathIn(root, name string) string {
	if isS3(root) {
		return root + "/" + name
	}
	return filepath.Join(root, filepath.FromSlash(name))
}

// load folds the logs. It returns nil without an error if there is no dataset yet.
func (t *target) load(ctx context.Context) (d *checkpoint.Dataset, err error) {
	t.last.mu.Lock()
	defer t.last.mu.Unlock()
	if t.last.d == nil {
		d, err = checkpoint.Load(ctx, t.logs)
	} else {
		d, err = t.last.d.Later(ctx, t.logs)
	}
	if errors.Is(err, checkpoint.ErrNoDataset) {
		d, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	t.last.d = d
	return d, nil
}

// mustLoad folds the logs of a dataset that has to be there.
func (t *target) mustLoad(ctx context.Context) (*checkpoint.Dataset, error) {
	d, err := t.load(ctx)
	if err == nil && d == nil {
		return nil, usage("begin it with chatferry run, or name the folder that was given as --to", "%s is not a dataset of chatferry", t.root)
	}
	return d, err
}

// The shares of --memory-limit. What a Lane holds was measured from outside, with Pages of the default size: the rows of a
// Part whose statistics point at them, the encoded columns of the row groups in progress, two Pages, and what the garbage
// collector has not got to.
const (
	laneMemory = 48 << 20 // and five quarters of a Part
	baseMemory = 64 << 20
)

// holdMemory lets the garbage collector keep what it manages within the memory limit. The rest is for the program itself
// and for what has become free and was not given back to the system yet.
func (s *settings) holdMemory() { debug.SetMemoryLimit(int64(s.MemoryLimit) * 8 / 10) }

// lanes returns how many Lanes fit into the memory limit.
func (s *settings) lanes() int {
	each := laneMemory + int64(s.PartSize)*5/4
	return int(max(1, min(int64(s.Lanes), (int64(s.MemoryLimit)-baseMemory)/each)))
}

// pipeline joins the stages.
func (t *target) pipeline(s *settings, rules transform.Options, source chatferry.Source, run *checkpoint.Run, observer chatferry.Observer, before chatferry.Books) *chatferry.Pipeline {
	p := &chatferry.Pipeline{
		Source:         source,
		NewTransformer: func(stream chatferry.Stream) chatferry.Transformer { return transform.New(stream, rules) },
		Sink:           load.NewSink(t.store),
		Log:            run,
		Observer:       observer,
		Cuts:           s.cuts(),
		Lanes:          s.lanes(),
		Budget:         int64(s.MemoryLimit) / 8,
		Bad:            chatferry.BadLimit(s.MaxBadRecords),
		Totals:         before,
	}
	if account, err := s.From.account(); err == nil && account != "" {
		// What an account gives in a minute may have cost all the requests of that minute.
		p.SealEvery, p.SealOnStop = sealEvery, true
	}
	return p
}

// sealEvery is how old a Part of an account becomes at most before it is committed.
const sealEvery = time.Minute

// listDump lists the places of --from, without the Streams that are not asked for.
func (s *settings) listDump(ctx context.Context) (*dump.Listing, error) {
	l, err := dump.List(ctx, s.From.Texts(), s.openDumpPlace(ctx))
	only := s.asked()
	if err != nil || only == nil {
		return l, err
	}
	l = l.Only(only...)
	if len(l.Files) == 0 {
		return nil, usage("leave --streams and --phase out to see what it holds", "the dump holds nothing of the streams %s", only)
	}
	return l, nil
}
