package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"

	"chatferry"
	"chatferry/load/chunk"
)

// partFile is one file of a Part or a Replacement while it is built.
type partFile interface {
	// finish writes what is left to write.
	finish() error
	// file is where it lies.
	file() Staging
	// made is what was written.
	made() chatferry.PartFile
	// through is what it was written through.
	through() *hashingSink
	// compare decodes a finished file and compares it with what was written. It may leave what it does not decode.
	compare(ctx context.Context, r *sweep) error
}

// readBack reads a finished file, compares it with what was written and closes it.
func readBack(ctx context.Context, f partFile, r ReadFile) (chatferry.PartFile, error) {
	made := f.made()
	s := sweeps.Get().(*sweep)
	s.begin(r, r.Size())
	defer sweeps.Put(s)
	err := recovered(func() error {
		if r.Size() != made.Size {
			return fmt.Errorf("%d bytes instead of %d", r.Size(), made.Size)
		}
		if err := f.compare(ctx, s); err != nil {
			return err
		}
		return s.end(f.through())
	})
	s.in = nil
	if err != nil {
		return made, errors.Join(readBackError(made.Name, err), r.Close())
	}
	return made, r.Close()
}

// sweep reads all bytes of a file once and in order, and hashes them on the way. What it is compared with is not the
// SHA-256 that the log has but a hash of the same bytes that costs a tenth of it and is worth as much here: nobody can
// know its seed.
type sweep struct {
	in   io.ReaderAt
	at   int64 // in the file, of the end of b
	size int64
	b    []byte
	gave int // of b
	sum  maphash.Hash

	columns *chunk.Reader
}

var sweeps = sync.Pool{New: func() any {
	s := &sweep{columns: chunk.NewReader(appendDecoded)}
	s.sum.SetSeed(printSeed)
	return s
}}

// sweepBytes is how much is read at a time.
const sweepBytes = 256 << 10

func (s *sweep) begin(in io.ReaderAt, size int64) {
	if cap(s.b) > 32*sweepBytes { // a giant value made it larger than others need it
		s.b = nil
	}
	s.in, s.size, s.at, s.b, s.gave = in, size, 0, s.b[:0], 0
	s.sum.Reset()
}

// place is where the next byte lies.
func (s *sweep) place() int64 { return s.at - int64(len(s.b)-s.gave) }

// next returns the next n bytes of the file. They are valid until the next call.
func (s *sweep) next(n int64) ([]byte, error) {
	ahead := s.size - s.place()
	if n < 0 || n > ahead {
		return nil, fmt.Errorf("%d bytes at %d of a file of %d", n, s.place(), s.size)
	}
	if left := len(s.b) - s.gave; int64(left) < n {
		copy(s.b, s.b[s.gave:])
		s.b, s.gave = extend(s.b[:left], int(min(max(n, sweepBytes), ahead))-left), 0
		more := s.b[left:]
		if had, err := s.in.ReadAt(more, s.at); had < len(more) {
			return nil, cmp.Or(err, io.ErrUnexpectedEOF)
		}
		s.sum.Write(more)
		s.at += int64(len(more))
	}
	out := s.b[s.gave:][:n]
	s.gave += int(n)
	return out, nil
}

// Read implements io.Reader.
func (s *sweep) Read(p []byte) (int, error) {
	n := min(int64(len(p)), sweepBytes, s.size-s.place())
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	b, err := s.next(n)
	return copy(p, b), err
}

// end reads what is left and compares all bytes with those that were written.
func (s *sweep) end(written *hashingSink) error {
	for s.place() < s.size {
		if _, err := s.next(min(sweepBytes, s.size-s.place())); err != nil {
			return err
		}
	}
	if s.sum.Sum64() != written.print.Sum64() {
		return errors.New("other bytes than were written")
	}
	return nil
}

// readBackError says that a file differs from what was written. The Batches are gone by then, so the file cannot be built
// again here: the Shard goes on from its last Checkpoint.
func readBackError(name string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if k := chatferry.KindOf(err); k != chatferry.KindUnexpected {
		return err
	}
	return &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: "read back", Place: name,
		Err:  fmt.Errorf("the disk did not give back what was written: %w", err),
		Hint: "check the disk, then resume; nothing of this Part was committed",
	}
}
