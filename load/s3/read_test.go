package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"chatferry"
	"chatferry/checkpoint/objectstore/sims3"
	"chatferry/load"
)

const block = 2 << 20

// stored is a published file in a simulated bucket.
type stored struct {
	sim  *sims3.Store
	name string
	data []byte
	gets atomic.Int64
	hook func(get int) sims3.Fault // of the n-th GetObject, from 1; may be nil
}

func newStored(t *testing.T, size int) *stored {
	t.Helper()
	const seed = 7
	s := &stored{sim: sims3.New(), name: load.LedgerName(7, 1), data: make([]byte, size)}
	rand.NewChaCha8([32]byte{seed}).Read(s.data) // never fails
	if _, err := s.sim.Client(nil).PutIfAbsent(t.Context(), s.name, s.data); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stored) open(t *testing.T, ctx context.Context) load.ReadFile {
	t.Helper()
	bucket := s.sim.Client(func(op sims3.Op) sims3.Fault {
		if op.Do != "GetObject" {
			return sims3.Fault{}
		}
		n := s.gets.Add(1)
		if s.hook == nil {
			return sims3.Fault{}
		}
		return s.hook(int(n))
	})
	f, err := newStore(t, bucket, t.TempDir()).Open(ctx, s.name)
	if err != nil {
		t.Fatal(err)
	}
	if f.Size() != int64(len(s.data)) {
		t.Errorf("size %d, it is %d", f.Size(), len(s.data))
	}
	return f
}

// Whatever pieces are asked for, in whatever order, are those of the object.
func TestReadPieces(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 0))
	for _, size := range []int{0, 1, block - 1, block, block + 1, 21*block + 5} {
		s := newStored(t, size)
		f := s.open(t, t.Context())
		for range 200 {
			off := r.IntN(size + 2)
			p := make([]byte, r.IntN(1<<uint(r.IntN(23))))
			n, err := f.ReadAt(p, int64(off))
			want := s.data[min(off, size):min(off+len(p), size)]
			if !bytes.Equal(p[:n], want) || (err == nil) != (len(want) == len(p)) || err != nil && err != io.EOF {
				t.Fatalf("%d bytes of %d from %d on: got %d, wanted %d: %v", len(p), size, off, n, len(want), err)
			}
		}
		if got, err := io.ReadAll(f); !bytes.Equal(got, s.data) || err != nil {
			t.Errorf("%d bytes of %d were read: %v", len(got), size, err)
		}
		if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
			t.Error("a byte before the first was read")
		}
		for range 2 {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := f.ReadAt(make([]byte, 1), 0); size > 0 && (err == nil || err == io.EOF) {
			t.Errorf("a closed file was read: %v", err)
		}
	}
}

// Small pieces of the columns of a row group, which lie side by side and are read in turn, are fetched once.
func TestReadColumnsInTurn(t *testing.T) {
	const group, columns, piece = 15 * block, 23, 16 << 10
	s := newStored(t, 2*group)
	f := s.open(t, t.Context())
	for g := range 2 {
		for at := 0; at < group/columns; at += piece {
			for c := range columns {
				off := g*group + c*group/columns + at
				p := make([]byte, min(piece, group/columns-at))
				if _, err := f.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, s.data[off:off+len(p)]) {
					t.Fatalf("%d bytes from %d on: %v", len(p), off, err)
				}
			}
		}
	}
	if got := s.gets.Load(); got != 2*group/block {
		t.Errorf("%d blocks were fetched, the file has %d", got, 2*group/block)
	}
}

func TestReadByMany(t *testing.T) {
	s := newStored(t, 4*block+1)
	f := s.open(t, t.Context())
	var wg sync.WaitGroup
	for at := range 8 {
		wg.Go(func() {
			off := at * block / 2
			p := make([]byte, block)
			n, err := f.ReadAt(p, int64(off))
			if err != nil && err != io.EOF || !bytes.Equal(p[:n], s.data[off:min(off+block, len(s.data))]) {
				t.Errorf("%d bytes from %d on: %v", n, off, err)
			}
		})
	}
	wg.Wait()
	if got := s.gets.Load(); got != 5 {
		t.Errorf("%d blocks were fetched", got)
	}
}

// A body that breaks off is asked for again from there; one that brings nothing for ever is an error.
func TestReadBodiesThatBreakOff(t *testing.T) {
	s := newStored(t, 3*block+1)
	s.hook = func(get int) sims3.Fault { return sims3.Fault{Cut: get%3 > 0} }
	if got, err := io.ReadAll(s.open(t, t.Context())); !bytes.Equal(got, s.data) || err != nil {
		t.Errorf("%d bytes of %d were read: %v", len(got), len(s.data), err)
	}
	s.hook = func(int) sims3.Fault { return sims3.Fault{Cut: true} }
	if _, err := io.ReadAll(s.open(t, t.Context())); chatferry.KindOf(err) != chatferry.KindTemporary {
		t.Errorf("bodies that always break off: %v", err)
	}
}

// All that is read is of one version of the object.
func TestReadOneVersion(t *testing.T) {
	for what, change := range map[string]func(*stored) error{
		"removed": func(s *stored) error { return s.sim.Client(nil).Delete(t.Context(), s.name) },
		"replaced": func(s *stored) error {
			b := s.sim.Client(nil)
			if err := b.Delete(t.Context(), s.name); err != nil {
				return err
			}
			_, err := b.PutIfAbsent(t.Context(), s.name, bytes.Repeat([]byte("x"), len(s.data)))
			return err
		},
	} {
		s := newStored(t, 2*block)
		f := s.open(t, t.Context())
		if _, err := f.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := change(s); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(f); chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Errorf("an object that was %s while it was read: %v", what, err)
		}
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	s := newStored(t, 2*block)
	ctx, cancel := context.WithCancel(t.Context())
	f := s.open(t, ctx)
	cancel()
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) || chatferry.KindOf(err) != chatferry.KindUnexpected {
		t.Errorf("kind %d: %v", chatferry.KindOf(err), err)
	}
}
