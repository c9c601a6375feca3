package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal/chatapi"
)

// stumble is a Getter whose context ends now and then, before a request is asked or behind its answer.
type stumble struct {
	Getter
	every  int
	n      int
	cancel context.CancelFunc
}

func (s *stumble) Get(ctx context.Context, path string, query url.Values, check func([]byte) error) (*Answer, error) {
	s.n++
	if s.n%s.every != 0 {
		return s.Getter.Get(ctx, path, query, check)
	}
	if s.n/s.every%2 == 0 {
		if _, err := s.Getter.Get(ctx, path, query, check); err != nil {
			return nil, err
		}
	}
	s.cancel()
	return nil, context.Canceled
}

// TestContextEndsAnywhere: a Reader whose Next was cut short by its context goes on as if nothing had been.
func TestContextEndsAnywhere(t *testing.T) {
	_, d := rehearse(t, 300, chatapi.Options{})
	for _, way := range endpoints {
		t.Run(way.name, func(t *testing.T) {
			shard := shardOf(way.stream, chatferry.Range{Endpoint: way.name})
			o := SourceOptions{PageLimit: 40}
			want := read(t, sourceOver(t, d, o), shard, "").ok(t)
			s := &stumble{Getter: d, every: 3}
			if way.name == chatsSearch {
				s.every = 13 // a window's ids are listed in one go
			}
			o.Wait = d.wait
			r, err := NewSource(s, o).Open(t.Context(), shard, "")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var got []string
			var from chatferry.Position
			stumbles := 0
			for {
				ctx, cancel := context.WithCancel(t.Context())
				s.cancel = cancel
				p, err := r.Next(ctx)
				cancel()
				if errors.Is(err, context.Canceled) {
					if stumbles++; stumbles > 5000 {
						t.Fatal("it does not get on")
					}
					continue
				}
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if p.From != from {
					t.Fatalf("page from %q at %q", p.From, from)
				}
				from = p.After
				for _, rec := range p.Records {
					got = append(got, string(rec.Raw))
				}
			}
			if stumbles == 0 && want.pages > 2 {
				t.Fatal("nothing was cut short")
			}
			if !slices.Equal(got, want.records) {
				t.Fatalf("%d records, not %d", len(got), len(want.records))
			}
		})
	}
}

// TestLanesSideBySide: one Source and one Sweeper serve many Lanes.
func TestLanesSideBySide(t *testing.T) {
	s, d := rehearse(t, 2000, chatapi.Options{})
	w := NewSweeper(SweepOptions{Overlap: overlap})
	source := sourceOver(t, d, SourceOptions{Sweeper: w, PageLimit: 100})
	p := planOf(t, d, PlanOptions{Streams: growing, Overlap: overlap, Lanes: 4, Window: 300})
	shards := p.Shards
	for i, stream := range growing {
		way, _ := usualEndpoint(stream)
		shards = append(shards, chatferry.Shard{ID: chatferry.ShardID(len(p.Shards) + i + 1), Stream: stream, API: &chatferry.Range{
			Endpoint: way.name, Pass: 1, Since: noon.AddDate(0, -1, 0), Begun: noon,
		}})
	}
	var mu sync.Mutex
	records := map[chatferry.Stream][]string{}
	var lanes sync.WaitGroup
	for i := range shards {
		lanes.Go(func() {
			got := read(t, source, &shards[i], "")
			if got.err != nil {
				t.Error(got.err)
			}
			mu.Lock()
			defer mu.Unlock()
			records[shards[i].Stream] = append(records[shards[i].Stream], got.records...)
		})
	}
	lanes.Wait()
	for _, stream := range growing {
		wants(t, s, stream, false, records[stream])
	}
}

// BenchmarkExport reads pages of 1,000 chats of about 8 KiB, without a network.
func BenchmarkExport(b *testing.B) {
	var records []string
	at := noon.AddDate(-1, 0, 0)
	filler := make([]byte, 8000)
	for i := range filler {
		filler[i] = "abcdefgh ijkl"[i%13]
	}
	for i := range exportLimit {
		records = append(records, fmt.Sprintf(`{"id":"2105.77.%013d","type":"chat","history":[{"msg":%q}],"update_timestamp":%q}`,
			i, filler, at.Add(time.Duration(i)*time.Second).Format(time.RFC3339)))
	}
	page := exportBody("chats", records, at.Unix()+999, "x", "")
	p := &exportPager[EpochSec]{key: "chats", reading: &reading{source: NewSource(answering(nil), SourceOptions{}), shard: shardOf(chatferry.Chats, chatferry.Range{}), way: &route{changed: []string{"update_timestamp"}}}}
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		p.place = exportPlace[EpochSec]{}
		x, next, err := p.read([]byte(page), cursor[EpochSec]{})
		if err != nil {
			b.Fatal(err)
		}
		if s, err := p.take(b.Context(), x, next); err != nil || len(s.records) != exportLimit {
			b.Fatal(err)
		}
	}
}
