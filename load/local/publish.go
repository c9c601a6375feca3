package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
)

// Publish implements chatferry.Publisher.
//
// Two processes may publish one file at once, one of them taken over and not yet aware of it. Both do the same: a link
// comes before the unlink, so whoever finds the staging file gone finds the final one.
func (s *Store) Publish(_ context.Context, f chatferry.PartFile) error {
	if err := errors.Join(checkName(f.Name), checkStagingRef(f.Staging)); err != nil {
		return err
	}
	dir := path.Dir(f.Name)
	if err := s.folders.Make(dir); err != nil {
		return atomicfile.Explain("make folder", dir, err)
	}
	if err := s.give(f); err != nil {
		return err
	}
	// Also where the name was there before: whoever gave it may have been killed before it was durable.
	if err := s.fs.SyncDir(dir); err != nil {
		return atomicfile.Explain("fsync folder", dir, err)
	}
	return s.remove(f.Staging)
}

// give makes sure that the final name exists and holds f's bytes.
func (s *Store) give(f chatferry.PartFile) error {
	info, err := s.fs.Stat(f.Staging)
	if errors.Is(err, fs.ErrNotExist) {
		return s.compareFinal(f)
	}
	if err != nil {
		return atomicfile.Explain("look at", f.Staging, err)
	}
	if info.Size() != f.Size {
		return incompatible(f.Staging, fmt.Errorf("it has %d bytes, its record says %d", info.Size(), f.Size))
	}
	err = s.fs.Link(f.Staging, f.Name)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return s.compareFinal(f)
	}
	return atomicfile.Explain("publish", f.Name, err)
}

// compareFinal reads the file that has f's final name and compares it with f's record.
func (s *Store) compareFinal(f chatferry.PartFile) error {
	r, err := s.fs.Open(f.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("publish %s: %w", f.Name, chatferry.ErrStagingGone)
	}
	if err != nil {
		return atomicfile.Explain("open", f.Name, err)
	}
	defer r.Close() // only read
	if r.Size() != f.Size {
		return incompatible(f.Name, fmt.Errorf("it has %d bytes, its record says %d", r.Size(), f.Size))
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return atomicfile.Explain("read", f.Name, err)
	}
	if got := chatferry.SHA256(sum.Sum(nil)); got != f.SHA256 {
		return incompatible(f.Name, fmt.Errorf("it has the SHA-256 %s, its record says %s", got, f.SHA256))
	}
	return nil
}

func incompatible(name string, err error) error {
	return &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "publish", Place: name, Err: err,
		Hint: "another program or the disk changed this file; move it away, keep it, and resume",
	}
}

// Unpublish implements chatferry.Publisher.
func (s *Store) Unpublish(_ context.Context, f chatferry.PartFile) error {
	if err := checkName(f.Name); err != nil {
		return err
	}
	if err := s.remove(f.Name); err != nil {
		return err
	}
	dir := path.Dir(f.Name)
	if err := s.fs.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return atomicfile.Explain("fsync folder", dir, err)
	}
	return nil
}
