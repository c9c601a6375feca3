package s3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"golang.org/x/sync/errgroup"

	"chatferry/checkpoint/objectstore"
	"chatferry/load"
)

// writeBuffer is how much is handed to the disk at a time: Parquet files are written in many small pieces.
const writeBuffer = 256 << 10

// abortPatience bounds how long Discard tries to abort an upload: a run that is stopped ends soon. The sweep of a later
// one aborts what was left.
const abortPatience = 5 * time.Second

// staging is one file being built, then an upload.
type staging struct {
	store  *Store
	name   string
	file   *tempFile     // nil once closed
	buffer *bufio.Writer // in front of file; remembers its first error
	cutter *cutter
	upload *objectstore.Upload // from its creation until it was aborted
}

func newStaging(store *Store, name string, file *tempFile) *staging {
	return &staging{
		store: store, name: name, file: file,
		buffer: bufio.NewWriterSize(file, writeBuffer), cutter: newCutter(store.partBytes),
	}
}

// Write implements io.Writer.
func (s *staging) Write(p []byte) (int, error) {
	if s.file == nil {
		return 0, s.explainFile("write", fs.ErrClosed)
	}
	n, err := s.buffer.Write(p)
	s.cutter.Write(p[:n])
	return n, s.explainFile("write", err)
}

// explainFile explains an error of the temporary file, which a person knows by what it is for and where.
func (s *staging) explainFile(op string, err error) error {
	return explainTemp(op, fmt.Sprintf("%s in %s", s.name, s.store.temp), err)
}

// Reopen implements load.Staging.
func (s *staging) Reopen(context.Context) (load.ReadFile, error) {
	if s.file == nil {
		return nil, s.explainFile("read", fs.ErrClosed)
	}
	if err := s.buffer.Flush(); err != nil {
		return nil, s.explainFile("write", err)
	}
	return reopened{io.NewSectionReader(s.file, 0, s.cutter.at)}, nil
}

// reopened reads a temporary file. The file has no name to open it by; what is read is its own offset.
type reopened struct{ *io.SectionReader }

// Close implements io.Closer. The file stays open for the upload.
func (reopened) Close() error { return nil }

// Stage implements load.Staging.
func (s *staging) Stage(ctx context.Context) (ref, sum string, err error) {
	if s.file == nil {
		return "", "", s.explainFile("upload", fs.ErrClosed)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.buffer.Flush(); err != nil {
		return "", "", s.explainFile("write", err)
	}
	cuts, err := s.cutter.finish()
	if err != nil {
		return "", "", s.explainFile("upload", err)
	}
	u, err := s.store.bucket.CreateUpload(ctx, s.name)
	if err == nil && u.ID == "" {
		err = errors.New("the store did not name the upload")
	}
	if err != nil {
		// If it was created all the same, the sweep finds it: nothing refers to it.
		return "", "", explain(ctx, "upload", s.store.bucket.URI(s.name), err)
	}
	s.upload = &u
	if err := s.send(ctx, u, cuts); err != nil {
		return "", "", explain(ctx, "upload", s.store.bucket.URI(s.name), err)
	}
	return refOf(u), checksum(cuts), nil
}

// send uploads the parts, several at a time. They are read from the file as they are sent, so they take no memory here.
func (s *staging) send(ctx context.Context, u objectstore.Upload, cuts []cut) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, c := range cuts {
		select {
		case s.store.slots <- struct{}{}:
		case <-ctx.Done():
			if err := g.Wait(); err != nil {
				return err
			}
			return context.Cause(ctx)
		}
		g.Go(func() error {
			defer func() { <-s.store.slots }()
			return s.sendPart(ctx, u, i+1, c)
		})
	}
	return g.Wait()
}

// partTries is how often a part is sent whose bytes are damaged when they arrive. If it is the local disk that damages
// them, no try helps.
const partTries = 3

// sendPart uploads a part. The store compares the bytes that it got with the sum; what it says of them is held against
// what was written.
func (s *staging) sendPart(ctx context.Context, u objectstore.Upload, number int, c cut) error {
	var part objectstore.Part
	for try := 1; ; try++ {
		var err error
		part, err = s.store.bucket.UploadPart(ctx, u, number, io.NewSectionReader(s.file, c.from, c.size), c.size, c.sum)
		if err == nil {
			break
		}
		if !errors.Is(err, objectstore.ErrDamaged) || try == partTries {
			return err
		}
	}
	want := objectstore.Part{Number: number, Size: c.size, ETag: part.ETag, SHA256: part.SHA256}
	if part.SHA256 != [32]byte{} {
		want.SHA256 = c.sum
	}
	if part != want || part.ETag == "" {
		return fmt.Errorf("the store answered %+v for part %d, %+v was sent", part, number, want)
	}
	return nil
}

func (s *staging) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file, s.buffer = nil, nil
	return s.explainFile("close", f.Close())
}

// Discard implements load.Staging.
func (s *staging) Discard() error {
	err := s.close()
	if s.upload == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), abortPatience)
	defer cancel()
	if aerr := s.store.abort(ctx, *s.upload); aerr != nil {
		return errors.Join(err, aerr)
	}
	s.upload = nil
	return err
}
