package sims3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"iter"
	"sync"

	"chatferry/checkpoint/objectstore"
)

// ErrKilled is answered by every request of a Client that was killed. No such request has an effect.
var ErrKilled = errors.New("this process was killed")

// Killed is the panic value of a Client that panics when it is killed.
type Killed struct{}

// Client is one process's view of a Store. It makes every request once.
type Client struct {
	// Trace collects the requests that change the bucket, when Tracing is set.
	Trace   []string
	Tracing bool
	// Panics makes a killed Client panic with Killed{} instead of answering ErrKilled, so that its process stops at
	// once. Only for code that uses the Client from the goroutine that recovers.
	Panics bool

	store *Store
	hook  Hook

	mu      sync.Mutex
	killed  bool
	ops     int
	changes int
}

var _ objectstore.Bucket = (*Client)(nil)

// Client starts a process. The hook may be nil.
func (s *Store) Client(hook Hook) *Client { return &Client{store: s, hook: hook} }

// Kill ends the Client as SIGKILL does.
func (c *Client) Kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed = true
}

// Ops is the number of requests so far, and Changes of those that change the bucket.
func (c *Client) Ops() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ops
}

// Changes is the number of requests so far that change the bucket.
func (c *Client) Changes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

// begin counts a request.
func (c *Client) begin(r *request) (op Op, dead bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killed {
		return op, true
	}
	c.ops++
	op = Op{N: c.ops, Do: r.op, Name: r.key}
	if changes[r.op] {
		c.changes++
		op.Change = c.changes
		if c.Tracing {
			c.Trace = append(c.Trace, op.String())
		}
	}
	return op, false
}

func (c *Client) dead() error {
	if c.Panics {
		panic(Killed{})
	}
	return ErrKilled
}

// call makes a request; refused is what 412 means to it.
func (c *Client) call(ctx context.Context, r *request, refused error) (answer, Fault, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, Fault{}, c.fail(r, answer{}, refused, context.Cause(ctx))
	}
	op, dead := c.begin(r)
	if dead {
		return answer{}, Fault{}, c.dead()
	}
	var f Fault
	if c.hook != nil {
		f = c.hook(op)
	}
	c.mu.Lock()
	dead = c.killed
	c.killed = dead || f.Kill
	c.mu.Unlock()
	if dead {
		return answer{}, f, c.dead()
	}
	a, delivered := c.store.serve(r, f)
	switch {
	case f.Kill:
		return a, f, c.dead()
	case f.Silent:
		<-ctx.Done()
		return a, f, c.fail(r, answer{}, refused, context.Cause(ctx))
	case !delivered:
		return a, f, c.fail(r, answer{}, refused, io.ErrUnexpectedEOF)
	case a.code != "" || a.status >= 400:
		return a, f, c.fail(r, a, refused, nil)
	}
	return a, f, nil
}

func (c *Client) fail(r *request, a answer, refused, err error) error {
	e := &objectstore.Error{Op: r.op, Place: c.URI(r.key), Status: a.status, Code: a.code, Err: err}
	canceled := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	means := objectstore.Meaning(a.status, a.code, refused)
	if means != nil && !canceled {
		e.Means = append(e.Means, means)
	}
	if changes[r.op] && (canceled || means == objectstore.ErrUnreachable) {
		e.Means = append(e.Means, objectstore.ErrAmbiguous)
	}
	return e
}

// PutIfAbsent implements objectstore.Bucket.
func (c *Client) PutIfAbsent(ctx context.Context, name string, data []byte) (string, error) {
	return c.put(ctx, &request{op: "PutObject", key: name, body: data, ifAbsent: true}, objectstore.ErrExist)
}

// PutIfMatch implements objectstore.Bucket.
func (c *Client) PutIfMatch(ctx context.Context, name string, data []byte, etag string) (string, error) {
	return c.put(ctx, &request{op: "PutObject", key: name, body: data, ifMatch: etag}, objectstore.ErrChanged)
}

func (c *Client) put(ctx context.Context, r *request, refused error) (string, error) {
	sum := sha256.Sum256(r.body)
	r.body, r.sum = bytes.Clone(r.body), &sum
	a, _, err := c.call(ctx, r, refused)
	return a.etag, err
}

// Get implements objectstore.Bucket.
func (c *Client) Get(ctx context.Context, name string) ([]byte, objectstore.Info, error) {
	body, info, err := c.GetRange(ctx, name, 0, -1, "")
	if err != nil {
		return nil, info, err
	}
	data, err := io.ReadAll(body)
	return data, info, err
}

// GetRange implements objectstore.Bucket.
func (c *Client) GetRange(ctx context.Context, name string, from, n int64, etag string) (io.ReadCloser, objectstore.Info, error) {
	r := &request{op: "GetObject", key: name, ifMatch: etag}
	a, f, err := c.call(ctx, r, objectstore.ErrChanged)
	if err != nil {
		return nil, objectstore.Info{}, err
	}
	size := int64(len(a.object.data))
	if from > 0 && from >= size || n == 0 {
		return nil, objectstore.Info{}, c.fail(r, refuse(416, "InvalidRange"), nil, nil)
	}
	if n < 0 || from+n > size {
		n = size - from
	}
	data := a.object.data[from : from+n]
	var end error = io.EOF
	if f.Cut {
		data, end = data[:n/2], c.fail(r, answer{}, nil, io.ErrUnexpectedEOF)
	}
	return &body{bytes.NewReader(data), end}, a.info(), nil
}

