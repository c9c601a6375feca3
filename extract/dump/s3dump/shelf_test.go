package s3dump

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/extract/dump"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is the reading half of a bucket, in memory, that counts its requests and fails as it is told.
type shelf struct {
	objectstore.Bucket // nil: nothing is written

	mu       sync.Mutex
	objects  map[string]string
	versions map[string]int
	after    []string // of every listing
	requests int      // for bytes

	page     int                            // names that a listing reads at once; 0: all
	pages    int                            // that were read
	unsorted bool                           // list in another order
	deny     func(op, name string) error    // nil: nothing
	flow     func(r io.Reader) io.Reader    // what becomes of a body
	answer   func(i *objectstore.Info)      // what becomes of what is told about an object
	blind    bool                           // overlook that an object must have an ETag
	meet     func(s *shelf, request string) // called before a request is answered
}

func newShelf(objects map[string]string) *shelf {
	return &shelf{objects: maps.Clone(objects), versions: map[string]int{}}
}

// put makes a new version of an object.
func (s *shelf) put(name, content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[name] = content
	s.versions[name]++
}

func (s *shelf) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, name)
}

func (s *shelf) URI(name string) string { return "s3://bucket/" + name }

func (s *shelf) info(name string) objectstore.Info {
	i := objectstore.Info{Name: name, Size: int64(len(s.objects[name])), ETag: fmt.Sprintf("%q", fmt.Sprint("v", s.versions[name]))}
	if s.answer != nil {
		s.answer(&i)
	}
	return i
}

// request begins a request.
func (s *shelf) request(ctx context.Context, op, name string) error {
	if s.meet != nil {
		s.meet(s, op)
	}
	if s.deny != nil {
		if err := s.deny(op, name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *shelf) List(ctx context.Context, prefix, after string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		s.after = append(s.after, after)
		names := slices.Sorted(maps.Keys(s.objects))
		if s.unsorted {
			slices.Reverse(names)
		}
		n := 0
		for _, name := range names {
			if !strings.HasPrefix(name, prefix) || name <= after {
				continue
			}
			if n == 0 || s.page > 0 && n%s.page == 0 {
				s.pages++
				if err := s.request(ctx, "ListObjectsV2", prefix); err != nil {
					yield(objectstore.Info{}, err)
					return
				}
			}
			if n++; !yield(s.info(name), nil) {
				return
			}
		}
	}
}

func (s *shelf) Head(ctx context.Context, name string) (objectstore.Info, error) {
	if err := s.request(ctx, "HeadObject", name); err != nil {
		return objectstore.Info{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[name]; !ok {
		return objectstore.Info{}, objectstore.ErrNotExist
	}
	return s.info(name), nil
}

func (s *shelf) GetRange(ctx context.Context, name string, from, n int64, etag string) (io.ReadCloser, objectstore.Info, error) {
	if err := s.request(ctx, "GetObject", name); err != nil {
		return nil, objectstore.Info{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	content, ok := s.objects[name]
	info := s.info(name)
	switch {
	case !ok:
		return nil, objectstore.Info{}, objectstore.ErrNotExist
	case s.blind:
	case info.ETag != etag:
		return nil, objectstore.Info{}, objectstore.ErrChanged
	}
	if n >= 0 || from < 0 || from >= int64(len(content)) {
		return nil, objectstore.Info{}, fmt.Errorf("a request for %d bytes from %d on of %d", n, from, len(content))
	}
	var body io.Reader = strings.NewReader(content[from:])
	if s.flow != nil {
		body = s.flow(body)
	}
	return &shelfBody{Reader: body, ctx: ctx}, info, nil
}

// shelfBody ends with its context, as the body of an answer does.
type shelfBody struct {
	io.Reader
	ctx    context.Context
	closed bool
}

func (b *shelfBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.closed {
		return 0, errors.New("read after close")
	}
	return b.Reader.Read(p)
}

func (b *shelfBody) Close() error {
	b.closed = true
	return errors.New("closing told a secret") // which nobody needs to know
}

// errReset is what a broken connection gives.
var errReset = &objectstore.Error{
	Op: "GetObject", Place: "s3://bucket/chats.json", Means: []error{objectstore.ErrUnreachable}, Err: errors.New("connection reset by peer"),
}

// breaks gives so many bytes, then an error unless that was all.
type breaks struct {
	r    io.Reader
	left int
	err  error
}

func (b *breaks) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if n, err := b.r.Read(p[:1]); n == 0 && err == io.EOF {
			return 0, io.EOF
		}
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// everyAfter breaks every body after so many bytes.
func everyAfter(n int) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader { return &breaks{r, n, errReset} }
}

func open(t *testing.T, bucket objectstore.Bucket, prefix string) *Store {
	t.Helper()
	store, err := Open(t.Context(), bucket, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func everywhere(string) bool { return true }

// listOne lists a place that holds one file.
func listOne(t *testing.T, store *Store) chatferry.File {
	t.Helper()
	files, ignored, err := store.List(t.Context(), everywhere)
	if err != nil || len(files) != 1 || len(ignored) != 0 {
		t.Fatalf("listed %v, passed over %v, %v", files, ignored, err)
	}
	return files[0]
}

// readAll reads an object to its end in pieces.
func readAll(o dump.Object, piece int) (string, error) {
	var b bytes.Buffer
	_, err := io.CopyBuffer(struct{ io.Writer }{&b}, struct{ io.Reader }{o}, make([]byte, piece))
	return b.String(), errors.Join(err, o.Close())
}

// lines makes an NDJSON file of about so many bytes, no two parts of which are equal.
func lines(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"id":"%d","text":"%s"}`+"\n", i, strings.Repeat("x", i%17))
	}
	return b.String()
}
