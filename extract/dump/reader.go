package dump

import (
	"context"
	"errors"
	"io"

	"chatferry"
)

// reader reads one Shard of a dump.
type reader struct {
	source *Source
	store  Store
	shard  *chatferry.Shard

	from  chatferry.Position // of the Page being built
	start place              // where the Shard was opened
	here  place              // the open file, or the next one

	in     input
	cutter cutter // nil: no file is open
	header []byte // of the CSV file that was opened last
	whole  *piece // the Reject that stands for all of the CSV file that was opened last

	inflate *inflater

	doubts   []placedDoubt // not yet given to a Page
	measured bool
	passed   int64 // stored bytes before from, once measured
	err      error
}

type placedDoubt struct {
	place place
	doubt chatferry.Doubt
}

// Next implements chatferry.Reader.
func (r *reader) Next(ctx context.Context) (*chatferry.Page, error) {
	if r.err != nil {
		return nil, r.err
	}
	p, err := r.next(ctx)
	if err != nil {
		r.err = err
		return nil, err
	}
	return p, nil
}

// Close implements chatferry.Reader.
func (r *reader) Close() error {
	err := r.closeFile()
	if r.inflate != nil {
		r.inflate.release()
		r.source.inflaters.Put(r.inflate)
		r.inflate = nil
	}
	if r.in.mem != nil {
		r.in.mem.free()
		r.in.mem = nil
	}
	if r.err == nil {
		r.err = errClosed
	}
	return err
}

var errClosed = errors.New("the reader is closed")

func (r *reader) next(ctx context.Context) (*chatferry.Page, error) {
	end := place{len(r.shard.Files), 0}
	if r.cutter == nil && r.here == end {
		return nil, io.EOF
	}
	cuts := r.source.cuts
	m := r.in.mem
	var raw int64
	for raw < cuts.PageBytes && len(m.pieces) < pageRecords {
		if r.cutter == nil {
			if r.here == end {
				break
			}
			if err := r.open(ctx); err != nil {
				return nil, err
			}
		}
		p, err := r.cut(ctx)
		r.listen()
		if err == io.EOF {
			if err := r.finish(); err != nil {
				return nil, err
			}
			if r.header != nil && len(m.pieces) > 0 {
				break // records under another header go into another Page
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if p.offset < r.start.at && r.here.file == r.start.file {
			r.in.drop(p)
			continue
		}
		p.file = r.here.file
		m.pieces = append(m.pieces, p)
		raw += p.size
	}
	if r.cutter != nil { // so that a file that changes while it is read is noticed before more of it is committed
		if err := r.in.flow.unchanged(); err != nil {
			return nil, err
		}
	}
	return r.page(raw), nil
}

func (r *reader) cut(ctx context.Context) (piece, error) {
	if p := r.whole; p != nil {
		r.whole = nil
		return *p, nil
	}
	return r.cutter.next(ctx, &r.in)
}

// page makes a Page of the pieces cut so far.
func (r *reader) page(raw int64) *chatferry.Page {
	after := r.here
	if r.cutter != nil {
		after.at = r.in.off
	}
	r.measure()
	stored := r.storedBefore(after)
	p := &chatferry.Page{Shard: r.shard, From: r.from, After: after.position(), RawBytes: raw, StoredBytes: stored - r.passed}
	r.from, r.passed = p.After, stored
	if r.cutter != nil {
		r.in.flow.forget(after.at)
	}

	m := r.in.mem
	for _, c := range m.pieces {
		m.records = append(m.records, chatferry.Record{
			Raw: m.buf[c.from:c.to:c.to], Offset: chatferry.FileOffset(c.file, c.offset), Fault: c.fault,
		})
	}
	p.Records, p.Free = m.records, m.free
	if len(m.records) > 0 {
		p.Header = r.header
	}
	kept := r.doubts[:0]
	for _, d := range r.doubts {
		if d.place.less(after) {
			p.Doubts = append(p.Doubts, d.doubt)
		} else {
			kept = append(kept, d)
		}
	}
	r.doubts = kept
	r.in.move(r.source.memory())
	return p
}
