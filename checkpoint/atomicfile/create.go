package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// TempPrefix begins the name of every temporary file that CreateIfAbsent makes.
const TempPrefix = ".tmp-"

// Result is what is known about the target after CreateIfAbsent.
type Result int

// The Results.
const (
	// Created: the target holds the data, and both the data and the name are durable.
	Created Result = iota
	// Exists: the target was there before; nothing was changed.
	Exists
	// Failed: this call did not make the target.
	Failed
	// Ambiguous: the target may have been made. Only reading it tells.
	Ambiguous
	// Unsynced: the target was made, but its name may never be durable, whatever a later fsync of its folder says.
	Unsynced
)

// CreateIfAbsent makes the file name with the given data, unless the name is taken: it writes a temporary file beside
// the target, fsyncs it, and gives it its name with link(2), which never replaces a file. The error is nil exactly when
// the Result is Created, and wraps fs.ErrExist when it is Exists.
//
// The temporary file is called TempPrefix + tag; the tag must be fresh for every call. It is removed on every path, but
// a crash can leave it behind.
func CreateIfAbsent(fsys FS, name, tag string, data []byte) (Result, error) {
	dir := path.Dir(name)
	temp := path.Join(dir, TempPrefix+tag)
	if err := writeSynced(fsys, temp, data); err != nil {
		return Failed, fmt.Errorf("write %s: %w", temp, err)
	}
	err := fsys.Link(temp, name)
	// A temporary file that stays behind hurts nobody: whoever takes over removes it.
	_ = fsys.Remove(temp)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrExist):
		return Exists, err
	default:
		return Ambiguous, err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return Unsynced, fmt.Errorf("fsync folder %s: %w", dir, err)
	}
	return Created, nil
}

// Replace makes the file name with the given data in place of what had the name, if anything had: it writes a temporary
// file beside it, fsyncs it, takes the name away and gives it to the new file. So nobody sees a part of it, but for an
// instant, and after a crash then, there is none. It is for copies of what is kept elsewhere. The tag is as for
// CreateIfAbsent.
func Replace(fsys FS, name, tag string, data []byte) error {
	dir := path.Dir(name)
	temp := path.Join(dir, TempPrefix+tag)
	if err := writeSynced(fsys, temp, data); err != nil {
		return fmt.Errorf("write %s: %w", temp, err)
	}
	err := fsys.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = fsys.Link(temp, name)
	}
	if err := errors.Join(err, fsys.Remove(temp)); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// writeSynced writes a new file and makes its bytes durable. What could not be written whole is removed.
func writeSynced(fsys FS, name string, data []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	n, err := f.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = fsys.Remove(name)
	}
	return err
}

// IsTemp reports whether a name, without its folder, is that of a temporary file of CreateIfAbsent, and its tag.
func IsTemp(name string) (tag string, ok bool) { return strings.CutPrefix(name, TempPrefix) }
