package main

import (
	"context"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/extract/dump"
)

// supply is where the records of a run come from: a dump, or an account of the Chat API.
type supply interface {
	chatferry.Source
	// plan returns the Shards to add to those of the dataset. It reads no records that count. last is the run
	// before; nil: there was none.
	plan(ctx context.Context, already []checkpoint.ShardState, next chatferry.ShardID, last *checkpoint.RunState) ([]chatferry.Shard, error)
	// standing is what plan has found out about the account that the records are of.
	standing() standing
	// more is asked when every Shard that can be carried has been. It returns the next Shards, to be begun after a wait, or
	// none when the source is read to its end.
	more(ctx context.Context, states []checkpoint.ShardState, next chatferry.ShardID) (added []chatferry.Shard, wait time.Duration, err error)
	// watermark is up to when the source was read, "" where it has no times.
	watermark() string
	// unproven says of which Streams it could not be proven that all was read, "" if there are none.
	unproven() string
	// check looks for damage before anything is carried.
	check(ctx context.Context) ([]chatferry.Doubt, error)
	// passedOver are the parts of the source that are not read.
	passedOver() []ignoredFile
	close()
}

// openSupply looks at the source, so that a place that was mistyped or a token that is refused leaves nothing behind.
func openSupply(ctx context.Context, c *carriage) (supply, error) {
	account, err := c.From.account()
	switch {
	case err != nil:
		return nil, err
	case account != "":
		return c.openAccount(ctx, account)
	}
	return c.openDump(ctx)
}

// dumpSupply is a dump.
type dumpSupply struct {
	chatferry.Source
	c       *carriage
	listing *dump.Listing
	cuts    chatferry.Cuts
	here    standing
}

func (c *carriage) openDump(ctx context.Context) (supply, error) {
	if !time.Time(c.Since).IsZero() || !time.Time(c.Until).IsZero() {
		return nil, usage("leave them out", "--since and --until ask an account for a part of its records; a dump is carried whole")
	}
	l, err := c.listDump(ctx)
	if err != nil {
		return nil, err
	}
	return &dumpSupply{c: c, Source: dump.NewSource(l, c.cuts()), listing: l, cuts: c.cuts()}, nil
}

func (d *dumpSupply) plan(ctx context.Context, already []checkpoint.ShardState, next chatferry.ShardID, _ *checkpoint.RunState) ([]chatferry.Shard, error) {
	shards := make([]chatferry.Shard, len(already))
	done := map[chatferry.ShardID]bool{}
	for i, s := range already {
		shards[i], done[s.Shard.ID] = s.Shard, s.Done
	}
	added, err := d.listing.Plan(ctx, shards, func(id chatferry.ShardID) bool { return done[id] }, d.cuts, next)
	if err == nil {
		err = d.identify(ctx, added)
	}
	return added, err
}

func (d *dumpSupply) more(context.Context, []checkpoint.ShardState, chatferry.ShardID) ([]chatferry.Shard, time.Duration, error) {
	return nil, 0, nil
}

func (d *dumpSupply) standing() standing { return d.here }
func (d *dumpSupply) watermark() string  { return "" }
func (d *dumpSupply) unproven() string   { return "" }

func (d *dumpSupply) check(ctx context.Context) ([]chatferry.Doubt, error) {
	return dump.CheckSource(ctx, d.listing, nil)
}

func (d *dumpSupply) passedOver() []ignoredFile {
	var out []ignoredFile
	for _, i := range d.listing.Ignored {
		out = append(out, ignoredFile(i))
	}
	return out
}

func (d *dumpSupply) close() {}
