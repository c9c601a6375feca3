package local

import (
	"context"
	"errors"
	"io/fs"

	"chatferry/checkpoint/atomicfile"
	"chatferry/load"
)

// staging is one staging file being written.
type staging struct {
	fs      atomicfile.FS
	name    string
	file    atomicfile.File // nil once closed
	removed bool
}

// Write implements io.Writer.
func (s *staging) Write(p []byte) (int, error) {
	if s.file == nil {
		return 0, atomicfile.Explain("write", s.name, fs.ErrClosed)
	}
	n, err := s.file.Write(p)
	return n, atomicfile.Explain("write", s.name, err)
}

// Reopen implements load.Staging.
func (s *staging) Reopen(context.Context) (load.ReadFile, error) {
	f, err := s.fs.Open(s.name)
	if err != nil {
		return nil, atomicfile.Explain("open", s.name, err)
	}
	return f, nil
}

// Stage implements load.Staging.
func (s *staging) Stage(context.Context) (string, error) {
	if s.file == nil {
		return "", atomicfile.Explain("fsync", s.name, fs.ErrClosed)
	}
	if err := s.file.Sync(); err != nil {
		return "", errors.Join(atomicfile.Explain("fsync", s.name, err), s.close())
	}
	return s.name, s.close()
}

func (s *staging) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return atomicfile.Explain("close", s.name, f.Close())
}

// Discard implements load.Staging.
func (s *staging) Discard() error {
	err := s.close()
	if s.removed {
		return err
	}
	if rerr := s.fs.Remove(s.name); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		return errors.Join(err, atomicfile.Explain("remove", s.name, rerr))
	}
	s.removed = true
	return err
}
