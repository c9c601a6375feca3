package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"chatferry"
)

// pile is a Source of Shards with so many Pages each, of a hundred bytes; it counts what it has open and what is not given back.
type pile struct {
	pages map[chatferry.ShardID]int
	fails map[chatferry.ShardID]error // behind the pages, instead of the end
	open  atomic.Int64
	held  atomic.Int64
	opens atomic.Int64
}

type pileReader struct {
	p     *pile
	shard *chatferry.Shard
	n     int
}

func (p *pile) Open(_ context.Context, s *chatferry.Shard, _ chatferry.Position) (chatferry.Reader, error) {
	p.open.Add(1)
	p.opens.Add(1)
	return &pileReader{p: p, shard: s}, nil
}

func (r *pileReader) Next(ctx context.Context) (*chatferry.Page, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if r.n == r.p.pages[r.shard.ID] {
		if err := r.p.fails[r.shard.ID]; err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	from := chatferry.Position(fmt.Sprint(r.n))
	r.n++
	r.p.held.Add(1)
	return &chatferry.Page{Shard: r.shard, From: from, After: chatferry.Position(fmt.Sprint(r.n)), RawBytes: 100, Free: func() { r.p.held.Add(-1) }}, nil
}

func (r *pileReader) Close() error {
	r.p.open.Add(-1)
	return nil
}

// What was gathered is given as it came and read once. A Shard that does not fit is left to its Lane; what fails, fails before
// anything is given; nothing stays open and no Page is lost.
func TestGather(t *testing.T) {
	absent := &chatferry.UnavailableError{Stream: chatferry.Bans, Why: chatferry.Missing}
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		pages []int
		fail  error // of the last
		most  int64
		opens int64 // afterwards, when all is read
		err   error
	}{
		"all fit":              {[]int{3, 0, 5}, nil, 10_000, 3, nil},
		"one is too large":     {[]int{3, 50, 2}, nil, 1_000, 4, nil},
		"one is not given":     {[]int{3, 1, 0}, absent, 10_000, 3, nil},
		"one fails at its end": {[]int{3, 1, 2}, broken, 10_000, 3, broken},
	} {
		p := &pile{pages: map[chatferry.ShardID]int{}, fails: map[chatferry.ShardID]error{}}
		var shards []*chatferry.Shard
		for i, n := range tt.pages {
			id := chatferry.ShardID(i + 1)
			shards = append(shards, &chatferry.Shard{ID: id, Stream: chatferry.Bans})
			p.pages[id] = n
		}
		p.fails[chatferry.ShardID(len(tt.pages))] = tt.fail
		g, err := gather(t.Context(), p, shards, tt.most, 1, func(int) {})
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v", name, err)
		}
		for _, s := range shards {
			if err != nil {
				break
			}
			r, err := g.Open(t.Context(), s, "")
			if err != nil {
				t.Fatal(err)
			}
			at, n := chatferry.Position("0"), 0
			var end error
			for {
				var page *chatferry.Page
				if page, end = r.Next(t.Context()); end != nil {
					break
				}
				if page.From != at {
					t.Errorf("%s: a page from %s at %s", name, page.From, at)
				}
				at, n = page.After, n+1
				page.Release()
			}
			if want := p.fails[s.ID]; n != p.pages[s.ID] || want == nil && end != io.EOF || want != nil && !errors.Is(end, want) {
				t.Errorf("%s: shard %s: %d pages of %d, %v", name, s.ID, n, p.pages[s.ID], end)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if err == nil {
			if p.opens.Load() != tt.opens {
				t.Errorf("%s: %d readings instead of %d", name, p.opens.Load(), tt.opens)
			}
			if err := g.close(); err != nil {
				t.Error(err)
			}
		}
		if p.open.Load() != 0 || p.held.Load() != 0 {
			t.Errorf("%s: %d readers are open and %d pages held", name, p.open.Load(), p.held.Load())
		}
	}
	stopped := &stopRequest{asked: make(chan struct{})}
	stopped.stop(stopCause("stopped by this test"))
	ctx, done := stopped.ends(t.Context())
	defer done()
	<-ctx.Done()
	p := &pile{pages: map[chatferry.ShardID]int{1: 2}}
	if _, err := gather(ctx, p, []*chatferry.Shard{{ID: 1}}, 1000, 1, func(int) {}); exitCode(err) != exitStopped || !strings.Contains(err.Error(), "this test") {
		t.Errorf("%v", err)
	}
	if p.open.Load() != 0 || p.held.Load() != 0 {
		t.Errorf("%d readers are open and %d pages held", p.open.Load(), p.held.Load())
	}
}
