package dump

import (
	"context"
	"errors"
	"io"

	"chatferry"
)

// errCut ends a flow whose compressed stream could not be followed to its end. The doubt beside it says why.
var errCut = errors.New("the compressed stream is cut")

// flow is one file of a dump, uncompressed, from some byte on.
type flow interface {
	// read reads at least one byte or returns an error: io.EOF at the end, errCut where a damaged stream ends, or an
	// error that concerns the file as a whole.
	read(ctx context.Context, p []byte) (int, error)
	// news returns what was noticed in the bytes read so far, and forgets it.
	news() []doubtAt
	// stored returns how many stored bytes stand for the uncompressed bytes before at, which have been read. It depends
	// on at alone, not on how far the flow has been read beyond it.
	stored(at int64) int64
	// forget says that stored will not be asked for bytes before at again.
	forget(at int64)
	// unchanged returns an error of KindIncompatible if the file is not as it was listed.
	unchanged() error
	close() error
}

// doubtAt is a Doubt and the uncompressed byte at which it was noticed, which fixes the Page that it belongs to.
type doubtAt struct {
	at    int64
	doubt chatferry.Doubt
}

// storedFile is the stored bytes of an open file, counted.
type storedFile struct {
	obj  Object
	path string
	left int64 // bytes until the listed end
	n    int64 // bytes read, counted from the file's beginning
	err  error // the first error other than io.EOF, which is one of the disk
}

func newStoredFile(obj Object, f chatferry.File, from int64) *storedFile {
	return &storedFile{obj: obj, path: f.Path, n: from, left: f.Size - from}
}

// Read implements io.Reader. It ends where the file ended when it was listed.
func (s *storedFile) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.left <= 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.obj.Read(p)
	s.n += int64(n)
	s.left -= int64(n)
	if err == io.EOF && s.left > 0 {
		if err = s.obj.Unchanged(); err == nil {
			err = environment("read", s.path, io.ErrUnexpectedEOF, "check the disk, then resume")
		}
		s.err = err
		return n, err
	}
	if err != nil && err != io.EOF {
		if !isOurs(err) {
			err = environment("read", s.path, err, "check the disk, then resume")
		}
		s.err = err
	}
	return n, err
}

// isOurs reports whether an error already says what it means for the run.
func isOurs(err error) bool {
	var e *chatferry.Error
	return errors.As(err, &e)
}

// plainFlow is a file that is not compressed.
type plainFlow struct {
	file *storedFile
	head []byte // bytes already read
	told []doubtAt
}

func (f *plainFlow) read(ctx context.Context, p []byte) (int, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if len(f.head) > 0 {
		n := copy(p, f.head)
		f.head = f.head[n:]
		return n, nil
	}
	for {
		n, err := f.file.Read(p)
		if n > 0 {
			return n, nil // an error comes again
		}
		if err != nil {
			return 0, err
		}
	}
}

func (f *plainFlow) news() []doubtAt {
	told := f.told
	f.told = nil
	return told
}

func (f *plainFlow) stored(at int64) int64 { return at }
func (f *plainFlow) forget(int64)          {}
func (f *plainFlow) unchanged() error      { return f.file.obj.Unchanged() }
func (f *plainFlow) close() error          { return f.file.obj.Close() }
