package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"chatferry/checkpoint/atomicfile"
)

// DiskLogs is the LogStore on a disk.
type DiskLogs struct {
	fsys    atomicfile.FS
	folders *atomicfile.Folders
	creates atomic.Uint64 // so that every temporary file has a name of its own
}

var _ LogStore = (*DiskLogs)(nil)

// NewDiskLogs returns the logs of the dataset whose root is fsys.
func NewDiskLogs(fsys atomicfile.FS) *DiskLogs {
	return &DiskLogs{fsys: fsys, folders: atomicfile.NewFolders(fsys)}
}

// Create implements LogStore.
func (d *DiskLogs) Create(ctx context.Context, name, tag string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir := path.Dir(name)
	if err := d.folders.Make(dir); err != nil {
		return err
	}
	tag = fmt.Sprintf("%s-%d", tag, d.creates.Add(1))
	result, err := atomicfile.CreateIfAbsent(d.fsys, name, tag, data)
	if result == atomicfile.Unsynced {
		// The next fsync could succeed without having done anything. Whoever opens the dataset next finds out what
		// is there.
		d.folders.Distrust(dir, err)
	}
	return err
}

// Read implements LogStore.
func (d *DiskLogs) Read(_ context.Context, name string) ([]byte, error) {
	return atomicfile.ReadAll(d.fsys, name)
}

// List implements LogStore.
func (d *DiskLogs) List(_ context.Context, folder string) ([]string, error) {
	names, err := d.fsys.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "/")
	}), err
}

// Written implements LogStore.
func (d *DiskLogs) Written(_ context.Context, name string) (time.Time, error) {
	info, err := d.fsys.Stat(name)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// Sync implements LogStore.
func (d *DiskLogs) Sync(_ context.Context, folder string) error { return d.folders.Sync(folder) }

// Sweep implements LogStore. It leaves the temporary files of its own epoch and of newer ones alone: their writers may
// be about to link them.
func (d *DiskLogs) Sweep(_ context.Context, folder string, epoch uint64) error {
	names, err := d.fsys.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		tag, ok := atomicfile.IsTemp(name)
		if !ok {
			continue
		}
		if of, ok := tagEpoch(tag); !ok || of >= epoch {
			continue
		}
		if err := d.fsys.Remove(path.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
