package checkpoint

import (
	"context"
	"path"
	"slices"
	"sync"
)

// aheadRecords is how many records are asked for at once.
const aheadRecords = 32

// readAhead is a LogStore that is far away. Whoever reads a folder's objects one after another, in the order of their
// names, is given most of them from memory. Records never change, so that one that was read early is as good as any.
type readAhead struct {
	LogStore

	mu      sync.Mutex
	folders map[string]*aheadFolder
}

// aheadFolder is a folder that was listed. It is read by one goroutine at a time.
type aheadFolder struct {
	mu    sync.Mutex
	names []string // as they were listed, sorted
	last  string   // the last that was asked for
	held  map[string][]byte
}

// ReadAhead returns the LogStore with its objects read many at a time, where they are read in order.
func ReadAhead(logs LogStore) LogStore {
	return &readAhead{LogStore: logs, folders: map[string]*aheadFolder{}}
}

func (r *readAhead) folder(name string) *aheadFolder {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.folders[name]
	if f == nil {
		f = &aheadFolder{held: map[string][]byte{}}
		r.folders[name] = f
	}
	return f
}

// List implements LogStore.
func (r *readAhead) List(ctx context.Context, folder string) ([]string, error) {
	names, err := r.LogStore.List(ctx, folder)
	if err == nil {
		f := r.folder(folder)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.names = slices.Sorted(slices.Values(names))
	}
	return names, err
}

// Read implements LogStore.
func (r *readAhead) Read(ctx context.Context, name string) ([]byte, error) {
	folder, base := path.Split(name)
	f := r.folder(path.Clean(folder))
	f.mu.Lock()
	defer f.mu.Unlock()
	if data, ok := f.held[base]; ok {
		delete(f.held, base)
		f.last = base
		return data, nil
	}
	i, listed := slices.BinarySearch(f.names, base)
	inOrder := listed && i > 0 && f.names[i-1] == f.last
	f.last = base
	if !inOrder {
		return r.LogStore.Read(ctx, name)
	}
	return r.readBatch(ctx, folder, f, f.names[i:min(len(f.names), i+aheadRecords)])
}

// readBatch reads objects at once, holds all but the first, and returns that. One of the others that cannot be read is
// read again when it is asked for.
func (r *readAhead) readBatch(ctx context.Context, folder string, f *aheadFolder, names []string) ([]byte, error) {
	data, errs := make([][]byte, len(names)), make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() { data[i], errs[i] = r.LogStore.Read(ctx, folder+name) })
	}
	group.Wait()
	clear(f.held)
	for i, name := range names[1:] {
		if errs[i+1] == nil {
			f.held[name] = data[i+1]
		}
	}
	return data[0], errs[0]
}
