package load

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"hash/maphash"
	"io"

	"chatferry"
)

// hashingSink is what encoders write to. It remembers the first error for ever, since the Parquet writer does not: every
// later Write fails with it, and whoever finishes the file asks err. It counts and hashes the bytes that were taken.
//
// It is deliberately no io.Closer: the Parquet writer closes its sink if it can, and the file must be made durable first.
type hashingSink struct {
	w     io.Writer
	n     int64
	sum   hash.Hash
	print maphash.Hash // by which the read-back knows the bytes again
	err   error
}

// printSeed is that of the hashes that never leave the process.
var printSeed = maphash.MakeSeed()

func newHashingSink(w io.Writer) *hashingSink {
	s := &hashingSink{w: w, sum: sha256.New()}
	s.print.SetSeed(printSeed)
	return s
}

// Write implements io.Writer. A short write without an error is an error.
func (s *hashingSink) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	switch {
	case n < 0 || n > len(p):
		s.err = fmt.Errorf("the file took %d of %d bytes", n, len(p))
		return 0, s.err
	case err == nil && n < len(p):
		err = io.ErrShortWrite
	}
	s.n += int64(n)
	s.sum.Write(p[:n])
	s.print.Write(p[:n])
	s.err = err
	return n, err
}

// sha256 returns the sum of the bytes written so far.
func (s *hashingSink) sha256() (sum chatferry.SHA256) {
	s.sum.Sum(sum[:0])
	return sum
}
