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
func MkdirAll(fsys FS, dir string) error {
	if dir == "." {
		return nil
	}
	parent := path.Dir(dir)
	if err := MkdirAll(fsys, parent); err != nil {
		return err
	}
	return mkdirSynced(fsys, dir, parent)
}

func mkdirSynced(fsys FS, dir, parent string) error {
	if err := fsys.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make folder %s: %w", dir, err)
	}
	if err := fsys.SyncDir(parent); err != nil {
		return fmt.Errorf("fsync folder %s: %w", parent, err)
	}
	return nil
}

// Folders makes folders as MkdirAll does and remembers which are durable, so that asking again costs nothing. It may be
// used by several goroutines.
type Folders struct {
	fsys  FS
	mu    sync.Mutex
	known map[string]bool
}

// NewFolders returns Folders that know nothing yet.
func NewFolders(fsys FS) *Folders { return &Folders{fsys: fsys, known: map[string]bool{".": true}} }

// Make returns nil when dir exists and it and all its parents are durable.
func (f *Folders) Make(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.make(path.Clean(dir))
}

func (f *Folders) make(dir string) error {
	if f.known[dir] {
		return nil
	}
	parent := path.Dir(dir)
	if err := f.make(parent); err != nil {
		return err
	}
	if err := mkdirSynced(f.fsys, dir, parent); err != nil {
		return err
	}
	f.known[dir] = true
	return nil
}
