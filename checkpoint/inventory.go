package checkpoint

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"chatferry"
)

// InventoryFile is a file that exists for readers of the dataset.
type InventoryFile struct {
	chatferry.PartFile
	Stream    chatferry.Stream // empty for a file that a replace added
	Shard     chatferry.ShardID
	Seq       uint64
	Epoch     uint64 // of the run that added it
	At        time.Time
	Published bool // false: committed, but perhaps not visible under its name yet
}

// UUID names the dataset.
func (d *Dataset) UUID() string { return d.facts.format.Dataset }

// Records is the number of records in the dataset log.
func (d *Dataset) Records() uint64 { return d.facts.n }

// Runs returns every run that was begun, in order.
func (d *Dataset) Runs() []RunState { return d.facts.runs }

// Replaces returns every replace, in order; the last may be in progress.
func (d *Dataset) Replaces() []ReplaceState { return d.facts.replaces }

// Inventory returns the files that exist, sorted by name: those of every Part that was not reopened and those that
// replaces added, without those that replaces retired. A replace in progress has no effect yet.
func (d *Dataset) Inventory() []InventoryFile {
	var files []InventoryFile
	for _, s := range d.Shards {
		for _, p := range s.Commits {
			if p.Reopened {
				continue
			}
			for _, f := range p.Files {
				files = append(files, InventoryFile{
					PartFile: f, Stream: p.Stream, Shard: s.Shard.ID, Seq: p.Seq,
					Epoch: p.Epoch, At: p.At, Published: p.Published,
				})
			}
		}
	}
	for _, r := range d.facts.replaces {
		if !r.Done {
			continue
		}
		for _, f := range r.Add {
			files = append(files, InventoryFile{PartFile: f, Epoch: r.Epoch, At: r.At, Published: true})
		}
	}
	files = slices.DeleteFunc(files, func(f InventoryFile) bool { return d.facts.retired[f.Name] })
	slices.SortFunc(files, func(a, b InventoryFile) int { return strings.Compare(a.Name, b.Name) })
	return files
}

// Books returns the books of every Stream that has a Shard, after all moves, and the totals of every table.
func (d *Dataset) Books() (map[chatferry.Stream]chatferry.Books, map[chatferry.Table]TableTotals, error) {
	return sum(d.Shards, d.facts)
}

// sum adds up the states of all Shards and what replaces changed.
func sum(states []ShardState, f *facts) (map[chatferry.Stream]chatferry.Books, map[chatferry.Table]TableTotals, error) {
	books := map[chatferry.Stream]chatferry.Books{}
	tables := map[chatferry.Table]TableTotals{}
	for _, s := range states {
		b := books[s.Shard.Stream]
		b.Add(s.Totals.Books)
		books[s.Shard.Stream] = b
		for _, name := range slices.Sorted(maps.Keys(s.Tables)) {
			t := tables[name]
			t.Add(s.Tables[name])
			tables[name] = t
		}
	}
	for _, r := range f.replaces {
		if !r.Done {
			continue
		}
		for _, file := range r.Add {
			if file.Kind == chatferry.FileRows {
				t := tables[file.Table]
				t.Add(TableTotals{1, file.Rows, file.Size})
				tables[file.Table] = t
			}
		}
		for _, file := range r.Retire {
			if file.Kind == chatferry.FileRows {
				t := tables[file.Table]
				t.Add(TableTotals{-1, -file.Rows, -file.Size})
				tables[file.Table] = t
			}
		}
		for _, m := range r.Moves {
			i, ok := f.byID[m.Shard]
			if !ok {
				continue
			}
			stream := f.shards[i].Stream
			b := books[stream]
			if err := post(&b, m.From, m.Tally, true); err != nil {
				return nil, nil, err
			}
			if err := post(&b, m.To, m.Tally, false); err != nil {
				return nil, nil, err
			}
			books[stream] = b
		}
	}
	return books, tables, nil
}

// Sweep removes what is still staged for Shards that are done. Nothing of it is needed, whoever staged it: every Part of
// such a Shard is published. It may be there because a run that was overtaken deletes nothing.
func (d *Dataset) Sweep(ctx context.Context, pub chatferry.Publisher) error {
	for _, s := range d.Shards {
		if !s.Done {
			continue
		}
		if err := sweepStaged(ctx, pub, s.Shard.ID, math.MaxUint64, nil); err != nil {
			return err
		}
	}
	return nil
}
