package chatferry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a Source that gives a few Pages at once and then keeps its Reader waiting before every other.
type slow struct {
	*rig
	quick int           // Pages of each Shard that come at once
	pause time.Duration // before the others
	end   error         // instead of the last Page
}

func (s slow) Open(ctx context.Context, sh *Shard, from Position) (Reader, error) {
	r, err := s.rig.Open(ctx, sh, from)
	return &slowReader{rigReader: r.(*rigReader), s: s}, err
}

type slowReader struct {
	*rigReader
	s     slow
	given int
}

func (r *slowReader) Next(ctx context.Context) (*Page, error) {
	if r.given++; r.given > r.s.quick {
		select {
		case <-time.After(r.s.pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if r.s.end != nil {
			return nil, r.s.end
		}
	}
	return r.rigReader.Next(ctx)
}

func slowPipeline(r *rig, s slow) *Pipeline {
	p := r.pipeline(1)
	p.Source, p.SealEvery, p.SealOnStop = s, time.Minute, true
	p.Cuts.PartRecords = 1 << 20
	return p
}

// A Part that holds records is committed a minute after it was begun, however long the source lets it wait.
func TestWaitSealsWhileTheSourceIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		p := slowPipeline(r, slow{rig: r, quick: 3, pause: time.Hour})
		stop := make(chan struct{})
		ended := make(chan error)
		shards := r.shards(1)
		go func() { ended <- p.Run(t.Context(), shards, stop) }()
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if got, want := r.ranges(shards[0].ID), "[1:-24(part-000000000001-1)]"; got != want {
			t.Errorf("committed %q after a minute, want %q", got, want)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		// Ten more Pages, an hour apart each: none waits for the next one.
		if got := len(r.logs[shards[0].ID].parts); got != 11 {
			t.Errorf("%d parts, want 11", got)
		}
		r.settled(t)
	})
}

// A stop does not wait for the source, and what was read is committed.
func TestWaitStopsWhileTheSourceIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		p := slowPipeline(r, slow{rig: r, quick: 2, pause: 100 * time.Hour})
		stop := make(chan struct{})
		time.AfterFunc(10*time.Second, func() { close(stop) })
		begun := time.Now()
		shards := r.shards(1)
		err := p.Run(t.Context(), shards, stop)
		if KindOf(err) != KindStopped {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("stopped after %s", took)
		}
		if got, want := r.ranges(shards[0].ID), "[1:-16(part-000000000001-1)]"; got != want {
			t.Errorf("committed %q, want %q", got, want)
		}
		r.settled(t)
	})
}

// An error of the source ends the Lane after what was read before it is committed; a Stream that is not given does not
// end the others.
func TestWaitCommitsBeforeAnErrorOfTheSource(t *testing.T) {
	for _, c := range []struct {
		name string
		end  error
		kind Kind
	}{
		{"refused", &Error{Kind: KindEnvironment, Op: "read"}, KindEnvironment},
		{"not given", &UnavailableError{Stream: Chats, Why: Forbidden, Err: errors.New("403")}, KindUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				p := slowPipeline(r, slow{rig: r, quick: 2, pause: time.Second, end: c.end})
				shards := r.shards(1)
				err := p.Run(t.Context(), shards, nil)
				if KindOf(err) != c.kind {
					t.Fatalf("got %v", err)
				}
				if got, want := r.ranges(shards[0].ID), "[1:-16(part-000000000001-1)]"; got != want {
					t.Errorf("committed %q, want %q", got, want)
				}
				var absent UnavailableStreams
				if errors.As(err, &absent) != (c.kind == KindUnavailable) || c.kind == KindUnavailable && absent[Chats].Why != Forbidden {
					t.Errorf("the streams that are not given: %v", absent)
				}
				r.settled(t)
			})
		})
	}
}
