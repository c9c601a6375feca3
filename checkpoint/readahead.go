package checkpoint

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
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
	packs   *packs // nil: they are neither read nor made
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

// ReadPacked is ReadAhead with packs, which it also makes.
func ReadPacked(logs LogStore) LogStore {
	return &readAhead{LogStore: logs, folders: map[string]*aheadFolder{}, packs: &packs{}}
}

// Unpacked returns the LogStore without packs: every record is read from the log itself.
func Unpacked(logs LogStore) LogStore {
	if r, ok := logs.(*readAhead); ok && r.packs != nil {
		return ReadAhead(r.LogStore)
	}
	return logs
}

// Create implements LogStore.
func (r *readAhead) Create(ctx context.Context, name, tag string, data []byte) error {
	err := r.LogStore.Create(ctx, name, tag, data)
	if err == nil && r.packs != nil {
		r.pack(ctx, name, tag, data)
	}
	return err
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
	return r.readBatch(ctx, folder, f, f.names[i:])
}

// readBatch asks for the first of some objects and for those behind it, aheadRecords objects or packs at once. It holds all
// but the first, and returns that. One of the others that cannot be read is read again when it is asked for.
func (r *readAhead) readBatch(ctx context.Context, folder string, f *aheadFolder, names []string) ([]byte, error) {
	var group sync.WaitGroup
	var mu sync.Mutex
	clear(f.held)
	first, err := []byte(nil), error(nil)
	for asked := 0; len(names) > 0 && asked < aheadRecords; asked++ {
		if pack, behind := r.packAt(ctx, folder, names); pack != "" {
			group.Go(func() { r.readPack(ctx, pack, f, &mu) })
			names = behind
			continue
		}
		name, alone := names[0], asked == 0
		names = names[1:]
		group.Go(func() {
			data, rerr := r.LogStore.Read(ctx, folder+name)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case alone:
				first, err = data, rerr
			case rerr == nil:
				f.held[name] = data
			}
		})
	}
	group.Wait()
	if first != nil || err != nil {
		return first, err
	}
	if data, ok := f.held[f.last]; ok {
		delete(f.held, f.last)
		return data, nil
	}
	return r.LogStore.Read(ctx, folder+f.last)
}

// packAt returns the pack that holds the first of some records, and the names of those behind it.
func (r *readAhead) packAt(ctx context.Context, folder string, names []string) (pack string, behind []string) {
	log, n, ok := recordAt(folder + names[0])
	if r.packs == nil || !ok || len(names) < 2 {
		return "", nil
	}
	pack = packName(log, packFirst(n))
	if !r.packs.has(ctx, r.LogStore, pack) {
		return "", nil
	}
	end := packFirst(n) + packRecords
	return pack, names[min(len(names), int(end-n)):]
}

// readPack holds the records of a pack.
func (r *readAhead) readPack(ctx context.Context, pack string, f *aheadFolder, mu *sync.Mutex) {
	data, err := r.LogStore.Read(ctx, packFolder+"/"+pack)
	var records [][]byte
	if err == nil {
		records, err = readPack(data)
	}
	if err != nil {
		r.packs.drop(pack)
		return
	}
	first, _ := strconv.ParseUint(pack[len(pack)-len("000000000001.zst"):len(pack)-len(".zst")], 10, 64)
	mu.Lock()
	defer mu.Unlock()
	for i, record := range records {
		f.held[fmt.Sprintf("%012d.json", first+uint64(i))] = record
	}
}
