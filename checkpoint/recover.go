package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatferry"
)

// recover finishes what earlier runs left open. Every step can be repeated, so dying in the middle of it is harmless.
func (l *ShardLog) recover(ctx context.Context) error {
	// Older runs can append no more; what they left half-made beside the records is of no use to anybody.
	if err := l.w.logs.Sweep(ctx, l.w.folder(), l.w.epoch); err != nil {
		return explain("sweep", l.w.folder(), err)
	}
	open, err := l.unpublished(ctx)
	if err != nil {
		return err
	}
	for _, c := range open {
		gone, err := l.republish(ctx, c)
		if err != nil {
			return err
		}
		if gone {
			if err := l.checkReopen(c.Commit.Seq, open); err != nil {
				return err
			}
			if err := l.reopen(ctx, c.Commit.Seq, open); err != nil {
				return err
			}
			break
		}
		l.totals.PublishedTo = c.Commit.Seq
	}
	if err := l.removeReopened(ctx); err != nil {
		return err
	}
	// What commits name is published by now and gone from staging; if it is not gone, it is not this sweep's business.
	named := map[string]bool{}
	for _, c := range open {
		for _, f := range c.Commit.Files {
			named[f.Staging] = true
		}
	}
	_, err = sweepStaged(ctx, l.run.cfg.Publisher, l.shard.ID, l.w.epoch, l.uploads(), named)
	return err
}

// unpublished returns the commits that may not be published yet, in the order of the log.
func (l *ShardLog) unpublished(ctx context.Context) ([]*Record, error) {
	var open []*Record
	for n := l.totals.LastCommit; n != 0; {
		commit, err := l.read(ctx, n)
		if err != nil {
			return nil, err
		}
		if commit.Kind != KindCommit {
			return nil, damaged(recordName(l.w.log, n), errors.New("a later record names it as a commit, which it is not"))
		}
		if commit.Commit.Seq <= l.totals.PublishedTo {
			break
		}
		open = append(open, commit)
		if n == 1 {
			break
		}
		before, err := l.read(ctx, n-1)
		if err != nil {
			return nil, err
		}
		n = before.Totals.LastCommit
	}
	slices.Reverse(open)
	return open, nil
}

// republish publishes a Part's files, again or for the first time, but none that a replace retired since. Such a file
// was published before it was retired; if a power loss has brought its name in staging back, that goes now.
func (l *ShardLog) republish(ctx context.Context, c *Record) (gone bool, err error) {
	for _, f := range c.Commit.Files {
		if l.run.isRetired(f.Name) {
			if err := l.run.cfg.Publisher.Unstage(ctx, chatferry.Staged{Ref: f.Staging, Shard: l.shard.ID, Epoch: c.Epoch}); err != nil {
				return false, explain("remove", f.Staging, err)
			}
			continue
		}
		if err := l.run.cfg.Publisher.Publish(ctx, f); errors.Is(err, chatferry.ErrStagingGone) {
			return true, nil
		} else if err != nil {
			return false, explain("publish", f.Name, err)
		}
	}
	return false, nil
}

// checkReopen refuses to take back a Part of which a replace has retired files or moved records: it was published then,
// so what is missing now was lost by the disk, and reading its range again would count the records twice.
func (l *ShardLog) checkReopen(seq uint64, open []*Record) error {
	for _, c := range open {
		if c.Commit.Seq < seq {
			continue
		}
		l.run.mu.Lock()
		by := l.run.facts.touched(l.shard.ID, c.Commit)
		l.run.mu.Unlock()
		if by != nil {
			return &chatferry.Error{
				Kind: chatferry.KindIncompatible, Op: "open", Place: fmt.Sprintf("part %d of shard %s", c.Commit.Seq, l.w.log),
				Err:  fmt.Errorf("a file of part %d is gone that was published before replace %d went on from there", seq, by.Generation),
				Hint: "restore the file from a backup, or discard the dataset and run again",
			}
		}
	}
	return nil
}

// reopen takes back the Part seq and those behind it, all of which are among open. The position returns to where Part
// seq began; the numbers of the Parts are not given again, since their names may have been seen.
func (l *ShardLog) reopen(ctx context.Context, seq uint64, open []*Record) error {
	body := Reopen{Seq: seq}
	var before Totals
	for _, c := range open {
		if c.Commit.Seq < seq {
			continue
		}
		if c.Commit.Seq == seq && c.N > 1 {
			prev, err := l.read(ctx, c.N-1)
			if err != nil {
				return err
			}
			before = *prev.Totals
		}
		body.Parts = append(body.Parts, ReopenedPart{Seq: c.Commit.Seq, Epoch: c.Epoch, Files: c.Commit.Files})
	}
	totals := l.totals.reopened(l.w.n+1, seq, before)
	if err := l.append(ctx, &Record{Kind: KindReopen, Reopen: &body, Totals: &totals}); err != nil {
		return err
	}
	l.totals = totals.clone()
	return nil
}

// removeReopened removes every file of Parts that were taken back since the last commit. The staged file goes first: a
// run that was overtaken while it published can then no longer bring the final one back.
func (l *ShardLog) removeReopened(ctx context.Context) error {
	pub := l.run.cfg.Publisher
	for _, n := range l.totals.Removing {
		rec, err := l.read(ctx, n)
		if err != nil {
			return err
		}
		if rec.Kind != KindReopen {
			return damaged(recordName(l.w.log, n), errors.New("a later record names it as a reopen, which it is not"))
		}
		for _, p := range rec.Reopen.Parts {
			for _, f := range p.Files {
				staged := chatferry.Staged{Ref: f.Staging, Shard: l.shard.ID, Epoch: p.Epoch}
				if err := pub.Unstage(ctx, staged); err != nil {
					return explain("remove", f.Staging, err)
				}
				if err := pub.Unpublish(ctx, f); err != nil {
					return explain("remove", f.Name, err)
				}
			}
		}
	}
	l.totals.Removing = nil
	return nil
}
