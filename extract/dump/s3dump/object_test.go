package s3dump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatferry"
	"chatferry/checkpoint/objectstore"
)

// Whatever a connection gives before it breaks is not asked for again, and what it did not give is.
func TestReadGoesOnWhereItBroke(t *testing.T) {
	content := lines(600)
	for _, after := range []int{1, 2, 3, 7, 64, 599, len(content) - 1, 1 << 20} {
		for _, piece := range []int{1, 5, 1 << 16} {
			t.Run(fmt.Sprintf("after=%d/piece=%d", after, piece), func(t *testing.T) {
				s := newShelf(map[string]string{"d/chats.json": content})
				s.flow = everyAfter(after)
				store := open(t, s, "d")
				f := listOne(t, store)
				o, err := store.Open(t.Context(), f, 0)
				if err != nil {
					t.Fatal(err)
				}
				got, err := readAll(o, piece)
				if err != nil || got != content {
					t.Fatalf("read %d bytes of %d, equal %t, %v", len(got), len(content), got == content, err)
				}
				if want := (len(content) + after - 1) / after; s.requests != want {
					t.Errorf("%d requests, want %d", s.requests, want)
				}
			})
		}
	}
}

// From every byte the rest of the object comes, and behind its end nothing.
func TestOpenAtEveryByte(t *testing.T) {
	content := lines(200)
	s := newShelf(map[string]string{"chats.json": content})
	store := open(t, s, "")
	f := listOne(t, store)
	for from := range int64(len(content)) + 1 {
		o, err := store.Open(t.Context(), f, from)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(o, 11); err != nil || got != content[from:] {
			t.Fatalf("from %d: %q, %v", from, got, err)
		}
	}
	if s.requests != len(content) {
		t.Errorf("%d requests for bytes, want %d: at the end there are none", s.requests, len(content))
	}
}

// A body that ends early is a broken connection, not the end of the file.
func TestTruncatedBody(t *testing.T) {
	content := lines(300)
	s := newShelf(map[string]string{"chats.json": content})
	s.flow = func(r io.Reader) io.Reader { return io.LimitReader(r, 50) }
	o, err := open(t, s, "chats.json").Open(t.Context(), listOne(t, open(t, s, "chats.json")), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(o, 64); err != nil || got != content {
		t.Errorf("%d bytes of %d, %v", len(got), len(content), err)
	}
}

// What the store's client says behind the last byte, that the checksum is wrong, counts as much as the bytes.
func TestWrongAsAWhole(t *testing.T) {
	content := lines(300)
	for _, piece := range []int{1, 7, len(content), 1 << 16} {
		s := newShelf(map[string]string{"chats.json": content})
		s.flow = func(r io.Reader) io.Reader { return io.MultiReader(r, &breaks{strings.NewReader("more"), 0, errReset}) }
		store := open(t, s, "")
		o, err := store.Open(t.Context(), listOne(t, store), 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = readAll(o, piece)
		if chatferry.KindOf(err) != chatferry.KindTemporary || !strings.Contains(fmt.Sprint(err), "behind its last byte") {
			t.Errorf("pieces of %d: %v, want an error of KindTemporary", piece, err)
		}
		s.flow = func(r io.Reader) io.Reader { return io.MultiReader(r, strings.NewReader("more")) }
		if o, err = store.Open(t.Context(), listOne(t, store), 0); err != nil {
			t.Fatal(err)
		}
		if _, err = readAll(o, piece); !strings.Contains(fmt.Sprint(err), "more than the object holds") {
			t.Errorf("pieces of %d: %v, want an error", piece, err)
		}
	}
}

// Connections that bring nothing are given up after a while, and the error says where; one byte more begins the count anew.
func TestGivesUpWithoutProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(map[string]string{"d/chats.json": lines(300)})
		store := open(t, s, "d")
		f := listOne(t, store)
		o, err := store.Open(t.Context(), f, 0)
		if err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 100)
		if _, err := io.ReadFull(o, head); err != nil {
			t.Fatal(err)
		}
		n := 0
		s.flow = func(r io.Reader) io.Reader { // every fifth connection brings a byte, four times; then none does
			n++
			if n <= 20 && n%5 == 0 {
				return &breaks{r, 1, errReset}
			}
			return &breaks{r, 0, errReset}
		}
		o2, err := store.Open(t.Context(), f, 100)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		got, err := readAll(o2, 64)
		if len(got) != 4 || n != 20+maxTries-1 {
			t.Errorf("read %d bytes over %d connections, want 4 over %d", len(got), n, 20+maxTries-1)
		}
		if chatferry.KindOf(err) != chatferry.KindTemporary || !errors.Is(err, objectstore.ErrUnreachable) {
			t.Errorf("%v has Kind %d, want KindTemporary", err, chatferry.KindOf(err))
		}
		for _, part := range []string{"read dump file chats.json: from byte 104 on", "s3://bucket/chats.json", "10 connections", "connection reset by peer"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
		if waited := time.Since(begun); waited < 10*time.Second || waited > 2*time.Minute {
			t.Errorf("it waited for %s", waited)
		}
		o.Close()
	})
}

