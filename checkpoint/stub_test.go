package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"time"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/objectstore"
)

const stagingFolder = Folder + "/staging"

// stager stages and publishes files of a few bytes.
type stager interface {
	chatferry.Publisher
	// stage makes a file of a Part durable in staging, stageAs any file; sealed is called once behind several.
	stage(shard chatferry.ShardID, epoch, seq uint64, table chatferry.Table, nonce string, data []byte) (chatferry.PartFile, error)
	stageAs(f chatferry.PartFile, data []byte) (chatferry.PartFile, error)
	sealed() error
}

// stubStore stages and publishes files of a few bytes on the same disk as the logs, as the store for disks must.
type stubStore struct {
	fsys    atomicfile.FS
	folders *atomicfile.Folders
}

var _ stager = (*stubStore)(nil)

func newStubStore(fsys atomicfile.FS) *stubStore {
	return &stubStore{fsys: fsys, folders: atomicfile.NewFolders(fsys)}
}

// The folder's entry is made durable by sealed, once for all files.
func (s *stubStore) stage(shard chatferry.ShardID, epoch, seq uint64, table chatferry.Table, nonce string, data []byte) (f chatferry.PartFile, err error) {
	return s.stageAs(chatferry.PartFile{
		Kind: chatferry.FileRows, Table: table,
		Staging: fmt.Sprintf("%s/%s.e%d.%012d.%s.%s.tmp", stagingFolder, shard, epoch, seq, table, nonce),
		Name:    fmt.Sprintf("tables/%s/part-%s-%012d.parquet", table, shard, seq),
		Rows:    2,
	}, data)
}

func (s *stubStore) stageAs(f chatferry.PartFile, data []byte) (chatferry.PartFile, error) {
	if err := s.folders.Make(stagingFolder); err != nil {
		return f, err
	}
	w, err := s.fsys.Create(f.Staging)
	if err != nil {
		return f, err
	}
	if _, err := w.Write(data); err != nil {
		return f, err
	}
	if err := w.Sync(); err != nil {
		return f, err
	}
	if err := w.Close(); err != nil {
		return f, err
	}
	f.Size, f.SHA256 = int64(len(data)), sha256.Sum256(data)
	return f, nil
}

func (s *stubStore) sealed() error { return s.fsys.SyncDir(stagingFolder) }

func (s *stubStore) Publish(_ context.Context, f chatferry.PartFile) error {
	dir := path.Dir(f.Name)
	if err := s.folders.Make(dir); err != nil {
		return err
	}
	err := s.fsys.Link(f.Staging, f.Name)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
		there, rerr := atomicfile.ReadAll(s.fsys, f.Name)
		if errors.Is(rerr, fs.ErrNotExist) {
			return chatferry.ErrStagingGone
		}
		if rerr != nil {
			return rerr
		}
		if sha256.Sum256(there) != f.SHA256 {
			return chatferry.Errorf(chatferry.KindIncompatible, "", "%s is taken by other bytes", f.Name)
		}
	default:
		return err
	}
	if err := s.fsys.SyncDir(dir); err != nil {
		return err
	}
	return s.remove(f.Staging)
}

func (s *stubStore) Unpublish(_ context.Context, f chatferry.PartFile) error {
	if err := s.remove(f.Name); err != nil {
		return err
	}
	if err := s.folders.Make(path.Dir(f.Name)); err != nil {
		return err
	}
	return s.fsys.SyncDir(path.Dir(f.Name))
}

