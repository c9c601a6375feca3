package settle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
)

// Derived is where the derived files of a dataset are, and nothing else. It is used by one goroutine at a time, but for
// ReadAt. Errors are told as a person needs them, with their Kind.
type Derived interface {
	// Open opens a file for reading; the error wraps fs.ErrNotExist if there is none.
	Open(ctx context.Context, name string) (DerivedFile, error)
	// ReadAt fills p with the bytes of a file from an offset on, as Open and its ReadAt do. Several goroutines may call it.
	// The error is one that is unusable if there is no file or it ends before.
	ReadAt(ctx context.Context, name string, p []byte, at int64) error
	// Write makes a file of pieces that follow each other; it takes the place of one that has the name. A file that was
	// begun is never seen, but a power loss may damage or lose one that was written.
	Write(ctx context.Context, name string, pieces ...[]byte) error
	// Remove removes a file if there is one.
	Remove(ctx context.Context, name string) error
	// List returns the names of all files, sorted, also of those that an interrupted Write left behind.
	List(ctx context.Context) ([]string, error)
}

// DerivedFile is a derived file being read.
type DerivedFile interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// keysFolder holds the derived files of a dataset on disk.
const keysFolder = checkpoint.Folder + "/keys"

// folder is the Derived of a dataset on disk. Nothing in it is fsynced.
type folder struct {
	fsys    atomicfile.FS
	folders *atomicfile.Folders
	tag     string // of temporary files, this run's own
}

// Folder keeps derived files below the root of a dataset, for the run with an epoch.
func Folder(root atomicfile.FS, epoch uint64) Derived {
	return &folder{fsys: root, folders: atomicfile.NewFolders(root), tag: fmt.Sprintf("e%012d-", epoch)}
}

func (f *folder) Open(_ context.Context, name string) (DerivedFile, error) {
	full := path.Join(keysFolder, name)
	file, err := f.fsys.Open(full)
	if err != nil {
		return nil, atomicfile.Explain("open", full, err)
	}
	return file, nil
}

func (f *folder) ReadAt(ctx context.Context, name string, p []byte, at int64) error {
	file, err := f.Open(ctx, name)
	if err != nil {
		return err
	}
	defer file.Close() // only read
	if at+int64(len(p)) > file.Size() {
		return errDamagedKeys
	}
	return atomicfile.Explain("read", path.Join(keysFolder, name), readFull(file, p, at))
}

func (f *folder) Write(ctx context.Context, name string, pieces ...[]byte) error {
	if err := f.folders.Make(keysFolder); err != nil {
		return atomicfile.Explain("make folder", keysFolder, err)
	}
	temp := atomicfile.TempPrefix + f.tag + name
	if err := f.Remove(ctx, temp); err != nil {
		return err
	}
	from, to := path.Join(keysFolder, temp), path.Join(keysFolder, name)
	if err := f.fill(from, pieces); err != nil {
		return errors.Join(atomicfile.Explain("write", from, err), f.Remove(ctx, temp))
	}
	if err := f.Remove(ctx, name); err != nil {
		return err
	}
	if err := f.fsys.Link(from, to); err != nil {
		return errors.Join(atomicfile.Explain("write", to, err), f.Remove(ctx, temp))
	}
	return f.Remove(ctx, temp)
}

// fill makes a file of pieces.
func (f *folder) fill(name string, pieces [][]byte) error {
	file, err := f.fsys.Create(name)
	if err != nil {
		return err
	}
	for _, piece := range pieces {
		n, err := file.Write(piece)
		if err == nil && n < len(piece) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return file.Close()
}

func (f *folder) Remove(_ context.Context, name string) error {
	full := path.Join(keysFolder, name)
	if err := f.fsys.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return atomicfile.Explain("remove", full, err)
	}
	return nil
}

func (f *folder) List(context.Context) ([]string, error) {
	all, err := f.fsys.ReadDir(keysFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, atomicfile.Explain("list folder", keysFolder, err)
	}
	var files []string
	for _, name := range all {
		if !strings.HasSuffix(name, "/") {
			files = append(files, name)
		}
	}
	return files, nil
}
