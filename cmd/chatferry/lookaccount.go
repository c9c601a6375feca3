package main

import (
	"context"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/news"
	"chatferry/extract/api"
)

// lookFor finds out what an incremental run over a complete account has to read, before anything is written: it reads what
// would be read, and compares it with what the dataset holds. It returns Shards for the Streams that are read whole and
// give something else than before. Of the others the sweeper is told which have nothing new; it sweeps the rest.
//
// watermark is that of the last run. What was proven then stays so.
func (a *accountSupply) lookFor(ctx context.Context, states []checkpoint.ShardState, watermark string, next chatferry.ShardID) ([]chatferry.Shard, error) {
	look := news.Look{Source: a.looking, Dataset: a.c.before, Files: a.c.t.store, Rules: a.c.rules()}
	a.c.tracker.SetState("looking for what is new")
	defer a.c.tracker.SetState("")

	var added []chatferry.Shard
	whole := lastWhole(states)
	for _, stream := range a.streams() {
		last := whole[stream]
		if last == nil || !last.Done {
			continue // there is none, or it is read now anyway
		}
		r := last.Shard.API
		shard := chatferry.Shard{ID: next, Stream: stream, API: &chatferry.Range{
			Endpoint: r.Endpoint, Account: r.Account, Pass: r.Pass + 1, Begun: a.client.Now().UTC(),
		}}
		changed, err := look.Whole(ctx, &shard, last.Books.Read)
		if err != nil {
			return nil, err
		}
		if changed {
			added = append(added, shard)
			next++
		}
	}
	proven, _ := time.Parse(time.RFC3339, watermark) // zero if none was claimed
	for _, shard := range a.sweeper.Looks(a.client.Now(), sweepStates(states)) {
		r, something := shard.API, false
		if r.Until.IsZero() || r.Until.After(r.Since) {
			var err error
			if something, err = look.Grown(ctx, &shard, func(s *chatferry.Shard) bool { return mayOverlap(s, r) }); err != nil {
				return nil, err
			}
		}
		if something {
			continue
		}
		until := r.Until.Add(-time.Second) // a range ends before its bound, a watermark is the last second that was read
		if r.Until.IsZero() {
			until = r.Begun // it is claimed by no watermark
		}
		if until.Before(proven) {
			until = proven
		}
		a.sweeper.Still(shard.Stream, until)
	}
	a.log.Info("looked for what is new", "changed", len(added))
	return added, nil
}

// lastWhole returns of every Stream that is read whole its last reading.
func lastWhole(states []checkpoint.ShardState) map[chatferry.Stream]*checkpoint.ShardState {
	last := map[chatferry.Stream]*checkpoint.ShardState{}
	for i := range states {
		if s := &states[i]; s.Shard.API != nil && api.Whole(s.Shard.Stream) {
			last[s.Shard.Stream] = s
		}
	}
	return last
}

// mayOverlap reports whether a Shard that was read may hold records of a range behind it. A sweep that ended before the one
// before the last was begun holds none: the range begins later.
func mayOverlap(s *chatferry.Shard, r *chatferry.Range) bool {
	switch {
	case s.API == nil:
		return false
	case s.API.Until.IsZero():
		return s.API.Pass >= r.Pass-2
	}
	return s.API.Until.After(r.Since)
}