func (s *stubStore) remove(name string) error {
	if err := s.fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// stagedForm finds the Shard, or the generation of a replace, and the epoch in the name of a staged file.
var stagedForm = regexp.MustCompile(`^(?:(\d{12})|r\d{12})\.e(\d+)\.`)

func (s *stubStore) ListStaged(_ context.Context, shard chatferry.ShardID) ([]chatferry.Staged, error) {
	all, err := s.staged()
	return slices.DeleteFunc(all, func(f chatferry.Staged) bool { return f.Shard != shard }), err
}

func (s *stubStore) StagedShards(context.Context) ([]chatferry.ShardID, error) {
	all, err := s.staged()
	shards := map[chatferry.ShardID]bool{}
	for _, f := range all {
		shards[f.Shard] = true
	}
	return slices.Sorted(maps.Keys(shards)), err
}

// staged lists what is staged for any Shard.
func (s *stubStore) staged() ([]chatferry.Staged, error) {
	names, err := s.fsys.ReadDir(stagingFolder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []chatferry.Staged
	for _, name := range names {
		m := stagedForm.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		shard := uint64(replacements)
		if m[1] != "" {
			if shard, err = strconv.ParseUint(m[1], 10, 64); err != nil {
				return nil, err
			}
		}
		epoch, err := strconv.ParseUint(m[2], 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, chatferry.Staged{Ref: stagingFolder + "/" + name, Shard: chatferry.ShardID(shard), Epoch: epoch})
	}
	return out, nil
}

func (s *stubStore) Unstage(_ context.Context, st chatferry.Staged) error { return s.remove(st.Ref) }

// workload is a small source: Shards of a few Parts, every Part with the rows of two tables.
type workload struct {
	shards, parts int
	// knows reads the dataset before the run begins, as the program does, and lets the run go on from there.
	knows bool
	// retry opens a Shard again in the same run after an error that is no fence.
	retry bool
	// committed is told of every Commit that returned nil, replaced of every Replace.
	committed func(l *ShardLog, p *chatferry.Part)
	replaced  func(r *Replace)
	// replaces are carried out in turn, each when all Shards stand at its range.
	replaces []stubReplace
	// vanished are staged files of replaces that are gone through no fault of the protocol.
	vanished map[string]bool
}

func (w workload) shard(i int) chatferry.Shard {
	return chatferry.Shard{
		ID: chatferry.ShardID(i + 1), Stream: chatferry.Chats, Bytes: int64(w.parts),
		Files: []chatferry.File{{Path: fmt.Sprintf("chats/%d.ndjson", i), Size: int64(w.parts)}},
	}
}

var stubTables = []chatferry.Table{chatferry.Table(chatferry.Chats), chatferry.ChatHistory}

// bytes are the bytes of the file of a table for the range [k, k+1) of a Shard.
func (w workload) bytes(shard chatferry.ShardID, k int, table chatferry.Table) []byte {
	return fmt.Appendf(nil, "rows of %s, shard %d, range %d", table, shard, k)
}

// books of the range: three records read, one of them quarantined.
func (w workload) books(shard chatferry.ShardID, k int) chatferry.Books {
	var b chatferry.Books
	for i := range 3 {
		raw := stubEntry(shard, k, i)
		b.Read.Count(10, &raw)
		if i == 2 {
			b.Quarantined.Count(10, &raw)
		} else {
			b.Loaded.Count(10, &raw)
		}
	}
	return b
}

// stubEntry is the term of the record i of a range.
func stubEntry(shard chatferry.ShardID, k, i int) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d.%d.%d", shard, k, i))
}

func (w workload) at(k int) chatferry.Position {
	if k == 0 {
		return ""
	}
	return chatferry.Position(strconv.Itoa(k))
}

func (w workload) index(p chatferry.Position) int {
	k, err := strconv.Atoi("0" + string(p))
	if err != nil {
		panic(err)
	}
	return k
}

// process is one run of the program: it goes on where the logs say, one Part of each Shard in turn, to the end.
type process struct {
	workload
	fsys   atomicfile.FS
	bucket objectstore.Bucket // instead of fsys
	name   string             // makes its nonces unlike those of others
	late   time.Duration      // by which its clock is ahead of stubTime
	nonces int

	store stager
	run   *Run
}

// logs are those of the dataset.
func (p *process) logs() LogStore {
	if p.bucket != nil {
		return NewObjectLogs(p.bucket)
	}
	return NewDiskLogs(p.fsys)
}

// read reads a published file.
func (p *process) read(ctx context.Context, f *InventoryFile) (data []byte, err error) {
	if p.bucket != nil {
		data, _, err = p.bucket.Get(ctx, f.Name)
	} else {
		data, err = atomicfile.ReadAll(p.fsys, f.Name)
	}
	if err == nil && sha256.Sum256(data) != f.SHA256 {
		err = fmt.Errorf("%s holds other bytes", f.Name)
	}
	return data, err
}

func (p *process) nonce() string {
	p.nonces++
	return fmt.Sprintf("%s.%d", p.name, p.nonces)
}

var stubTime = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

func (p *process) begin(ctx context.Context) (err error) {
	p.store = newStubStore(p.fsys)
	if p.bucket != nil {
		p.store = &stubUploads{p.bucket}
	}
	logs := p.logs()
	var known *Dataset
	if p.knows {
		if known, err = Load(ctx, logs); err != nil && !errors.Is(err, ErrNoDataset) {
			return err
		}
	}
	p.run, err = Begin(ctx, Config{
		Logs: logs, Publisher: p.store, Known: known, Nonce: p.nonce,
		Now: func() time.Time { return stubTime.Add(p.late) },
	}, RunOpen{
		RunID: p.name, Tool: "test", Source: "stub", Host: "host", PID: 1,
		Shaping: map[string]string{"part-size": "3"},
		Scope:   map[string]string{"streams": "chats"}, Operation: map[string]string{"lanes": "2"},
	})
	return err
}

func (p *process) work(ctx context.Context) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	states, err := p.run.Shards(ctx)
	if err != nil {
		return err
	}
	var missing []chatferry.Shard
	for i := len(states); i < p.shards; i++ {
		missing = append(missing, p.shard(i))
	}
	if err := p.run.AddShards(ctx, missing); err != nil {
		return err
	}
	done := map[chatferry.ShardID]bool{}
	for _, s := range states {
		done[s.Shard.ID] = s.Done
	}
	retries := 3
	for stage := p.stage(); ; stage++ {
		limit := p.parts
		if stage < len(p.replaces) {
			limit = p.replaces[stage].at
		}
		if err := p.carry(ctx, limit, done, &retries); err != nil {
			return err
		}
		if stage == len(p.replaces) {
			break
		}
		if err := p.replace(ctx, p.replaces[stage]); err != nil {
			// What it met may be no more than what a newer run has done.
			return chatferry.Worse(err, p.run.Overtaken(ctx))
		}
	}
	_, err = p.run.Done(ctx, End{Verdict: "complete"})
	return err
}

