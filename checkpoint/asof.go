package checkpoint

import (
	"context"
	"fmt"

	"chatferry"
)

// Heads returns the last record of every log that has one, by the log's name.
func (d *Dataset) Heads() map[string]Head {
	heads := map[string]Head{DatasetLog: {d.facts.n, d.facts.head}}
	for i := range d.Shards {
		if s := &d.Shards[i]; s.N > 0 {
			heads[s.Shard.ID.String()] = Head{s.N, s.Head}
		}
	}
	return heads
}

// AsOf returns the dataset as its run-done with number n left it: every log up to the record that the run-done, or one
// before it, names as its head. It is d itself if nothing has been appended since; else the logs are read again. The error
// has KindUsage if record n is no run-done of d.
func (d *Dataset) AsOf(ctx context.Context, logs LogStore, n uint64) (*Dataset, error) {
	if !d.isDone(n) {
		return nil, chatferry.Errorf(chatferry.KindUsage, "", "record %d of the dataset's log does not end a run", n)
	}
	if d.facts.n == n && d.atHeads() {
		return d, nil
	}
	was := &Dataset{facts: newFacts(d.facts.format, d.facts.begin)}
	if err := was.facts.read(ctx, logs, n); err != nil {
		return nil, err
	}
	for i, shard := range was.facts.shards {
		s := ShardState{Shard: shard, Added: was.facts.added[i], Head: was.facts.begin}
		if err := s.readTo(ctx, logs, was.UUID(), was.facts.heads[shard.ID.String()].N); err != nil {
			return nil, fmt.Errorf("read the log of shard %s: %w", shard.ID, err)
		}
		was.Shards = append(was.Shards, s)
	}
	if err := was.checkHeads(); err != nil {
		return nil, err
	}
	return was, was.settle()
}

// isDone reports whether record n of the dataset's log is a run-done.
func (d *Dataset) isDone(n uint64) bool {
	for i := range d.facts.runs {
		if r := &d.facts.runs[i]; r.Done != nil && r.DoneN == n {
			return true
		}
	}
	return false
}

// atHeads reports whether every Shard's log ends where the runs that ended left it.
func (d *Dataset) atHeads() bool {
	for i := range d.Shards {
		if s := &d.Shards[i]; s.N != d.facts.heads[s.Shard.ID.String()].N {
			return false
		}
	}
	return true
}
