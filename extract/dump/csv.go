package dump

import (
	"bytes"
	"context"
	"io"

	"chatferry"
)

// rows cuts CSV: a record is a row without its line end. An empty line is none. Quotes are followed only as far as they
// decide where a row ends: a quote opens a field at its beginning, and in a quoted field two quotes are one.
type rows struct {
	limit  int64
	header []byte // after begin
	done   bool
}

// begin cuts the header. If that cannot be done, header is empty and what begin returns is the one Reject of the file.
func (c *rows) begin(ctx context.Context, in *input) (*piece, error) {
	c.header = []byte{}
	if err := c.skipEmpty(ctx, in); err != nil {
		c.done = true
		if err == io.EOF {
			return nil, nil
		}
		return nil, err
	}
	n, end, err := c.row(ctx, in, keptBytes)
	if err != nil {
		return nil, err
	}
	if end == rowOpen || end == rowLong || end == rowCut {
		c.done = true
		p, err := in.swallow(ctx, chatferry.CodeCSVHeader, "the header row does not end", everything)
		return &p, err
	}
	c.header = append(c.header, withoutCR(in.bytes()[:n])...)
	in.skip(n)
	if end == rowLine {
		in.skip(1)
	}
	return nil, nil
}

func (c *rows) next(ctx context.Context, in *input) (piece, error) {
	if c.done {
		return piece{}, io.EOF
	}
	if err := c.skipEmpty(ctx, in); err != nil {
		return piece{}, err
	}
	n, end, err := c.row(ctx, in, c.limit)
	if err != nil {
		return piece{}, err
	}
	if end == rowLong {
		return c.tooLong(ctx, in)
	}
	keep := len(withoutCR(in.bytes()[:n]))
	p := in.take(keep)
	in.skip(n - keep)
	switch end {
	case rowLine:
		in.skip(1)
	case rowCut:
		p.fault = &chatferry.Fault{Code: chatferry.CodeTruncated, Reason: reasonCut}
	case rowOpen:
		p.fault = &chatferry.Fault{Code: chatferry.CodeCSVRow, Reason: "a quoted field is not closed before the file ends"}
	}
	return p, nil
}

func withoutCR(b []byte) []byte { return bytes.TrimSuffix(b, []byte{'\r'}) }

// skipEmpty passes over empty lines, or returns io.EOF.
func (c *rows) skipEmpty(ctx context.Context, in *input) error {
	for {
		b := in.bytes()
		switch {
		case len(b) > 0 && b[0] == '\n':
			in.skip(1)
			continue
		case len(b) > 1 && b[0] == '\r' && b[1] == '\n':
			in.skip(2)
			continue
		case len(b) > 1 || len(b) == 1 && b[0] != '\r':
			return nil
		}
		err := in.more(ctx)
		if ended(err) && len(b) == 1 {
			in.skip(1)
		}
		if ended(err) {
			return io.EOF
		}
		if err != nil {
			return err
		}
	}
}

// rowEnd says how a row ends.
type rowEnd int

const (
	rowLine rowEnd = iota // with a line feed, which is not counted
	rowFile               // with the file
	rowOpen               // with the file, inside quotes
	rowCut                // where the compressed stream is cut
	rowLong               // beyond the limit
)

// row finds the end of the row that the window begins with.
func (c *rows) row(ctx context.Context, in *input, limit int64) (n int, end rowEnd, err error) {
	var q quotes
	for {
		m, done := q.scan(in.bytes()[n:])
		n += m
		if int64(n) > limit {
			return n, rowLong, nil
		}
		if done {
			return n, rowLine, nil
		}
		if err := in.more(ctx); err != nil {
			switch {
			case err != io.EOF && ended(err):
				return n, rowCut, nil
			case err != io.EOF:
				return n, 0, err
			case q.state == quotedField:
				return n, rowOpen, nil
			}
			return n, rowFile, nil
		}
	}
}

func (c *rows) tooLong(ctx context.Context, in *input) (piece, error) {
	var q quotes
	p, err := in.swallow(ctx, chatferry.CodeTooLong, reasonTooLong, q.scan)
	if err == nil && len(in.bytes()) > 0 {
		in.skip(1) // the line end
	}
	return p, err
}

// quotes finds the line feed that ends a row. It can be fed in pieces.
type quotes struct{ state quoteState }

type quoteState int

const (
	fieldStart  quoteState = iota
	bareField              // not quoted
	quotedField            // inside quotes
	quoteSeen              // behind a quote inside quotes: the end of the field, or half of a doubled one
)

func (q *quotes) scan(b []byte) (n int, done bool) {
	for i := 0; i < len(b); i++ {
		if q.state == quotedField {
			j := bytes.IndexByte(b[i:], '"')
			if j < 0 {
				return len(b), false
			}
			i += j
			q.state = quoteSeen
			continue
		}
		switch c := b[i]; {
		case c == '\n':
			return i, true
		case c == ',':
			q.state = fieldStart
		case c == '"' && (q.state == fieldStart || q.state == quoteSeen):
			q.state = quotedField
		default:
			q.state = bareField
		}
	}
	return len(b), false
}
