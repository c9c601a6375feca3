package s3

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"chatferry"
)

// tempPattern names the files that are being built.
const tempPattern = "chatferry-upload-*.tmp"

// tempFile is a private file without a name: whichever way the process ends, the system takes the file with it. Where an
// open file cannot lose its name, it keeps it until it is closed.
type tempFile struct {
	*os.File
	named bool
}

func newTempFile(dir string) (*tempFile, error) {
	f, err := os.CreateTemp(dir, tempPattern) // mode 0600
	if err != nil {
		return nil, err
	}
	err = os.Remove(f.Name())
	return &tempFile{File: f, named: err != nil && !errors.Is(err, fs.ErrNotExist)}, nil
}

// Close implements io.Closer.
func (f *tempFile) Close() error {
	err := f.File.Close()
	if f.named {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// sweepTemp removes what killed processes left. Of a live one there is nothing to remove: its files have lost their names,
// or cannot lose them.
func sweepTemp(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ours, _ := filepath.Match(tempPattern, e.Name()); ours && e.Type().IsRegular() {
			_ = os.Remove(filepath.Join(dir, e.Name())) // another user's, in a folder that is shared
		}
	}
	return nil
}

// explainTemp explains an error of a file that is being built, or of its folder.
func explainTemp(op, place string, err error) error {
	if err == nil {
		return nil
	}
	hint := "make sure that this user can write there, or name another folder with --tmp-dir, then resume"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		hint = "free some space there, or name another folder with --tmp-dir, then resume"
	}
	return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: op, Place: place, Err: err, Hint: hint}
}
