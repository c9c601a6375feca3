package checkpoint

import (
	"context"
	"slices"
	"time"

	"chatferry"
)

// Some stores keep what is staged under names that tell the epoch. Others keep uploads, of which only their clock tells
// when they were begun. Of these, one that was begun well before a run took over was begun by an older run. One that was
// begun later may be a newer run's, which this one does not know of yet, so it is left alone until its Shard is done:
// from then on nobody stages for it any more. What is staged for a replace names the generation: once that is announced
// it is not given again, so that when the replace has ended nobody can use what else was staged for it.

// uploadMargin is by how much the clocks of the machines that make up one store are allowed to differ.
const uploadMargin = 15 * time.Minute

// uploads says which uploads may be removed: those begun well before a record was written, or all.
type uploads struct {
	logs   LogStore
	record string // a name; empty: all
	// ended is the last generation of a replace that was announced. All up to it have ended, and what is staged for them
	// may be removed whenever it was begun.
	ended uint64
}

var allUploads = uploads{}

// uploads are those that were begun before this run took the Shard over.
func (l *ShardLog) uploads() uploads { return uploads{l.w.logs, recordName(l.w.log, l.opened), 0} }

// uploads are those that were begun before this run, and those for replaces that have ended; none is in progress.
func (r *Run) uploads() uploads {
	return uploads{r.cfg.Logs, recordName(DatasetLog, r.facts.opened), r.NextGeneration() - 1}
}

// bound returns a function that judges by when an upload was begun. The store is asked once, and only if there is one.
func (u uploads) bound(ctx context.Context) func(begun time.Time) (bool, error) {
	var before time.Time
	return func(begun time.Time) (bool, error) {
		if u.record == "" {
			return true, nil
		}
		if before.IsZero() {
			written, err := u.logs.Written(ctx, u.record)
			if err != nil {
				return false, explain("look at", u.record, err)
			}
			before = written.Add(-uploadMargin)
		}
		return begun.Before(before), nil
	}
}

// sweepStaged removes what runs of epochs below `below` staged for a Shard, except what is named. It must not be asked
// for the epochs of runs that may still commit there. Of what tells no epoch it removes these uploads; left tells that
// others are there.
func sweepStaged(
	ctx context.Context, pub chatferry.Publisher, shard chatferry.ShardID, below uint64, these uploads, named map[string]bool,
) (left bool, err error) {
	staged, err := pub.ListStaged(ctx, shard)
	if err != nil {
		return false, explain("list what is staged for", "shard "+shard.String(), err)
	}
	old := these.bound(ctx)
	for _, s := range staged {
		if s.Shard != shard || named[s.Ref] {
			continue
		}
		remove := s.Epoch < below
		if !s.Begun.IsZero() {
			if remove, err = old(s.Begun); err != nil {
				return false, err
			}
			remove = remove || s.Generation > 0 && s.Generation <= these.ended
			left = left || !remove
		}
		if !remove {
			continue
		}
		if err := pub.Unstage(ctx, s); err != nil {
			return left, explain("remove", s.Ref, err)
		}
	}
	return left, nil
}

// sweepDone removes what is staged for Shards that are done, by runs with an epoch below: every Part of such a Shard is
// published, so that nothing of it is needed any more, and nobody opens the Shard again.
func sweepDone(ctx context.Context, pub chatferry.Publisher, states []ShardState, below uint64) error {
	staged, err := pub.StagedShards(ctx)
	if err != nil {
		return explain("list what is staged", "for all shards", err)
	}
	for _, s := range states {
		if !s.Done || !slices.Contains(staged, s.Shard.ID) {
			continue
		}
		if _, err := sweepStaged(ctx, pub, s.Shard.ID, below, allUploads, nil); err != nil {
			return err
		}
	}
	return nil
}
