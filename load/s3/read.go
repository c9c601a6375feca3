package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/load"
)

// An object is read in blocks, of which the last used are kept: readers of Parquet ask for pieces of some KiB, of each
// column in turn, and the columns of a row group lie side by side. A row group of 32 MiB in memory takes less in a file,
// so that no block of it is fetched twice.
const (
	blockBytes = 2 << 20
	blocksKept = 16
)

// bodyTries is how often a block is asked for when its body breaks off before anything of it came.
const bodyTries = 3

// readFile reads one version of an object.
type readFile struct {
	ctx    context.Context // of Open: io.ReaderAt has none
	bucket objectstore.Bucket
	name   string
	info   objectstore.Info

	mu     sync.Mutex
	blocks []block // the last used is the last
	offset int64   // of Read
	closed bool
}

type block struct {
	n    int64 // it begins at n*blockBytes
	data []byte
}

var _ load.ReadFile = (*readFile)(nil)

func newReadFile(ctx context.Context, bucket objectstore.Bucket, name string, info objectstore.Info) *readFile {
	return &readFile{ctx: ctx, bucket: bucket, name: name, info: info}
}

// Size implements load.ReadFile.
func (f *readFile) Size() int64 { return f.info.Size }

// Read implements io.Reader.
func (f *readFile) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.readAt(p, f.offset)
	f.offset += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (f *readFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s: offset %d: %w", f.bucket.URI(f.name), off, fs.ErrInvalid)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readAt(p, off)
}

func (f *readFile) readAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		if off >= f.info.Size {
			return n, io.EOF
		}
		b, err := f.block(off / blockBytes)
		if err != nil {
			return n, f.explain(err)
		}
		c := copy(p[n:], b[off%blockBytes:])
		n += c
		off += int64(c)
	}
	return n, nil
}

func (f *readFile) explain(err error) error {
	if errors.Is(err, objectstore.ErrChanged) || errors.Is(err, objectstore.ErrNotExist) {
		return &chatferry.Error{
			Kind: chatferry.KindIncompatible, Op: "read", Place: f.bucket.URI(f.name), Err: err,
			Hint: "another program replaced or removed this file while it was read; find out which",
		}
	}
	return explain(f.ctx, "read", f.bucket.URI(f.name), err)
}

// block returns a block, from those that are kept if it is there.
func (f *readFile) block(n int64) ([]byte, error) {
	if f.closed {
		return nil, fs.ErrClosed
	}
	at := slices.IndexFunc(f.blocks, func(b block) bool { return b.n == n })
	if at >= 0 {
		b := f.blocks[at]
		f.blocks = append(slices.Delete(f.blocks, at, at+1), b)
		return b.data, nil
	}
	b := block{n: n}
	if len(f.blocks) == blocksKept {
		b.data = f.blocks[0].data // its memory is used again
		f.blocks = slices.Delete(f.blocks, 0, 1)
	}
	from := n * blockBytes
	size := min(blockBytes, f.info.Size-from)
	if int64(cap(b.data)) < size {
		b.data = make([]byte, size)
	}
	b.data = b.data[:size]
	if err := f.fetch(b.data, from); err != nil {
		return nil, err
	}
	f.blocks = append(f.blocks, b)
	return b.data, nil
}

// fetch fills p. A body that breaks off is asked for again from there.
func (f *readFile) fetch(p []byte, from int64) error {
	for tries := 1; ; tries++ {
		n, err := f.get(p, from)
		if n == len(p) || n < 0 {
			return err
		}
		if f.ctx.Err() != nil {
			return context.Cause(f.ctx)
		}
		if n > 0 {
			p, from, tries = p[n:], from+int64(n), 0
		}
		if tries == bodyTries {
			return fmt.Errorf("%w: %w", objectstore.ErrUnreachable, err)
		}
	}
}

// get asks for p once and returns how much of it came, -1 if the store answered with an error.
func (f *readFile) get(p []byte, from int64) (int, error) {
	body, _, err := f.bucket.GetRange(f.ctx, f.name, from, int64(len(p)), f.info.ETag)
	if err != nil {
		return -1, err
	}
	defer body.Close() // only read
	return io.ReadFull(body, p)
}

// Close implements io.Closer. It may be called twice.
func (f *readFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.blocks = true, nil
	return nil
}
