package settle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
)

// batch collects what one replace exchanges. What it rewrites comes in the order of Stream, Shard and number, and a batch
// is full after so many bytes: a settle that was killed between two replaces goes on with the very next one.
type batch struct {
	s      *settler
	d      *checkpoint.Dataset
	reason string

	files  *load.Replacement
	sealed []*load.ReplacementFile
	body   checkpoint.Replace
	first  uint64                     // number of the unit's first files
	next   map[chatferry.Table]uint64 // of the unit's next file of a table; "": of its next ledger
	bytes  int64                      // that are retired
	moved  map[chatferry.Stream][]checkpoint.Move
}

func (s *settler) newBatch(d *checkpoint.Dataset, reason string) *batch {
	return &batch{s: s, d: d, reason: reason}
}

// begin starts the files of the next unit.
func (b *batch) begin() {
	if b.files == nil {
		generation := b.s.o.Run.NextGeneration()
		sink := load.NewSink(b.s.o.Store)
		if b.s.o.sink != nil {
			b.s.o.sink(sink)
		}
		b.files = sink.BeginReplacement(generation, b.s.o.Run.Epoch())
		b.body = checkpoint.Replace{
			Generation: generation, Reason: b.reason, KeepS: int64(b.s.o.KeepRetired / time.Second),
			Retire: []checkpoint.RetiredFile{}, Add: []checkpoint.AddedFile{},
		}
		b.moved = map[chatferry.Stream][]checkpoint.Move{}
	}
	last := b.first
	for _, next := range b.next {
		last = max(last, next-1)
	}
	b.first, b.next = last+1, map[chatferry.Table]uint64{}
}

// number gives the next file of a table its number, or the next ledger. Files of one unit have one number, as long as
// there is one for each table.
func (b *batch) number(t chatferry.Table) uint64 {
	n := max(b.first, b.next[t])
	b.next[t] = n + 1
	return n
}

// seal finishes a file that holds records of the given Parts.
func (b *batch) seal(ctx context.Context, f *load.ReplacementFile, parts []checkpoint.PartSpan) (chatferry.PartFile, error) {
	done, err := f.Seal(ctx)
	if err == nil {
		b.keep(f, done, parts)
	}
	return done, err
}

// keep adds a file that is finished.
func (b *batch) keep(f *load.ReplacementFile, done chatferry.PartFile, parts []checkpoint.PartSpan) {
	b.sealed = append(b.sealed, f)
	b.body.Add = append(b.body.Add, checkpoint.AddedFile{PartFile: done, Parts: parts})
}

// retire takes a file out of the dataset.
func (b *batch) retire(f *checkpoint.InventoryFile) {
	b.body.Retire = append(b.body.Retire, f.Retire())
	b.bytes += f.Size
}

// move moves records of a Stream in the books.
func (b *batch) move(stream chatferry.Stream, moves []checkpoint.Move) {
	b.body.Moves = append(b.body.Moves, moves...)
	b.moved[stream] = append(b.moved[stream], moves...)
}

// full carries the replace out if it is big enough.
func (b *batch) full(ctx context.Context) error {
	if b.bytes < b.s.limits.replaceBytes && len(b.body.Retire) < b.s.limits.replaceFiles {
		return nil
	}
	return b.replace(ctx)
}

// replace carries the replace out, if there is anything in it.
func (b *batch) replace(ctx context.Context) error {
	if b.files == nil {
		return nil
	}
	if err := b.files.Sync(ctx); err != nil {
		return err
	}
	b.sealed = nil // whatever comes, they are the log's to publish or to sweep
	b.s.known = nil
	if err := b.s.o.Run.Replace(ctx, b.body); err != nil {
		return fmt.Errorf("%s: %w", b.reason, err)
	}
	r := &b.s.report
	r.Replaces++
	r.FilesAdded += len(b.body.Add)
	r.FilesRetired += len(b.body.Retire)
	r.BytesRetired += b.bytes
	for i := range b.body.Add {
		r.BytesAdded += b.body.Add[i].Size
	}
	for stream, moves := range b.moved {
		for _, m := range moves {
			switch {
			case m.From == checkpoint.Quarantined:
				r.Replayed += m.N
			case m.To == checkpoint.Superseded:
				r.Superseded[stream] += m.N
			default:
				r.Deleted += m.N
			}
		}
	}
	b.s.o.Log.Info("replaced files of the dataset", "reason", b.reason, "generation", b.body.Generation,
		"added", len(b.body.Add), "retired", len(b.body.Retire))
	*b = batch{s: b.s, d: b.d, reason: b.reason}
	return nil
}

// discard removes what is staged and was not announced.
func (b *batch) discard() error {
	var errs []error
	for _, f := range b.sealed {
		errs = append(errs, f.Abort())
	}
	b.sealed = nil
	return errors.Join(errs...)
}
