package dump

import (
	"bytes"
	"context"
	"io"

	"chatferry"
)

// lines cuts NDJSON: a record is a line without the white space around it. A line that is blank is none.
type lines struct {
	limit  int64 // of a record
	to     int64 // lines that begin at this byte or behind it belong to another Shard; 0: none do
	lineAt int64 // where the current line begins
}

// toLineStart passes over the rest of the line that the byte before in.off belongs to, unless a line begins at in.off.
// It is called with the window at the byte before.
func (l *lines) toLineStart(ctx context.Context, in *input) error {
	for {
		b := in.bytes()
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			in.skip(i + 1)
			break
		}
		in.skip(len(b))
		if in.off >= l.to {
			break
		}
		if err := in.more(ctx); ended(err) {
			break
		} else if err != nil {
			return err
		}
	}
	l.lineAt = in.off
	return nil
}

func (l *lines) next(ctx context.Context, in *input) (piece, error) {
	if err := l.skipBlank(ctx, in); err != nil {
		return piece{}, err
	}
	n := 0
	var err error
	for {
		b := in.bytes()
		if i := bytes.IndexByte(b[n:], '\n'); i >= 0 {
			n += i
			break
		}
		n = len(b)
		if int64(n) > l.limit {
			break
		}
		if err = in.more(ctx); err != nil {
			break
		}
	}
	if err != nil && !ended(err) {
		return piece{}, err
	}
	if int64(n) > l.limit {
		return l.tooLong(ctx, in)
	}
	keep := trimmed(in.bytes()[:n])
	p := in.take(keep)
	in.skip(n - keep)
	if err == nil {
		in.skip(1)
	} else if err != io.EOF {
		p.fault = &chatferry.Fault{Code: chatferry.CodeTruncated, Reason: reasonCut}
	}
	l.lineAt = in.off
	return p, nil
}

// skipBlank goes to the first byte of the next record, or returns io.EOF.
func (l *lines) skipBlank(ctx context.Context, in *input) error {
	for {
		b := in.bytes()
		n := 0
		for n < len(b) && isWhite(b[n]) {
			if b[n] == '\n' {
				l.lineAt = in.off + int64(n) + 1
			}
			n++
		}
		in.skip(n)
		if l.to > 0 && l.lineAt >= l.to {
			return io.EOF
		}
		if n < len(b) {
			return nil
		}
		if err := in.more(ctx); ended(err) {
			return io.EOF
		} else if err != nil {
			return err
		}
	}
}

// tooLong cuts a line that is longer than the limit, its white space included.
func (l *lines) tooLong(ctx context.Context, in *input) (piece, error) {
	p, err := in.swallow(ctx, chatferry.CodeTooLong, reasonTooLong, func(b []byte) (int, bool) {
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			return i, true
		}
		return len(b), false
	})
	if err == nil && len(in.bytes()) > 0 {
		in.skip(1) // the line end
	}
	l.lineAt = in.off
	return p, err
}
