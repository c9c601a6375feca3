package local

import (
	"bufio"
	"context"
	"errors"
	"io/fs"

	"chatferry/checkpoint/atomicfile"
	"chatferry/load"
)

// writeBuffer is how much is handed to the disk at a time: Parquet files are written in many small pieces.
const writeBuffer = 256 << 10

// staging is one staging file being written.
type staging struct {
	fs      atomicfile.FS
	name    string
	file    atomicfile.File // nil once closed
	buffer  *bufio.Writer   // in front of file; remembers its first error
	removed bool
}

func newStaging(fsys atomicfile.FS, name string, file atomicfile.File) *staging {
	return &staging{fs: fsys, name: name, file: file, buffer: bufio.NewWriterSize(file, writeBuffer)}
}

// Write implements io.Writer.
func (s *staging) Write(p []byte) (int, error) {
	if s.file == nil {
		return 0, atomicfile.Explain("write", s.name, fs.ErrClosed)
	}
	n, err := s.buffer.Write(p)
	return n, atomicfile.Explain("write", s.name, err)
}

// Reopen implements load.Staging.
func (s *staging) Reopen(context.Context) (load.ReadFile, error) {
	if s.file != nil {
		if err := s.buffer.Flush(); err != nil {
			return nil, atomicfile.Explain("write", s.name, err)
		}
	}
	f, err := s.fs.Open(s.name)
	if err != nil {
		return nil, atomicfile.Explain("open", s.name, err)
	}
	return f, nil
}

// Stage implements load.Staging.
func (s *staging) Stage(context.Context) (ref, checksum string, err error) {
	if s.file == nil {
		return "", "", atomicfile.Explain("fsync", s.name, fs.ErrClosed)
	}
	if err := s.buffer.Flush(); err != nil {
		return "", "", errors.Join(atomicfile.Explain("write", s.name, err), s.close())
	}
	if err := s.file.Sync(); err != nil {
		return "", "", errors.Join(atomicfile.Explain("fsync", s.name, err), s.close())
	}
	return s.name, "", s.close()
}

func (s *staging) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file, s.buffer = nil, nil
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
