package s3dump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/extract/dump"
)

const (
	// maxTries is how many connections in a row may break without bringing a byte.
	maxTries = 10
	// The pauses between them, the first of which is none, double up to the longest: 25 to 50 seconds together. What a
	// Bucket waits by itself for an answer comes on top.
	firstPause   = 250 * time.Millisecond
	longestPause = 20 * time.Second
)

// object is an open object, one version of it.
type object struct {
	store  *Store
	file   chatferry.File
	parent context.Context
	ctx    context.Context // ends with parent, or by Close
	cancel context.CancelFunc

	mu    sync.Mutex    // held while reading, so that Close waits for it
	body  io.ReadCloser // nil: between two connections
	at    int64         // of the next byte
	tries int           // connections that broke since the last byte came
	err   error         // ended the reading
}

// Unchanged implements dump.Object. What is read is one version, whatever becomes of the key.
func (o *object) Unchanged() error { return nil }

// Read implements io.Reader.
func (o *object) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.read(p)
	o.err = err
	return n, err
}

// read returns at least one byte, or an error which is final.
func (o *object) read(p []byte) (int, error) {
	for len(p) > 0 {
		if o.body == nil {
			if o.at >= o.file.Size {
				return 0, io.EOF
			}
			if err := o.begin(); err != nil {
				return 0, err
			}
		}
		n, err := o.body.Read(p[:min(int64(len(p)), o.file.Size-o.at)])
		o.at += int64(n)
		if n > 0 {
			o.tries = 0
		}
		if err == nil && o.at == o.file.Size {
			err = o.ending()
		}
		switch {
		case err == nil:
		case o.at < o.file.Size:
			o.leave()
			if err := o.broken(err); err != nil {
				return n, err
			}
		case err == io.EOF:
			o.leave()
		default:
			return n, o.explain(fmt.Errorf("behind its last byte: %w", err))
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// ending returns io.EOF when nothing stands behind the last byte. What the store's client has to say about the object as
// a whole, that its checksum is wrong, comes here.
func (o *object) ending() error {
	_, err := io.ReadFull(o.body, make([]byte, 1))
	if err == nil {
		err = errors.New("the store sends more than the object holds")
	}
	return err
}

// begin asks for the bytes from o.at on.
func (o *object) begin() error {
	bucket, key := o.store.bucket, o.store.place+o.file.Path
	if o.at >= o.file.Size { // there is nothing to ask for, but the object must be as it was listed
		info, err := bucket.Head(o.ctx, key)
		if err != nil {
			return o.explain(err)
		}
		return dump.Compare(o.file, fileOf(o.file.Path, info))
	}
	body, info, err := bucket.GetRange(o.ctx, key, o.at, -1, o.file.ETag)
	if err != nil {
		return o.explain(err)
	}
	o.body = body
	if err := dump.Compare(o.file, fileOf(o.file.Path, info)); err != nil { // the store overlooked the condition
		o.leave()
		return err
	}
	return nil
}

// broken decides about going on after a connection broke, and waits until the next one is due.
func (o *object) broken(err error) error {
	o.tries++
	switch {
	case o.ctx.Err() != nil:
		return o.explain(err)
	case o.tries == maxTries:
		return &chatferry.Error{
			Kind: chatferry.KindTemporary, Op: "read dump file", Place: o.file.Path,
			Err:  fmt.Errorf("from byte %d on no byte came over %d connections: %w", o.at, o.tries, err),
			Hint: "nothing that was committed is lost; resume when the store or the network is well",
		}
	case o.tries == 1:
		return nil
	}
	pause := min(firstPause<<(o.tries-2), longestPause)
	select {
	case <-time.After(pause/2 + rand.N(pause/2)):
		return nil
	case <-o.ctx.Done():
		return o.explain(o.ctx.Err())
	}
}

// explain says what an error means for the file.
func (o *object) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case o.parent.Err() != nil:
		return context.Cause(o.parent)
	case o.ctx.Err() != nil:
		return os.ErrClosed
	case errors.Is(err, objectstore.ErrChanged):
		return dump.Changed(o.file.Path, "its ETag was "+o.file.ETag+" when it was listed and is another now")
	case errors.Is(err, objectstore.ErrNotExist):
		return dump.Changed(o.file.Path, "it is gone")
	}
	return objectstore.Explain("read dump file", o.file.Path, err)
}

// leave ends the connection. All that matters about it was said by its Read.
func (o *object) leave() {
	if o.body != nil {
		_ = o.body.Close()
		o.body = nil
	}
}

// Close implements io.Closer.
func (o *object) Close() error {
	o.cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = os.ErrClosed
	}
	o.leave()
	return nil
}
