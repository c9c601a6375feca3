package chatferry

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Run carries the Shards over, in the given order, p.Lanes at a time. Closing stop ends it early: nothing more is read,
// and an open Part is sealed or dropped as SealOnStop says. Cancelling ctx ends it at once.
//
// It returns nil when every Shard is done, an Error of KindStopped when stop ended it, one of KindUnavailable around
// UnavailableStreams when the source did not give some Streams and all else is done, and otherwise the worst error of all
// Lanes. All Lanes have joined when it returns.
func (p *Pipeline) Run(ctx context.Context, shards []*Shard, stop <-chan struct{}) error {
	r := pipelineRun{p: p, halt: make(chan struct{}), budget: semaphore.NewWeighted(p.Budget), totals: p.Totals.Clone()}
	ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)

	select {
	case <-stop: // also when nobody comes to notice it below, since all is done in an instant
		r.stopReading()
	default:
	}
	// The first failure stops the other Lanes as a request would; being fenced off stops them at once.
	queue := make(chan *Shard)
	var lanes sync.WaitGroup
	for range max(1, min(p.Lanes, len(shards))) {
		lanes.Go(func() {
			for s := range queue {
				r.carry(ctx, s)
			}
		})
	}
	relay := make(chan struct{})
	relayDone := make(chan struct{})
	go func() {
		defer close(relayDone)
		select {
		case <-stop:
			r.stopReading()
		case <-relay:
		}
	}()
	left := len(shards)
feed:
	for _, s := range shards {
		select {
		case <-r.halt:
			break feed
		case <-ctx.Done():
			break feed
		default:
		}
		select {
		case queue <- s:
			left--
		case <-r.halt:
			break feed
		case <-ctx.Done():
			break feed
		}
	}
	close(queue)
	lanes.Wait()
	close(relay)
	<-relayDone
	return r.verdict(ctx, left)
}

// pipelineRun is the state of one Run.
type pipelineRun struct {
	p      *Pipeline
	budget *semaphore.Weighted
	cancel context.CancelCauseFunc

	halt     chan struct{} // closed: read no further
	haltOnce sync.Once

	mu      sync.Mutex
	worst   error
	stopped int // Shards whose Lane was stopped before the end
	absent  UnavailableStreams
	totals  Books // of all runs so far, by which BadLimit is judged
}

func (r *pipelineRun) stopReading() { r.haltOnce.Do(func() { close(r.halt) }) }

func (r *pipelineRun) carry(ctx context.Context, s *Shard) {
	err := r.carryShard(ctx, s)
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(err, errStopped) {
		r.stopped++
		return
	}
	if absent := (*UnavailableError)(nil); errors.As(err, &absent) {
		if r.absent == nil {
			r.absent = UnavailableStreams{}
		}
		r.absent[absent.Stream] = absent
		return
	}
	r.worst = Worse(r.worst, err)
	r.stopReading()
	if KindOf(err) == KindFenced {
		r.cancel(err)
	}
}

func (r *pipelineRun) carryShard(ctx context.Context, s *Shard) error {
	select {
	case <-r.halt:
		return errStopped
	default:
	}
	log, err := r.p.Log.OpenShard(ctx, s)
	if err != nil {
		return fmt.Errorf("open shard %s of %s: %w", s.ID, s.Stream, err)
	}
	if r.p.Observer != nil {
		r.p.Observer.ShardOpened(s, log.Position())
	}
	l := lane{p: r.p, shard: s, log: log, budget: r.budget, limit: r.p.Budget, stop: r.halt, judge: r.judge}
	if err := l.run(ctx); err != nil {
		return err
	}
	if r.p.Observer != nil {
		r.p.Observer.ShardDone(s)
	}
	return nil
}

// verdict names the worst that happened. left is the number of Shards that no Lane took.
func (r *pipelineRun) verdict(ctx context.Context, left int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.worst != nil:
		return r.worst
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case r.stopped > 0 || left > 0:
		return &Error{Kind: KindStopped, Err: fmt.Errorf("stopped with %d shards unfinished", r.stopped+left)}
	case len(r.absent) > 0:
		return &Error{Kind: KindUnavailable, Err: r.absent}
	}
	return nil
}

// judge adds a committed Part's books and returns an error of KindTooManyBad when that passes the limit.
func (r *pipelineRun) judge(b Books) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.totals.Add(b)
	rejects, read := r.totals.Quarantined.N, r.totals.Read.N
	if b.Quarantined.N == 0 || !r.p.Bad.Exceeded(rejects, read) {
		return nil
	}
	return &Error{
		Kind: KindTooManyBad, Op: "judge the quarantine",
		Err:  fmt.Errorf("%d of %d records are in quarantine, more than --max-bad-records allows", rejects, read),
		Hint: "look at them with `chatferry quarantine list`, then resume with a higher --max-bad-records",
	}
}
