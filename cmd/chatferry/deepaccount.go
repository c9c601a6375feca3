package main

import (
	"context"
	"math/rand/v2"
	"time"

	"chatferry"
	"chatferry/cmd/chatferry/deep"
	"chatferry/cmd/chatferry/identity"
	"chatferry/cmd/chatferry/verify"
	"chatferry/extract/api"
)

// account compares with an account.
func (v *deepened) account(ctx context.Context, c *carriage, from *accountSupply, f *deepFlags, shown *verifyProgress) error {
	var shards []chatferry.Shard // of the account
	var chats []*chatferry.Range
	complete := true
	for i := range c.before.Shards {
		s := &c.before.Shards[i]
		if s.Shard.API == nil {
			continue
		}
		shards = append(shards, s.Shard)
		if s.Shard.Stream == chatferry.Chats {
			chats = append(chats, s.Shard.API)
			complete = complete && s.Done
		}
	}
	if len(chats) == 0 {
		return usage("name the dump with --from", "the dataset holds no chats that come from an account")
	}
	audit, err := api.NewAudit(ctx, from.client, shards, c.formerly(c.before.Shards), c.log)
	if err != nil {
		return err
	}
	o := deep.AccountOptions{
		Dataset: c.before, Files: c.t.store, Account: audit, Mark: markOf(c, chats), Refetch: int(f.refetch), Seed: uint64(f.seed), Moved: identity.SidesOf(c.before).Last() > 0,
		Progress: func(done, total int64) { shown.draw(verify.Progress{Step: "account", Done: done, Total: total}) },
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1<<31) + 1
	}
	// A dataset that holds a part of the account's chats on purpose cannot have as many.
	o.Count = complete && c.Limit == 0 && time.Time(c.Since).IsZero() && time.Time(c.Until).IsZero()
	r, account, err := deep.RunAccount(ctx, o)
	if err != nil {
		return err
	}
	v.Source, v.Report, v.Account = "account", *r, account
	v.Unproven = []string{
		"the values of the chats that were not asked for again, and those of other streams: that takes a dump",
		"what the account counted since " + account.Mark.Format(time.RFC3339) + ", and changes that keep the number of a month's chats",
	}
	if !o.Count {
		v.Unproven = append(v.Unproven, "that all chats are held: they were not counted, since the dataset is to hold, or holds yet, a part of them")
	}
	return nil
}

// markOf is up to when the chats of an account were read: the watermark, or, where none is claimed, the end of their windows.
func markOf(c *carriage, chats []*chatferry.Range) time.Time {
	runs := c.before.Runs()
	for i := len(runs) - 1; i >= 0; i-- {
		if runs[i].Done == nil {
			continue
		}
		if mark, err := time.Parse(time.RFC3339, runs[i].Done.Watermark); err == nil {
			return mark
		}
		break
	}
	var mark time.Time
	for _, r := range chats {
		end := r.Until
		if end.IsZero() {
			end = r.Begun
		}
		if end.After(mark) {
			mark = end
		}
	}
	return mark
}