// What waits ends with its context, with the cause of that, whether it waits for bytes, for an answer or for its next try.
func TestReadEndsWithItsContext(t *testing.T) {
	cause := &chatferry.Error{Kind: chatferry.KindStopped, Op: "stopped"}
	for _, tt := range []struct {
		name string
		flow func(context.Context, io.Reader) io.Reader
	}{
		{"silent", func(ctx context.Context, _ io.Reader) io.Reader { return silence{ctx} }},
		{"between tries", func(_ context.Context, r io.Reader) io.Reader { return &breaks{r, 0, errReset} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				s := newShelf(map[string]string{"chats.json": lines(300)})
				s.flow = func(r io.Reader) io.Reader { return tt.flow(ctx, r) }
				store := open(t, s, "")
				f := listOne(t, store)
				ended := make(chan struct{})
				o, err := store.Open(ctx, f, 0)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					defer close(ended)
					if _, err := o.Read(make([]byte, 10)); !errors.Is(err, cause) {
						t.Errorf("%v, want the cause", err)
					}
				}()
				synctest.Wait()
				cancel(cause)
				<-ended
				if err := o.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Close ends a Read that waits.
func TestCloseEndsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(map[string]string{"chats.json": lines(300)})
		s.flow = everyAfter(0)
		store := open(t, s, "")
		o, err := store.Open(t.Context(), listOne(t, store), 0)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			_, err := o.Read(make([]byte, 10))
			ended <- err
		}()
		synctest.Wait()
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, os.ErrClosed) {
			t.Errorf("%v, want os.ErrClosed", err)
		}
		if _, err := o.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%v, want os.ErrClosed", err)
		}
	})
}

// silence is a body on whose connection nothing moves.
type silence struct{ ctx context.Context }

func (s silence) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// An object that becomes another one, or is removed, while it is read is an error that names it. No byte of the new
// version comes.
func TestChangedWhileRead(t *testing.T) {
	first := lines(400)
	second := strings.ReplaceAll(first, "x", "y")
	for _, tt := range []struct {
		name   string
		change func(s *shelf)
		says   string
	}{
		{"replaced", func(s *shelf) { s.put("d/chats.json", second) }, `its ETag was "v0" when it was listed and is another now`},
		{"shorter", func(s *shelf) { s.put("d/chats.json", second[:10]) }, `its ETag was "v0"`},
		{"removed", func(s *shelf) { s.remove("d/chats.json") }, "it is gone"},
		{"replaced, and the store overlooks it", func(s *shelf) {
			s.put("d/chats.json", second)
			s.blind = true
		}, `its ETag was "v0" when it was listed and is "v1" now`},
		{"longer, with the same ETag", func(s *shelf) {
			s.objects["d/chats.json"] = first + second
		}, fmt.Sprintf("it had %d bytes when it was listed and has %d now", len(first), 2*len(first))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for at := range len(first) {
				s := newShelf(map[string]string{"d/chats.json": first})
				s.flow = everyAfter(at)
				store := open(t, s, "d")
				f := listOne(t, store)
				o, err := store.Open(t.Context(), f, 0)
				if err != nil {
					t.Fatal(err)
				}
				tt.change(s)
				got, err := readAll(o, 1000)
				if got != first[:at] {
					t.Fatalf("read %q, want the first %d bytes", got, at)
				}
				if chatferry.KindOf(err) != chatferry.KindIncompatible || !strings.Contains(err.Error(), "chats.json: "+tt.says) {
					t.Fatalf("%v, want an error of KindIncompatible that says %q", err, tt.says)
				}
				for _, from := range []int64{0, f.Size} {
					if _, err := store.Open(t.Context(), f, from); chatferry.KindOf(err) != chatferry.KindIncompatible {
						t.Fatalf("open from %d: %v", from, err)
					}
				}
			}
		})
	}
}