// carry carries every Shard that is not done to a range.
func (p *process) carry(ctx context.Context, limit int, done map[chatferry.ShardID]bool, retries *int) error {
	logs := map[int]*ShardLog{}
	for i := range p.shards {
		if s := p.shard(i); !done[s.ID] {
			l, err := p.run.openShard(ctx, &s)
			if err != nil {
				return err
			}
			logs[i] = l
		}
	}
	for len(logs) > 0 {
		for _, i := range slices.Sorted(maps.Keys(logs)) {
			if limit < p.parts && p.index(logs[i].Position()) >= limit {
				delete(logs, i)
				continue
			}
			more, err := p.step(ctx, logs[i])
			if err != nil && p.retry && *retries > 0 && chatferry.KindOf(err) != chatferry.KindFenced {
				s := p.shard(i)
				logs[i], err = p.run.openShard(ctx, &s)
				*retries--
				more = true
			}
			if err != nil {
				return err
			}
			if !more {
				done[p.shard(i).ID] = true
				delete(logs, i)
			}
		}
	}
	return nil
}

// step carries one Part, or ends the Shard.
func (p *process) step(ctx context.Context, l *ShardLog) (more bool, err error) {
	k := p.index(l.Position())
	if k == p.parts {
		return false, l.Done(ctx)
	}
	part, err := p.stagePart(l, k)
	if err != nil {
		// It may be no more than a newer run having swept what this one was staging.
		return true, chatferry.Worse(err, p.run.Overtaken(ctx))
	}
	if err := l.Commit(ctx, part); err != nil {
		return true, err
	}
	if p.committed != nil {
		p.committed(l, part)
	}
	return true, nil
}

func (p *process) stagePart(l *ShardLog, k int) (*chatferry.Part, error) {
	part := &chatferry.Part{
		Stream: chatferry.Chats, Seq: l.NextSeq(), From: p.at(k), To: p.at(k + 1),
		Books: p.books(l.shard.ID, k), StoredBytes: 7, Requests: 1, WallMS: 5,
	}
	for _, table := range stubTables {
		f, err := p.store.stage(l.shard.ID, l.Epoch(), part.Seq, table, p.nonce(), p.bytes(l.shard.ID, k, table))
		if err != nil {
			return nil, err
		}
		if table == stubTables[0] {
			f.E = part.Books.Loaded.D
		}
		part.Files = append(part.Files, f)
	}
	return part, p.store.sealed()
}

func sameBytes(a, b map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		there, ok := b[name]
		switch {
		case !ok:
			return fmt.Errorf("%s is missing", name)
		case !bytes.Equal(a[name], there):
			return fmt.Errorf("%s holds %q instead of %q", name, there, a[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[name]; !ok {
			return fmt.Errorf("%s should not be there", name)
		}
	}
	return nil
}
