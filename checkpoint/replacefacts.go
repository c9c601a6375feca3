package checkpoint

import (
	"fmt"
	"time"

	"chatferry"
)

// foldReplace folds the records of replaces. That their files and moves fit the Shard logs is for account to see.
func (f *facts) foldReplace(r *Record) error {
	switch r.Kind {
	case KindReplace:
		if f.replacing() != nil || r.Replace.Generation != f.nextGeneration() {
			return fmt.Errorf("replace %d is out of order", r.Replace.Generation)
		}
		f.replaces = append(f.replaces, ReplaceState{Replace: *r.Replace, N: r.N, Begun: r.Epoch, Epoch: r.Epoch, At: r.Time})
	case KindReplaceDone:
		open, err := f.ends(r, r.ReplaceDone.Generation)
		if err != nil {
			return err
		}
		open.Done = true
		for _, file := range open.Retire {
			f.retired[file.Name] = true
		}
		open.Removed = len(open.Retire) == 0
	case KindReplaceUndone:
		open, err := f.ends(r, r.ReplaceUndone.Generation)
		if err != nil {
			return err
		}
		open.Undone = true
	case KindRemoved:
		last := uint64(0)
		for _, g := range r.Removed.Generations {
			if g <= last || g > uint64(len(f.replaces)) {
				return fmt.Errorf("what replace %d left is removed out of order", g)
			}
			last = g
			if of := &f.replaces[g-1]; of.Removed || !of.Done && !of.Undone {
				return fmt.Errorf("what replace %d left is removed, but there is nothing to remove", g)
			}
		}
		for _, g := range r.Removed.Generations {
			f.replaces[g-1].Removed = true
		}
	}
	return nil
}

// ends returns the replace in progress, which the record r ends.
func (f *facts) ends(r *Record, generation uint64) (*ReplaceState, error) {
	open := f.replacing()
	if open == nil || generation != open.Generation {
		return nil, fmt.Errorf("replace %d ends, but is not in progress", generation)
	}
	open.Epoch, open.At = r.Epoch, r.Time
	return open, nil
}

func (f *facts) nextGeneration() uint64 { return uint64(len(f.replaces)) + 1 }

// replacing returns the replace that is in progress, or nil.
func (f *facts) replacing() *ReplaceState {
	if n := len(f.replaces); n > 0 && !f.replaces[n-1].Done && !f.replaces[n-1].Undone {
		return &f.replaces[n-1]
	}
	return nil
}

// due returns the replaces of which something has to be removed by now.
func (f *facts) due(now time.Time) []ReplaceState {
	var out []ReplaceState
	for i := range f.replaces {
		if f.replaces[i].due(now) {
			out = append(out, f.replaces[i])
		}
	}
	return out
}

// touched returns the replace in effect that changed something of a Part, or nil.
func (f *facts) touched(shard chatferry.ShardID, p *chatferry.Part) *ReplaceState {
	for i := range f.replaces {
		if r := &f.replaces[i]; r.Done && r.touches(shard, p) {
			return r
		}
	}
	return nil
}
