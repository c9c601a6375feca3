package main

import (
	"context"
	"io"
	"slices"
	"sync"

	"chatferry"
	"chatferry/checkpoint"
)

// trialPage is the Page of a trial run unless it is told otherwise: small, so that the limit is nearly met.
const trialPage = 16 << 10

// trial is a Source that ends a Stream with the Page that reaches so many records, for a trial run.
type trial struct {
	chatferry.Source
	limit int64

	mu   sync.Mutex
	read map[chatferry.Stream]int64
}

// newTrial wraps a Source. read is how many records of each Stream earlier runs have read.
func newTrial(s chatferry.Source, limit int64, read map[chatferry.Stream]int64) *trial {
	return &trial{Source: s, limit: limit, read: read}
}

// Open implements chatferry.Source.
func (t *trial) Open(ctx context.Context, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	r, err := t.Source.Open(ctx, shard, from)
	if err != nil {
		return nil, err
	}
	return &trialReader{Reader: r, trial: t, stream: shard.Stream}, nil
}

type trialReader struct {
	chatferry.Reader
	trial  *trial
	stream chatferry.Stream
}

// Next implements chatferry.Reader.
func (r *trialReader) Next(ctx context.Context) (*chatferry.Page, error) {
	r.trial.mu.Lock()
	over := r.trial.read[r.stream] >= r.trial.limit
	r.trial.mu.Unlock()
	if over {
		return nil, io.EOF
	}
	p, err := r.Reader.Next(ctx)
	if err == nil {
		r.trial.mu.Lock()
		r.trial.read[r.stream] += int64(len(p.Records))
		r.trial.mu.Unlock()
	}
	return p, err
}

// firstOfEach keeps the first Shard of each Stream, which is all that a trial run reads.
func firstOfEach(added []chatferry.Shard, already []checkpoint.ShardState) []chatferry.Shard {
	seen := map[chatferry.Stream]bool{}
	for _, s := range already {
		seen[s.Shard.Stream] = true
	}
	return slices.DeleteFunc(added, func(s chatferry.Shard) bool {
		first := !seen[s.Stream]
		seen[s.Stream] = true
		return !first
	})
}
