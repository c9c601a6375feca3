package atomicfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Everything a dataset holds may be personal data, so nobody but its owner may read it.
const (
	folderMode fs.FileMode = 0o700
	fileMode   fs.FileMode = 0o600
)

// OS opens an existing folder of the machine as an FS. No name, not even one that goes through a symbolic link, can
// lead out of it.
func OS(root string) (FS, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return osFS{r}, nil
}

// CreateRoot makes the folder root and whatever folders above it are missing, each made durable in its parent. A root
// that is there already is left as it is.
func CreateRoot(root string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	info, err := os.Stat(root)
	switch {
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: root, Err: fmt.Errorf("a file of this name exists")}
	case err == nil:
		return nil
	case !os.IsNotExist(err):
		return err
	}
	parent := filepath.Dir(root)
	if err := CreateRoot(parent); err != nil {
		return err
	}
	if err := os.Mkdir(root, folderMode); err != nil && !os.IsExist(err) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return syncAndClose(f)
}

type osFS struct{ root *os.Root }

func (o osFS) Create(name string) (File, error) {
	f, err := o.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (o osFS) Open(name string) (ReadFile, error) {
	f, err := o.root.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("not a regular file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return osReadFile{f, info.Size()}, nil
}

func (o osFS) Link(oldname, newname string) error { return o.root.Link(oldname, newname) }
func (o osFS) Remove(name string) error           { return o.root.Remove(name) }
func (o osFS) Mkdir(name string) error            { return o.root.Mkdir(name, folderMode) }

func (o osFS) Stat(name string) (fs.FileInfo, error) { return o.root.Stat(name) }

func (o osFS) ReadDir(name string) ([]string, error) {
	f, err := o.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
		if e.IsDir() {
			names[i] += "/"
		}
	}
	slices.Sort(names)
	return names, nil
}

func (o osFS) SyncDir(name string) error {
	f, err := o.root.Open(name)
	if err != nil {
		return err
	}
	return syncAndClose(f)
}

func syncAndClose(f *os.File) error {
	err := f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

type osReadFile struct {
	*os.File
	size int64
}

func (f osReadFile) Size() int64 { return f.size }

var (
	_ FS       = osFS{}
	_ ReadFile = osReadFile{}
)

// ReadAll reads a whole small file.
func ReadAll(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, f.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}