// A version that is being read stays what it was, so that nobody need ask.
func TestUnchangedIsFree(t *testing.T) {
	s := newShelf(map[string]string{"chats.json": lines(100)})
	store := open(t, s, "")
	o, err := store.Open(t.Context(), listOne(t, store), 0)
	if err != nil {
		t.Fatal(err)
	}
	s.meet = func(_ *shelf, request string) { t.Errorf("%s was asked for", request) }
	s.put("chats.json", lines(200))
	if err := o.Unchanged(); err != nil {
		t.Error(err)
	}
	if got, err := readAll(o, 100); err != nil || got != lines(100) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// Every way in which a store refuses keeps its Kind, names the place, and says what to do.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		means error
		kind  chatferry.Kind
		hint  map[string]string // by operation
	}{
		{objectstore.ErrDenied, chatferry.KindEnvironment, map[string]string{"ListObjectsV2": "s3:ListBucket", "GetObject": "s3:GetObject", "HeadObject": "s3:GetObject"}},
		{objectstore.ErrNoBucket, chatferry.KindEnvironment, map[string]string{"ListObjectsV2": "bucket"}},
		{objectstore.ErrRegion, chatferry.KindEnvironment, map[string]string{"ListObjectsV2": "region"}},
		{objectstore.ErrCredentials, chatferry.KindEnvironment, map[string]string{"ListObjectsV2": "credentials", "GetObject": "credentials"}},
		{objectstore.ErrHost, chatferry.KindEnvironment, map[string]string{"ListObjectsV2": "endpoint"}},
		{objectstore.ErrUnreachable, chatferry.KindTemporary, map[string]string{"ListObjectsV2": "resume", "GetObject": "resume", "HeadObject": "resume"}},
	} {
		for op, hint := range tt.hint {
			t.Run(fmt.Sprint(op, " ", tt.means), func(t *testing.T) {
				s := newShelf(map[string]string{"d/chats.json": lines(10), "one.json": "{}"})
				s.deny = func(o, name string) error {
					if o != op {
						return nil
					}
					return &objectstore.Error{Op: o, Place: s.URI(name), Means: []error{tt.means}}
				}
				err := through(t.Context(), s, op)
				if chatferry.KindOf(err) != tt.kind || !errors.Is(err, tt.means) {
					t.Fatalf("%v has Kind %d, want %d", err, chatferry.KindOf(err), tt.kind)
				}
				if got := chatferry.HintOf(err); !strings.Contains(got, hint) {
					t.Errorf("the hint is %q, want one that names %s", got, hint)
				}
				if !strings.Contains(err.Error(), "s3://bucket/") || strings.Contains(err.Error(), "\n") {
					t.Errorf("%q is not one sentence that names the place", err)
				}
			})
		}
	}
}

// through makes the calls of a run until one fails: of a folder, or, to meet HeadObject, of a file.
func through(ctx context.Context, s *shelf, op string) error {
	place := "d"
	if op == "HeadObject" {
		place = "one.json"
	}
	store, err := Open(ctx, s, place)
	if err != nil {
		return err
	}
	files, _, err := store.List(ctx, everywhere)
	if err != nil {
		return err
	}
	o, err := store.Open(ctx, files[0], 0)
	if err != nil {
		return err
	}
	_, err = readAll(o, 100)
	return err
}
