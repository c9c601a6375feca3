package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"chatferry"
)

// RunState is what the dataset log says about one run.
type RunState struct {
	RunOpen
	Epoch  uint64
	Opened time.Time
	Done   *RunDone // nil: it still works, or it died
	DoneAt time.Time
	DoneN  uint64 // the number of its run-done
}

// facts is the fold of the dataset log.
type facts struct {
	format format
	begin  chatferry.SHA256 // of FORMAT

	runs     []RunState
	shards   []chatferry.Shard
	added    []uint64 // the epoch that added each of shards
	byID     map[chatferry.ShardID]int
	replaces []ReplaceState
	retired  map[string]bool
	heads    map[string]Head // of Shard logs, as the runs that ended left them

	// shapedSince is the epoch from which on all runs have the same shaping settings as the last.
	shapedSince uint64

	opened uint64 // the number of the last run-open

	n    uint64
	head chatferry.SHA256
}

func newFacts(f format, begin chatferry.SHA256) *facts {
	return &facts{
		format: f, begin: begin, head: begin,
		byID: map[chatferry.ShardID]int{}, retired: map[string]bool{}, heads: map[string]Head{},
	}
}

// clone returns a copy that shares no memory with f that is written to.
func (f *facts) clone() *facts {
	c := *f
	c.runs, c.shards, c.added = slices.Clone(f.runs), slices.Clone(f.shards), slices.Clone(f.added)
	c.replaces = slices.Clone(f.replaces)
	c.byID, c.retired, c.heads = maps.Clone(f.byID), maps.Clone(f.retired), maps.Clone(f.heads)
	return &c
}

// read folds every record behind the last one folded.
func (f *facts) read(ctx context.Context, logs LogStore, to uint64) error {
	for f.n < to {
		if err := f.readNext(ctx, logs); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = damaged(recordName(DatasetLog, f.n+1), errors.New("it was listed, but it is not there"))
			}
			return err
		}
	}
	return nil
}

// readNext folds the next record; the error wraps fs.ErrNotExist if there is none.
func (f *facts) readNext(ctx context.Context, logs LogStore) error {
	r, sum, err := readRecord(ctx, logs, f.format.Dataset, DatasetLog, f.n+1)
	if err != nil {
		return err
	}
	if err := f.fold(r, sum); err != nil {
		return damaged(recordName(DatasetLog, r.N), err)
	}
	return nil
}

func (f *facts) epoch() uint64 {
	if len(f.runs) == 0 {
		return 0
	}
	return f.runs[len(f.runs)-1].Epoch
}

var errChain = errors.New("it does not follow the record before it: one of the two was changed or exchanged")

func (f *facts) fold(r *Record, sum chatferry.SHA256) error {
	if r.N != f.n+1 || r.Prev != f.head {
		return errChain
	}
	if r.Kind == KindRunOpen {
		if r.Epoch != f.epoch()+1 {
			return fmt.Errorf("a run of epoch %d begins after epoch %d", r.Epoch, f.epoch())
		}
	} else if r.Epoch != f.epoch() || r.Epoch == 0 {
		return fmt.Errorf("epoch %d wrote a record in epoch %d", r.Epoch, f.epoch())
	}
	switch r.Kind {
	case KindRunOpen:
		if len(f.runs) == 0 || !maps.Equal(f.runs[len(f.runs)-1].Shaping, r.RunOpen.Shaping) {
			f.shapedSince = r.Epoch
		}
		f.runs = append(f.runs, RunState{RunOpen: *r.RunOpen, Epoch: r.Epoch, Opened: r.Time})
		f.opened = r.N
	case KindShards:
		if err := f.checkShards(r.Shards.Added); err != nil {
			return err
		}
		for _, s := range r.Shards.Added {
			f.byID[s.ID] = len(f.shards)
			f.shards = append(f.shards, s)
			f.added = append(f.added, r.Epoch)
		}
	case KindReplace, KindReplaceDone, KindReplaceUndone, KindRemoved:
		if err := f.foldReplace(r); err != nil {
			return err
		}
	case KindRunDone:
		run := &f.runs[len(f.runs)-1]
		run.Done, run.DoneAt, run.DoneN = r.RunDone, r.Time, r.N
		maps.Copy(f.heads, r.RunDone.Heads)
	}
	f.n, f.head = r.N, sum
	return nil
}

// checkShards holds new Shards against the rules: ids rise and are never given again, and every path can be kept.
func (f *facts) checkShards(added []chatferry.Shard) error {
	last := chatferry.ShardID(0)
	if n := len(f.shards); n > 0 {
		last = f.shards[n-1].ID
	}
	for _, s := range added {
		if s.ID <= last {
			return fmt.Errorf("shard id %s follows %s; ids rise and are given once", s.ID, last)
		}
		if !s.Stream.Known() {
			return fmt.Errorf("shard %s is of an unknown stream %q", s.ID, s.Stream)
		}
		last = s.ID
		for _, file := range s.Files {
			if !utf8.ValidString(file.Path) || !utf8.ValidString(file.ETag) {
				return fmt.Errorf("file name %q of shard %s is not UTF-8; rename the file", file.Path, s.ID)
			}
		}
	}
	return nil
}

// changedShaping lists the shaping settings in which o differs from the dataset's last run.
func (f *facts) changedShaping(o map[string]string) []string {
	if len(f.runs) == 0 {
		return nil
	}
	was := f.runs[len(f.runs)-1].Shaping
	names := maps.Clone(was)
	maps.Copy(names, o)
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, ina := was[name]
		b, inb := o[name]
		switch {
		case !ina:
			changed = append(changed, fmt.Sprintf("%s (was not set, now %q)", name, b))
		case !inb:
			changed = append(changed, fmt.Sprintf("%s (was %q, now not set)", name, a))
		case a != b:
			changed = append(changed, fmt.Sprintf("%s (was %q, now %q)", name, a, b))
		}
	}
	return changed
}
