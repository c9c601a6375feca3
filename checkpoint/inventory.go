package checkpoint

import (
	"context"
	"fmt"
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
	Stream chatferry.Stream  // empty for a file with records of several Streams, or of none
	Shard  chatferry.ShardID // 0 and Seq 0 for a file that a replace added
	Seq    uint64
	// Generation is that of the replace that added it; 0: it was committed with a Part.
	Generation uint64
	Parts      []PartSpan // whose records it holds
	Epoch      uint64     // of the run that added it
	At         time.Time
	Published  bool // false: committed, but perhaps not visible under its name yet
}

// Retire is how a replace names a file that it retires.
func (f *InventoryFile) Retire() RetiredFile {
	return RetiredFile{Kind: f.Kind, Table: f.Table, Name: f.Name, Size: f.Size, Rows: f.Rows}
}

// UUID names the dataset.
func (d *Dataset) UUID() string { return d.facts.format.Dataset }

// Records is the number of records in the dataset log.
func (d *Dataset) Records() uint64 { return d.facts.n }

// Runs returns every run that was begun, in order.
func (d *Dataset) Runs() []RunState { return d.facts.runs }

// Replaces returns every replace, in order; the last may be in progress.
func (d *Dataset) Replaces() []ReplaceState { return d.facts.replaces }

// Due reports whether files wait that a run should remove by now. Begin removes them.
func (d *Dataset) Due(now time.Time) bool { return len(d.facts.due(now)) > 0 }

// NextGeneration is the generation of the replace that would be next.
func (d *Dataset) NextGeneration() uint64 { return d.facts.nextGeneration() }

// Inventory returns the files that exist, sorted by name: those of every Part that was not reopened and those that
// replaces added, without those that replaces retired. A replace in progress has no effect yet.
func (d *Dataset) Inventory() []InventoryFile {
	files := make([]InventoryFile, 0, len(d.account.files))
	for _, f := range d.account.files {
		files = append(files, *f)
	}
	slices.SortFunc(files, func(a, b InventoryFile) int { return strings.Compare(a.Name, b.Name) })
	return files
}

// FilesOf returns for every Part the files of the Inventory that hold records of it, sorted by name: those that it was
// committed with, or what took their place. A Part of which no file is left, or that never had one, is missing.
func (d *Dataset) FilesOf() map[PartID][]InventoryFile {
	out := map[PartID][]InventoryFile{}
	for _, f := range d.Inventory() {
		for _, span := range f.Parts {
			d.account.each(span, func(id PartID) { out[id] = append(out[id], f) })
		}
	}
	return out
}

// PartBooks returns the books of a Part after the moves of all replaces that are done, and whether there is such a Part.
// What its commit said is in its PartState.
func (d *Dataset) PartBooks(id PartID) (chatferry.Books, bool) {
	p, ok := d.account.parts[id]
	if !ok {
		return chatferry.Books{}, false
	}
	return p.books.Clone(), true
}

// ShardBooks returns the books of a Shard after the moves of all replaces that are done.
func (d *Dataset) ShardBooks(shard chatferry.ShardID) chatferry.Books {
	var sum chatferry.Books
	for _, id := range d.account.order[shard] {
		sum.Add(d.account.parts[id].books)
	}
	return sum
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
				return nil, nil, fmt.Errorf("replace %d moves records of shard %s, which is not there", r.Generation, m.Shard)
			}
			stream := f.shards[i].Stream
			b := books[stream]
			if err := post(&b, &m); err != nil {
				return nil, nil, fmt.Errorf("replace %d: %s: %w", r.Generation, stream, err)
			}
			books[stream] = b
		}
	}
	return books, tables, nil
}

// Sweep removes what is still staged for Shards that are done. Nothing of it is needed, whoever staged it: every Part of
// such a Shard is published. It may be there because a run that was overtaken deletes nothing. Of what is staged for
// replaces it removes what runs staged that are over; a newer one may be at work. The logs are those it was loaded from.
func (d *Dataset) Sweep(ctx context.Context, logs LogStore, pub chatferry.Publisher) error {
	if runs := d.facts.runs; len(runs) > 0 && runs[len(runs)-1].Done != nil && d.facts.replacing() == nil {
		begun := uploads{logs, recordName(DatasetLog, d.facts.opened), d.NextGeneration() - 1}
		if _, err := sweepStaged(ctx, pub, replacements, d.facts.epoch()+1, begun, nil); err != nil {
			return err
		}
	}
	return sweepDone(ctx, pub, d.Shards, math.MaxUint64)
}
