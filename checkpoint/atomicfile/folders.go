package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
)

// MkdirAll makes the folder dir and its parents and makes each durable in its parent. A folder that is there already is
// made durable too, since whoever made it may have been killed before.
func MkdirAll(fsys FS, dir string) error { return NewFolders(fsys).Make(dir) }

// Folders makes folders as MkdirAll does and remembers which are durable, so that asking again costs nothing. A fsync
// that failed is remembered too: nothing below that folder is believed any more. It may be used by several goroutines.
type Folders struct {
	fsys   FS
	mu     sync.Mutex
	known  map[string]bool
	failed map[string]error // by the folder whose fsync failed
}

// NewFolders returns Folders that know nothing yet.
func NewFolders(fsys FS) *Folders {
	return &Folders{fsys: fsys, known: map[string]bool{".": true}, failed: map[string]error{}}
}

// Make returns nil when dir exists and it and all its parents are durable.
func (f *Folders) Make(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.make(path.Clean(dir))
}

// Sync makes the folder dir, if need be, and its entries durable.
func (f *Folders) Sync(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.make(path.Clean(dir)); err != nil {
		return err
	}
	return f.sync(path.Clean(dir))
}

// Distrust records that a fsync of dir failed elsewhere.
func (f *Folders) Distrust(dir string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed[path.Clean(dir)] = err
}

func (f *Folders) make(dir string) error {
	if err := f.failed[dir]; err != nil {
		return fmt.Errorf("an earlier fsync of folder %s failed: %w", dir, err)
	}
	if f.known[dir] {
		return nil
	}
	parent := path.Dir(dir)
	if err := f.make(parent); err != nil {
		return err
	}
	if err := f.fsys.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make folder %s: %w", dir, err)
	}
	if err := f.sync(parent); err != nil {
		return err
	}
	f.known[dir] = true
	return nil
}

func (f *Folders) sync(dir string) error {
	if err := f.fsys.SyncDir(dir); err != nil {
		f.failed[dir] = err
		return fmt.Errorf("fsync folder %s: %w", dir, err)
	}
	return nil
}
