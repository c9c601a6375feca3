package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/progress"
)

// shards carries every Shard in scope that is not done, pass by pass, and ends the run when the source is read to its
// end.
func (c *carriage) shards(ctx context.Context, run *checkpoint.Run, request *stopRequest) (err error) {
	var source chatferry.Source = c.from
	for first := true; ; first = false {
		states, err := run.Shards(ctx)
		if err != nil {
			return err
		}
		w := c.workOf(states)
		if first && c.Limit > 0 {
			source = newTrial(source, int64(c.Limit), w.read)
		}
		if !first {
			w.before = nil // it was counted
		}
		c.tracker.Plan(w.planned, w.before)
		c.log.Info("carrying", "shards", len(w.shards), "lanes", c.lanes(), "from", c.From.String())
		request.look()
		if first && c.cutsOver() && c.Limit == 0 {
			held, gerr := c.gather(ctx, w.fresh, request)
			if gerr != nil {
				return gerr
			}
			defer func() { err = errors.Join(err, held.close()) }()
			source = held
		}
		err = c.t.pipeline(c.settings, c.rules(), source, run, c.watched.observer(c.tracker), w.totals).Run(ctx, w.shards, request.asked)
		if absent := chatferry.UnavailableStreams(nil); errors.As(err, &absent) {
			maps.Copy(c.absent, absent)
		} else if err != nil {
			return err
		}
		added, err := c.nextPass(ctx, run, request)
		if err != nil {
			return err
		}
		if len(added) == 0 {
			return c.end(ctx, run, w.outside)
		}
		if err := run.AddShards(ctx, added); err != nil {
			return err
		}
	}
}

// work is what is left to do of a dataset's Shards.
type work struct {
	shards  []*chatferry.Shard
	fresh   []*chatferry.Shard // of shards those of which nothing is committed
	outside int                // Shards of Streams that are not asked for, and not done
	totals  chatferry.Books
	read    map[chatferry.Stream]int64
	planned []progress.Planned
	before  map[chatferry.Stream]progress.Before
}

func (c *carriage) workOf(states []checkpoint.ShardState) *work {
	w := &work{read: map[chatferry.Stream]int64{}, before: map[chatferry.Stream]progress.Before{}}
	replayed := replayedOf(c.before)
	for i := range states {
		s := &states[i]
		name := s.Shard.Stream
		w.totals.Add(s.Books)
		w.totals.Quarantined.N -= replayed[s.Shard.ID] // it does not count against --max-bad-records any more
		w.read[name] += s.Books.Read.N
		if !c.inScope(name) {
			if !s.Done {
				w.outside++
			}
			continue
		}
		w.planned = append(w.planned, progress.Planned{Shard: &s.Shard, Stored: s.StoredBytes, Done: s.Done})
		b := w.before[name]
		b.Records += s.Books.Read.N
		b.Quarantined += s.Books.Quarantined.N - replayed[s.Shard.ID]
		w.before[name] = b
		if !s.Done && c.absent[name] == nil {
			w.shards = append(w.shards, &s.Shard)
			if s.Position == "" {
				w.fresh = append(w.fresh, &s.Shard)
			}
		}
	}
	if c.NewestFirst {
		newestFirst(w.shards)
	}
	return w
}

// nextPass returns the Shards of the next pass after waiting until it may begin.
func (c *carriage) nextPass(ctx context.Context, run *checkpoint.Run, request *stopRequest) ([]chatferry.Shard, error) {
	if c.Limit > 0 {
		return nil, nil
	}
	states, err := run.Shards(ctx)
	if err != nil {
		return nil, err
	}
	next := chatferry.ShardID(1)
	if n := len(states); n > 0 {
		next = states[n-1].Shard.ID + 1
	}
	states = slices.DeleteFunc(states, func(s checkpoint.ShardState) bool {
		return !c.inScope(s.Shard.Stream) || c.absent[s.Shard.Stream] != nil
	})
	for {
		added, wait, err := c.from.more(ctx, states, next)
		if err != nil || wait <= 0 {
			return added, err
		}
		c.tracker.SetState("waiting until changes show, for the next sweep at " + c.now().Add(wait).UTC().Format(time.TimeOnly))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			c.tracker.SetState("")
		case <-request.asked:
			timer.Stop()
			return nil, &chatferry.Error{Kind: chatferry.KindStopped, Err: errors.New("stopped before the last sweep")}
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// end closes the books and the run.
func (c *carriage) end(ctx context.Context, run *checkpoint.Run, outside int) error {
	if outside > 0 && !c.cutsOver() {
		// The dataset is not complete, so no run-done: the Shards of other Streams are for another run.
		return &chatferry.Error{
			Kind: chatferry.KindStopped, Err: fmt.Errorf("the streams asked for are complete, but %d shards of other streams are not", outside),
			Hint: "run without --streams and --phase to carry them over",
		}
	}
	if owed := c.unswept(func(s chatferry.Stream) bool { return !c.inScope(s) }); len(owed) > 0 && !c.cutsOver() {
		return &chatferry.Error{
			Kind: chatferry.KindStopped, Err: fmt.Errorf("the streams asked for are complete, but %s may have changed while they were read, and were not swept", owed),
			Hint: "run without --streams and --phase to sweep them",
		}
	}
	if c.replay != nil {
		if err := c.replay.run(ctx, c, run); err != nil {
			return err
		}
	}
	if err := c.settle(ctx, run); err != nil {
		return err
	}
	after, err := c.t.mustLoad(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(closeBooks(after), c.t.present(ctx, after)); err != nil {
		return err
	}
	end := checkpoint.End{Watermark: c.watermark(after.Shards), Verdict: "complete"}
	if c.cutsOver() {
		end.Verdict = phaseCutover
	}
	for name, why := range c.absent {
		if end.Unavailable == nil {
			end.Unavailable = map[chatferry.Stream]chatferry.Availability{}
		}
		end.Unavailable[name] = why.Why
	}
	c.aside = c.sinceDone(after)
	if c.replay != nil {
		c.aside = exceptions{quarantined: inQuarantine(after), replayed: true}
	}
	if !c.rests() {
		c.aside.absent = c.notAllowed()
	}
	c.aside.unproven = c.from.unproven()
	if !c.aside.none() {
		end.ExitCode, end.Verdict = exitPartial, end.Verdict+"-with-exceptions"
	}
	if c.Limit > 0 {
		end.Verdict = "trial"
	}
	if _, err := run.Done(ctx, end); err != nil {
		return err
	}
	if after, err = c.t.mustLoad(ctx); err != nil {
		return err
	}
	return c.certify(ctx, after)
}

// notAllowed names the Streams that the source did not give and --allow-missing does not name.
func (c *carriage) notAllowed() string {
	absent := maps.Clone(c.absent)
	maps.DeleteFunc(absent, func(s chatferry.Stream, _ *chatferry.UnavailableError) bool { return c.AllowMissing.has(s) })
	return absent.Error()
}
