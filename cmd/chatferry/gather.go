package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"chatferry"
)

// gathered is a Source of Shards that were read to their ends before the first of their records is written. A cut-over that
// fails while it reads has then changed nothing that readers see.
//
// What is held is bounded. A Shard that does not fit in any more is read when it is written; a configuration is hardly ever so
// large.
type gathered struct {
	chatferry.Source
	mu   sync.Mutex
	held map[chatferry.ShardID]*heldShard // that no Lane took yet
}

// heldShard is a Shard that was read to its end.
type heldShard struct {
	pages  []*chatferry.Page
	bytes  int64
	err    error            // behind the pages
	reader chatferry.Reader // that gave them; nil: it could not be opened
}

// errTooLarge says that a Shard is not held.
var errTooLarge = errors.New("it is larger than what may be held")

// gather reads Shards from their beginning, several at a time, and holds up to most raw bytes of them. The caller closes what
// it returns.
func gather(ctx context.Context, source chatferry.Source, shards []*chatferry.Shard, most int64, lanes int, tell func(done int)) (*gathered, error) {
	g := &gathered{Source: source, held: map[chatferry.ShardID]*heldShard{}}
	var mu sync.Mutex
	var bytes int64
	done := 0
	take := func(n int64) bool {
		mu.Lock()
		defer mu.Unlock()
		bytes += n
		return bytes < most
	}
	group, joint := errgroup.WithContext(ctx)
	group.SetLimit(max(1, lanes))
	for _, s := range shards {
		g.held[s.ID] = &heldShard{}
	}
	for _, s := range shards {
		mu.Lock()
		h := g.held[s.ID]
		mu.Unlock()
		group.Go(func() error {
			err := h.read(joint, source, s, take)
			if err != nil && !errors.Is(err, errTooLarge) {
				return fmt.Errorf("read %s before the cut-over: %w", s.Stream, err)
			}
			if err != nil {
				take(-h.bytes)
				if err := h.Close(); err != nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				delete(g.held, s.ID)
			}
			done++
			tell(done)
			return nil
		})
	}
	err := group.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// read fills h until the Shard ends, or with errTooLarge until no more may be held. That the source does not give the Stream is no failure here: the
// Lane meets it where it would have.
func (h *heldShard) read(ctx context.Context, source chatferry.Source, s *chatferry.Shard, take func(int64) bool) error {
	absent := (*chatferry.UnavailableError)(nil)
	r, err := source.Open(ctx, s, "")
	if errors.As(err, &absent) {
		h.err = err
		return nil
	}
	if err != nil {
		return err
	}
	h.reader = r
	for {
		page, err := r.Next(ctx)
		switch {
		case err == io.EOF, errors.As(err, &absent):
			h.err = err
			return nil
		case err != nil:
			return err
		}
		h.pages, h.bytes = append(h.pages, page), h.bytes+page.RawBytes
		if !take(page.RawBytes) {
			return errTooLarge
		}
	}
}

// Open implements chatferry.Source.
func (g *gathered) Open(ctx context.Context, s *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	if from == "" {
		g.mu.Lock()
		h, ok := g.held[s.ID]
		delete(g.held, s.ID)
		g.mu.Unlock()
		if ok {
			return h, nil
		}
	}
	return g.Source.Open(ctx, s, from)
}

// close frees what no Lane took. The Lanes have joined.
func (g *gathered) close() error {
	var errs []error
	for _, h := range g.held {
		errs = append(errs, h.Close())
	}
	return errors.Join(errs...)
}

// Next implements chatferry.Reader.
func (h *heldShard) Next(context.Context) (*chatferry.Page, error) {
	if len(h.pages) == 0 {
		return nil, h.err
	}
	page := h.pages[0]
	h.pages[0], h.pages = nil, h.pages[1:]
	return page, nil
}

// Close implements chatferry.Reader.
func (h *heldShard) Close() error {
	for _, page := range h.pages {
		page.Release()
	}
	h.pages = nil
	if h.reader == nil {
		return nil
	}
	return h.reader.Close()
}

// gather reads the configuration before any of it is written.
func (c *carriage) gather(ctx context.Context, shards []*chatferry.Shard, request *stopRequest) (*gathered, error) {
	tell := func(done int) {
		c.tracker.SetState(fmt.Sprintf("reading the configuration before any of it is written: %d of %d", done, len(shards)))
	}
	tell(0)
	defer c.tracker.SetState("")
	ctx, done := request.ends(ctx)
	defer done()
	return gather(ctx, c.from, shards, int64(c.MemoryLimit)/8, c.lanes(), tell)
}
