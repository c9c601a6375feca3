package dump

import (
	"context"
	"errors"
	"io"

	"chatferry"
)

// cutter cuts one file into records.
type cutter interface {
	// next cuts the next record. It returns io.EOF when the file holds no more, however it ended.
	next(ctx context.Context, in *input) (piece, error)
}

// ended reports whether err is an end of the flow rather than a failure.
func ended(err error) bool { return err == io.EOF || errors.Is(err, errCut) }

const (
	reasonTooLong = "the record is longer than the limit"
	reasonCut     = "the compressed stream is damaged inside the record"
	reasonEnd     = "the file ends inside the record"
)

// trimmed returns the length of b without white space at its end.
func trimmed(b []byte) int {
	n := len(b)
	for n > 0 && isWhite(b[n-1]) {
		n--
	}
	return n
}

// opaque makes one Reject of a whole file.
type opaque struct {
	reason string
	done   bool
}

func (o *opaque) next(ctx context.Context, in *input) (piece, error) {
	if o.done {
		return piece{}, io.EOF
	}
	o.done = true
	return in.swallow(ctx, chatferry.CodeStructure, o.reason, everything)
}
