package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"chatferry"
	"chatferry/load"
)

// Memory is a load.Store in memory, for tests of what stands above a Store. The zero value is empty and ready.
type Memory struct {
	// OnWrite, if set, stands in for writing: it gets the number of the write, counted from 0 over all files, and says
	// how many of the bytes are kept and what the writer is told.
	OnWrite func(n int, p []byte) (keep, told int, err error)
	// OnStage, if set, may fail the n-th Stage. OnSync may fail SyncStaging.
	OnStage func(n int) error
	OnSync  func() error
	// OnReopen, if set, may damage what is read back. It gets the label of the file and its bytes.
	OnReopen func(label string, b []byte) []byte

	mu        sync.Mutex
	writes    int
	stages    int
	open      int
	staged    map[string]*memoryFile
	published map[string][]byte
}

var _ load.Store = (*Memory)(nil)

type memoryFile struct {
	store  *Memory
	target load.Target
	ref    string
	data   []byte
	closed bool
}

func (m *Memory) init() {
	if m.staged == nil {
		m.staged, m.published = map[string]*memoryFile{}, map[string][]byte{}
	}
}

// Writes returns how many writes were made.
func (m *Memory) Writes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

// Left counts open, staged and published files, for tests that look for what was left behind.
func (m *Memory) Left() (open, staged, published int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open, len(m.staged), len(m.published)
}

// StagedBytes returns the bytes of a staged file.
func (m *Memory) StagedBytes(ref string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.staged[ref]
	if !ok {
		return nil, false
	}
	return slices.Clone(f.data), true
}

// Create implements load.Store.
func (m *Memory) Create(_ context.Context, t load.Target) (load.Staging, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.init()
	ref := fmt.Sprintf("%s.r%d.e%d.%d.%s.%s", t.Shard, t.Generation, t.Epoch, t.Seq, t.Label, t.Nonce)
	if m.staged[ref] != nil {
		return nil, fmt.Errorf("create %s: %w", ref, fs.ErrExist)
	}
	f := &memoryFile{store: m, target: t, ref: ref}
	m.staged[ref] = f
	m.open++
	return f, nil
}

// Write implements io.Writer.
func (f *memoryFile) Write(p []byte) (int, error) {
	m := f.store
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.closed {
		return 0, fs.ErrClosed
	}
	n := m.writes
	m.writes++
	if m.OnWrite == nil {
		f.data = append(f.data, p...)
		return len(p), nil
	}
	keep, told, err := m.OnWrite(n, p)
	f.data = append(f.data, p[:keep]...)
	return told, err
}

// Reopen implements load.Staging.
func (f *memoryFile) Reopen(context.Context) (load.ReadFile, error) {
	m := f.store
	m.mu.Lock()
	defer m.mu.Unlock()
	b := f.data
	if m.OnReopen != nil {
		b = m.OnReopen(f.target.Label, slices.Clone(b))
	}
	m.open++
	return &memoryReader{Reader: bytes.NewReader(b), store: m}, nil
}

// Stage implements load.Staging.
func (f *memoryFile) Stage(context.Context) (ref, checksum string, err error) {
	m := f.store
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.stages
	m.stages++
	f.close()
	if m.OnStage != nil {
		if err := m.OnStage(n); err != nil {
			return "", "", err
		}
	}
	return f.ref, "", nil
}

func (f *memoryFile) close() {
	if !f.closed {
		f.closed = true
		f.store.open--
	}
}

// Discard implements load.Staging.
func (f *memoryFile) Discard() error {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	f.close()
	delete(f.store.staged, f.ref)
	return nil
}

// SyncStaging implements load.Store.
func (m *Memory) SyncStaging(context.Context) error {
	if m.OnSync != nil {
		return m.OnSync()
	}
	return nil
}

type memoryReader struct {
	*bytes.Reader
	store  *Memory
	closed bool
}

// Size implements load.ReadFile.
func (r *memoryReader) Size() int64 { return r.Reader.Size() }

// Close implements io.Closer.
func (r *memoryReader) Close() error {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.store.open--
	}
	return nil
}

// Open implements load.Store.
func (m *Memory) Open(_ context.Context, name string) (load.ReadFile, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.published[name]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	m.open++
	return &memoryReader{Reader: bytes.NewReader(b), store: m}, nil
}

// Publish implements chatferry.Publisher.
func (m *Memory) Publish(_ context.Context, f chatferry.PartFile) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.init()
	have, taken := m.published[f.Name]
	if !taken {
		s := m.staged[f.Staging]
		if s == nil {
			return fmt.Errorf("publish %s: %w", f.Name, chatferry.ErrStagingGone)
		}
		have = s.data
	}
	if int64(len(have)) != f.Size || chatferry.SHA256(sha256.Sum256(have)) != f.SHA256 {
		return &chatferry.Error{Kind: chatferry.KindIncompatible, Op: "publish", Place: f.Name, Err: errors.New("it holds other bytes")}
	}
	m.published[f.Name] = have
	delete(m.staged, f.Staging)
	return nil
}

// Unpublish implements chatferry.Publisher.
func (m *Memory) Unpublish(_ context.Context, f chatferry.PartFile) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.published, f.Name)
	return nil
}

// ListStaged implements chatferry.Publisher.
func (m *Memory) ListStaged(_ context.Context, shard chatferry.ShardID) ([]chatferry.Staged, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []chatferry.Staged
	for ref, f := range m.staged {
		if f.target.Shard == shard {
			out = append(out, chatferry.Staged{Ref: ref, Shard: shard, Epoch: f.target.Epoch})
		}
	}
	slices.SortFunc(out, func(a, b chatferry.Staged) int { return bytes.Compare([]byte(a.Ref), []byte(b.Ref)) })
	return out, nil
}

// StagedShards implements chatferry.Publisher.
func (m *Memory) StagedShards(context.Context) ([]chatferry.ShardID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []chatferry.ShardID
	for _, f := range m.staged {
		if !slices.Contains(out, f.target.Shard) {
			out = append(out, f.target.Shard)
		}
	}
	return out, nil
}

// Unstage implements chatferry.Publisher.
func (m *Memory) Unstage(_ context.Context, s chatferry.Staged) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.staged, s.Ref)
	return nil
}
