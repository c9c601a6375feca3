package settle

import (
	"context"
	"errors"
	"maps"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// replayFiles are the files of a unit of which records leave the quarantine: their rows and entries of the ledger, the
// Rejects that they were, and the Rejects that stay.
type replayFiles struct {
	b      *batch
	rows   map[chatferry.Table]*load.ReplacementFile
	ledger *load.ReplacementFile
	left   *load.ReplacementFile
	stay   *load.ReplacementFile
	moves  map[checkpoint.PartID]*chatferry.Books // of what leaves
}

// replay exchanges the files in quarantine of a unit for what has become of the records that are meant.
func (b *batch) replay(ctx context.Context, p *replayer, u *unit) error {
	b.begin()
	b.body.Rule = p.Rule
	w := &replayFiles{b: b, rows: map[chatferry.Table]*load.ReplacementFile{}, moves: map[checkpoint.PartID]*chatferry.Books{}}
	err := p.eachPage(ctx, u, w.page)
	if err == nil {
		err = w.seal(ctx, u)
	}
	if err != nil {
		return errors.Join(err, w.abort())
	}
	for _, f := range u.of(chatferry.FileQuarantine, "") {
		b.retire(f)
	}
	var moves []checkpoint.Move
	for _, id := range u.parts {
		moves = append(moves, movesOf(id, w.moves[id])...)
	}
	b.move(u.stream, moves)
	return nil
}

// movesOf are the moves of the records of a Part out of its quarantine.
func movesOf(id checkpoint.PartID, books *chatferry.Books) (out []checkpoint.Move) {
	if books == nil {
		return nil
	}
	move := func(to checkpoint.Column, t chatferry.Tally) {
		if t.N > 0 {
			out = append(out, checkpoint.Move{Shard: id.Shard, Seq: id.Seq, From: checkpoint.Quarantined, To: to, Tally: t})
		}
	}
	move(checkpoint.Loaded, books.Loaded)
	for _, reason := range slices.Sorted(maps.Keys(books.Excluded)) {
		move(checkpoint.Excluded(reason), books.Excluded[reason])
	}
	return out
}

// The keys under which files of Rejects are numbered, beside the tables.
const (
	numberLeft = chatferry.Table("\x00left")
	numberStay = chatferry.Table("\x00stay")
)

// page writes what became of a page.
func (w *replayFiles) page(u *unit, page []candidate, batch *chatferry.Batch) error {
	for i := range page {
		c := &page[i]
		f, begin, key := &w.left, w.b.files.Replayed, numberLeft
		if c.stays != nil {
			f, begin, key = &w.stay, w.b.files.Quarantine, numberStay
		}
		if *f == nil {
			var err error
			if *f, err = begin(w.b.number(key)); err != nil {
				return err
			}
		}
		if err := (*f).WriteReject(&c.Reject); err != nil {
			return err
		}
	}
	if batch == nil {
		return nil
	}
	id := checkpoint.PartID{Shard: page[0].Shard, Seq: page[0].Seq}
	if w.moves[id] == nil {
		w.moves[id] = &chatferry.Books{}
	}
	w.moves[id].Add(batch.Books)
	for _, r := range batch.Rows {
		f := w.rows[r.Table]
		if f == nil {
			var err error
			if f, err = w.b.files.Rows(r.Table, w.b.number(r.Table), transform.Schema(r.Table)); err != nil {
				return err
			}
			w.rows[r.Table] = f
		}
		if err := f.Write(r.Record); err != nil {
			return err
		}
	}
	if len(batch.Ledger) == 0 {
		return nil
	}
	if w.ledger == nil {
		var err error
		if w.ledger, err = w.b.files.Ledger(w.b.number("")); err != nil {
			return err
		}
	}
	return w.ledger.WriteEntries(id.Shard, id.Seq, batch.Ledger)
}

// files returns what was begun, in the order in which it is listed.
func (w *replayFiles) files(stream chatferry.Stream) (out []*load.ReplacementFile) {
	for _, t := range stream.Tables() {
		out = append(out, w.rows[t])
	}
	out = append(out, w.ledger, w.stay, w.left)
	return slices.DeleteFunc(out, func(f *load.ReplacementFile) bool { return f == nil })
}

func (w *replayFiles) seal(ctx context.Context, u *unit) error {
	for _, f := range w.files(u.stream) {
		if _, err := w.b.seal(ctx, f, u.spans); err != nil {
			return err
		}
	}
	w.rows, w.ledger, w.left, w.stay = nil, nil, nil, nil // the batch's from now on
	return nil
}

// abort removes what was begun. A file that is sealed is removed twice, by the batch too, which may be.
func (w *replayFiles) abort() error {
	var errs []error
	for _, f := range w.rows {
		errs = append(errs, f.Abort())
	}
	for _, f := range []*load.ReplacementFile{w.ledger, w.left, w.stay} {
		if f != nil {
			errs = append(errs, f.Abort())
		}
	}
	return errors.Join(errs...)
}