// body gives bytes and then its end.
type body struct {
	*bytes.Reader
	end error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = b.end
	}
	return n, err
}

// WriteTo hides that of the Reader, which would end without the error.
func (b *body) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{b}) }

func (*body) Close() error { return nil }

// info tells about the answer's object.
func (a answer) info() objectstore.Info {
	return objectstore.Info{
		Name: a.key, Size: int64(len(a.object.data)), ETag: a.object.etag, Modified: a.object.modified, Checksum: a.object.checksum,
	}
}

// Head implements objectstore.Bucket.
func (c *Client) Head(ctx context.Context, name string) (objectstore.Info, error) {
	a, _, err := c.call(ctx, &request{op: "HeadObject", key: name}, nil)
	if err != nil {
		return objectstore.Info{}, err
	}
	return a.info(), nil
}

// List implements objectstore.Bucket.
func (c *Client) List(ctx context.Context, prefix, after string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		for {
			a, _, err := c.call(ctx, &request{op: "ListObjectsV2", key: prefix, after: after}, nil)
			if err != nil {
				yield(objectstore.Info{}, err)
				return
			}
			for _, o := range a.objects {
				if !yield(o, nil) {
					return
				}
				after = o.Name
			}
			if !a.more {
				return
			}
		}
	}
}

// Delete implements objectstore.Bucket.
func (c *Client) Delete(ctx context.Context, name string) error {
	_, _, err := c.call(ctx, &request{op: "DeleteObject", key: name}, nil)
	return err
}

// CreateUpload implements objectstore.Bucket.
func (c *Client) CreateUpload(ctx context.Context, name string) (objectstore.Upload, error) {
	a, _, err := c.call(ctx, &request{op: "CreateMultipartUpload", key: name}, nil)
	if err != nil {
		return objectstore.Upload{}, err
	}
	return objectstore.Upload{Name: name, ID: a.upload}, nil
}

// UploadPart implements objectstore.Bucket.
func (c *Client) UploadPart(
	ctx context.Context, u objectstore.Upload, number int, body io.ReadSeeker, size int64, sum [32]byte,
) (objectstore.Part, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(body, data); err != nil {
		return objectstore.Part{}, err
	}
	a, _, err := c.call(ctx, &request{op: "UploadPart", key: u.Name, upload: u.ID, part: number, body: data, sum: &sum}, nil)
	if err != nil {
		return objectstore.Part{}, err
	}
	return objectstore.Part{Number: number, Size: size, ETag: a.etag, SHA256: sum}, nil
}

// ListUploads implements objectstore.Bucket.
func (c *Client) ListUploads(ctx context.Context, prefix string) iter.Seq2[objectstore.Upload, error] {
	return func(yield func(objectstore.Upload, error) bool) {
		var last objectstore.Upload
		for {
			r := &request{op: "ListMultipartUploads", key: prefix, after: last.Name, upload: last.ID}
			a, _, err := c.call(ctx, r, nil)
			if err != nil {
				yield(objectstore.Upload{}, err)
				return
			}
			for _, last = range a.uploads {
				if !yield(last, nil) {
					return
				}
			}
			if !a.more {
				return
			}
		}
	}
}

// ListParts implements objectstore.Bucket.
func (c *Client) ListParts(ctx context.Context, u objectstore.Upload) ([]objectstore.Part, error) {
	var parts []objectstore.Part
	for {
		r := &request{op: "ListParts", key: u.Name, upload: u.ID}
		if len(parts) > 0 {
			r.part = parts[len(parts)-1].Number
		}
		a, _, err := c.call(ctx, r, nil)
		if err != nil {
			return nil, err
		}
		parts = append(parts, a.parts...)
		if !a.more {
			return parts, nil
		}
	}
}

// Complete implements objectstore.Bucket.
func (c *Client) Complete(ctx context.Context, u objectstore.Upload, parts []objectstore.Part) (string, error) {
	r := &request{op: "CompleteMultipartUpload", key: u.Name, upload: u.ID, complete: parts, ifAbsent: true}
	a, _, err := c.call(ctx, r, objectstore.ErrExist)
	return a.etag, err
}

// Abort implements objectstore.Bucket.
func (c *Client) Abort(ctx context.Context, u objectstore.Upload) error {
	_, _, err := c.call(ctx, &request{op: "AbortMultipartUpload", key: u.Name, upload: u.ID}, nil)
	if errors.Is(err, objectstore.ErrNoUpload) {
		return nil
	}
	return err
}

// URI implements objectstore.Bucket.
func (c *Client) URI(name string) string { return "s3://simulated/" + name }
