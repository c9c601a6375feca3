package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"chatferry"
)

// SourceOptions say how a Source reads.
type SourceOptions struct {
	Cuts chatferry.Cuts // RecordBytes alone is used: a Page is an answer
	// Account is the fingerprint of the account that answers, as Plan found it. Shards of another one are refused.
	Account string
	// Formerly are fingerprints that a person has said to be of this account. AnyNumber: it has chats of several numbers.
	Formerly  []string
	AnyNumber bool
	// Origin is the scheme and host that answer, to notice links that lead elsewhere; "": not noticed. They are never
	// followed in either case.
	Origin string
	// PageLimit is how many records are asked for at once where the API lets that be chosen; 0: as many as it gives.
	PageLimit int
	// Readers open the Shards of further endpoints, by the endpoint's name: what cannot be read from the API alone.
	Readers map[string]OpenFunc
	// Sweeper is told what sweeps bring; may be nil.
	Sweeper *Sweeper
	// Wait waits until the API may be asked again for what is too new; nil waits by the clock.
	Wait func(context.Context, time.Duration) error
	Log  *slog.Logger // may be nil
}

// OpenFunc opens a Shard of one endpoint.
type OpenFunc func(get Getter, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error)

// Source opens the Shards of an account.
type Source struct {
	get Getter
	o   SourceOptions
}

var (
	_ chatferry.Source = (*Source)(nil)
	_ chatferry.Reader = (*reader)(nil)
)

// NewSource returns a Source that asks get.
func NewSource(get Getter, o SourceOptions) *Source {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wait == nil {
		o.Wait = Sleep
	}
	return &Source{get: get, o: o}
}

// Open implements chatferry.Source. It asks nothing yet.
func (s *Source) Open(_ context.Context, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	if shard.API == nil {
		return nil, &chatferry.Error{
			Kind: chatferry.KindIncompatible, Op: "open shard", Place: shard.ID.String(),
			Err:  errors.New("it is a piece of a dump, not of an account"),
			Hint: "name the dump that the dataset was begun with",
		}
	}
	if err := SameAccount(shard.API.Account, s.o.Account); err != nil && !slices.Contains(s.o.Formerly, shard.API.Account) {
		return nil, err
	}
	if open, ok := s.o.Readers[shard.API.Endpoint]; ok {
		return open(s.get, shard, from)
	}
	way, ok := endpointOf(shard.API.Endpoint)
	if !ok || way.stream != shard.Stream {
		return nil, &chatferry.Error{
			Kind: chatferry.KindIncompatible, Op: "open shard", Place: shard.ID.String(),
			Err:  fmt.Errorf("this version cannot read %s from %q", shard.Stream, shard.API.Endpoint),
			Hint: "resume with the version that began the dataset",
		}
	}
	q := &reading{source: s, shard: shard, way: way, log: s.o.Log.With("shard", shard.ID.String(), "endpoint", shard.API.Endpoint)}
	p, err := way.open(q, from)
	if err != nil {
		return nil, err
	}
	if from == "" && s.o.Sweeper != nil {
		s.o.Sweeper.began(shard)
	}
	return &reader{reading: q, pages: p, from: from}, nil
}

// pager is one way of paging.
type pager interface {
	// next returns the records of the next answer that has something to tell, or io.EOF when the Shard's end is proven.
	next(ctx context.Context) (*sheet, error)
}

// sheet is what an answer told.
type sheet struct {
	records [][]byte
	n       int64 // records of the Shard before these
	after   chatferry.Position
	doubts  []string
	absent  []string
}

// reading is what all pagers need while they read one Shard.
type reading struct {
	source *Source
	shard  *chatferry.Shard
	way    *route
	log    *slog.Logger

	requests  int64 // since the Page before, and so the others
	throttled time.Duration
	stored    int64
	foreign   bool // a link that leads elsewhere was told of
}

// limit is how many records to ask for, of at most most.
func (r *reading) limit(most int) int {
	if n := r.source.o.PageLimit; n > 0 {
		return min(n, most)
	}
	return most
}

// ask asks the API and counts what that costs.
func (r *reading) ask(ctx context.Context, path string, query url.Values, check func([]byte) error) (*Answer, error) {
	a, err := r.source.get.Get(ctx, path, query, check)
	if err != nil {
		if status := (*StatusError)(nil); errors.As(err, &status) {
			r.requests++
		}
		return nil, err
	}
	r.requests += int64(a.Requests)
	r.throttled += a.Throttled
	r.stored += int64(len(a.Body))
	return a, nil
}

// demand asks for what the Stream cannot do without.
func (r *reading) demand(ctx context.Context, path string, query url.Values, check func([]byte) error) (*Answer, error) {
	a, err := r.ask(ctx, path, query, check)
	if err != nil {
		return nil, refusal(r.shard.Stream, path, err)
	}
	return a, nil
}

// reader makes Pages of what a pager reads.
type reader struct {
	*reading
	pages pager
	from  chatferry.Position
	err   error
}

var errClosed = errors.New("the reader is closed")

// Next implements chatferry.Reader. The end of ctx leaves the Reader usable.
func (r *reader) Next(ctx context.Context) (*chatferry.Page, error) {
	if r.err != nil {
		return nil, r.err
	}
	s, err := r.pages.next(ctx)
	if err != nil {
		if err == io.EOF || ctx.Err() == nil {
			r.err = err
		}
		return nil, err
	}
	if o := &r.source.o; r.shard.Stream == chatferry.Chats && !o.AnyNumber {
		if r.err = checkChats(s.records, o.Account, o.Formerly); r.err != nil {
			return nil, r.err
		}
	}
	return r.page(s), nil
}

// Close implements chatferry.Reader.
func (r *reader) Close() error {
	if r.err == nil {
		r.err = errClosed
	}
	return nil
}

func (r *reader) page(s *sheet) *chatferry.Page {
	p := &chatferry.Page{
		Shard: r.shard, From: r.from, After: s.after, Absent: s.absent,
		Requests: r.requests, ThrottledMS: r.throttled.Milliseconds(), StoredBytes: r.stored,
	}
	r.from = s.after
	r.throttled -= time.Duration(p.ThrottledMS) * time.Millisecond
	r.requests, r.stored = 0, 0
	p.Records = make([]chatferry.Record, 0, len(s.records))
	for i, raw := range s.records {
		p.Records = append(p.Records, record(raw, chatferry.Offset(s.n+int64(i)), r.source.o.Cuts.RecordBytes))
		p.RawBytes += int64(len(raw))
	}
	for _, reason := range s.doubts {
		p.Doubts = append(p.Doubts, chatferry.Doubt{File: r.shard.API.Endpoint, At: s.n + int64(len(s.records)), Reason: reason})
	}
	if r.source.o.Sweeper != nil {
		r.source.o.Sweeper.note(r.shard, r.way, s.records)
	}
	return p
}

// keptBytes is how much is kept of a record that is too long.
const keptBytes = 1 << 20

// record makes a Record; one that is longer than limit becomes a Reject. A limit of 0 is none.
func record(raw []byte, at chatferry.Offset, limit int64) chatferry.Record {
	if limit <= 0 || int64(len(raw)) <= limit {
		return chatferry.Record{Raw: raw, Offset: at}
	}
	f := &chatferry.Fault{Code: chatferry.CodeTooLong, Reason: "the record is longer than the limit"}
	if len(raw) > keptBytes {
		sum := sha256.Sum256(raw)
		f.RawLen, f.RawSHA256 = int64(len(raw)), &sum
		raw = raw[:keptBytes:keptBytes]
	}
	return chatferry.Record{Raw: raw, Offset: at, Fault: f}
}
