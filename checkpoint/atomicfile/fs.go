// Package atomicfile is the one place where chatferry changes a disk. Everything that must survive a crash goes through
// the FS interface, so that tests can fail, crash or cut the power at each of its operations.
package atomicfile

import (
	"io"
	"io/fs"
)

// FS is a folder tree, the root of a dataset. Names are slash-separated, relative to the root, and never leave it.
// Errors wrap fs.ErrExist, fs.ErrNotExist and syscall errors as package os does.
type FS interface {
	// Create makes a new file for writing; it fails with fs.ErrExist if the name is taken.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (ReadFile, error)
	// Link gives the file oldname the second name newname; it fails with fs.ErrExist if newname is taken.
	Link(oldname, newname string) error
	Remove(name string) error
	// Mkdir makes one folder; it fails with fs.ErrExist if the name is taken.
	Mkdir(name string) error
	// ReadDir lists the names in a folder, sorted. Folders end with a slash.
	ReadDir(name string) ([]string, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the entries of a folder durable.
	SyncDir(name string) error
}

// File is a file being written.
type File interface {
	io.Writer
	// Sync makes the file's bytes durable. After an error the bytes must be thought lost: drop the file.
	Sync() error
	Close() error
}

// ReadFile is a file being read.
type ReadFile interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Size() int64
}
