package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/settle"
)

// closeBooks returns an error of KindDiffers unless every Stream's books close and agree with the rows of its table.
func closeBooks(d *checkpoint.Dataset) error {
	books, tables, err := d.Books()
	if err != nil {
		return err
	}
	for _, stream := range chatferry.Streams() {
		b, ok := books[stream]
		if !ok {
			continue
		}
		if err := b.Close(); err != nil {
			return fmt.Errorf("%s: %w", stream, err)
		}
		if rows := tables[stream.Parent()].Rows; rows != b.Loaded.N {
			return chatferry.Errorf(chatferry.KindDiffers, "keep the dataset as it is and report this",
				"the books of %s say that %d records were loaded, but the files of its table hold %d rows", stream, b.Loaded.N, rows)
		}
	}
	return nil
}

// exceptions are what a person should look at, of all that was carried since a run last came to its end: an import that
// was killed and resumed answers for the records that it put aside before it was killed.
type exceptions struct {
	quarantined, doubts int64
	replayed            bool   // what is quarantined is all that a replay left there
	absent              string // the Streams that the source did not give
	unproven            string // the Streams that may not have been read whole
}

func (e exceptions) none() bool {
	e.replayed = false
	return e == exceptions{}
}

// sinceDone returns what was put aside since the last run that came to its end.
func (c *carriage) sinceDone(d *checkpoint.Dataset) exceptions {
	from := uint64(0)
	for _, r := range d.Runs() {
		if r.Done != nil && c.alike(&r) {
			from = r.Epoch
		}
	}
	return c.since(d, from)
}

// since counts what runs of later epochs than from put aside. If one of them took records out of quarantine, it answers for
// the quarantine as a whole: for all that is left there.
func (c *carriage) since(d *checkpoint.Dataset, from uint64) exceptions {
	e := aside(d, from, c.carries)
	for _, r := range d.Replaces() {
		if r.Done && r.Reason == settle.ReasonReplay && r.Begun > from {
			return exceptions{quarantined: inQuarantine(d), doubts: e.doubts, replayed: true}
		}
	}
	return e
}

// inQuarantine counts what is in quarantine.
func inQuarantine(d *checkpoint.Dataset) (n int64) {
	for _, f := range d.Inventory() {
		if f.Kind == chatferry.FileQuarantine {
			n += f.Rows
		}
	}
	return n
}

// ofLastDone returns what the last run that came to its end had to report. Whoever finds the dataset complete reports it
// again: the process that should have may have died behind its last record.
func (c *carriage) ofLastDone(d *checkpoint.Dataset) exceptions {
	from, last := uint64(0), checkpoint.RunState{}
	for _, r := range d.Runs() {
		if r.Done != nil && c.alike(&r) {
			from, last = last.Epoch, r
		}
	}
	if last.Done == nil || last.Done.ExitCode != exitPartial {
		return exceptions{}
	}
	return c.since(d, from)
}

// lastDone returns the last run that came to its end; nil: there is none, or no dataset.
func lastDone(d *checkpoint.Dataset) *checkpoint.RunState {
	return lastRun(d, func(*checkpoint.RunState) bool { return true })
}

// lastDoneOf returns the last run that came to its end and carried a Stream, if it was asked for.
func lastDoneOf(d *checkpoint.Dataset, stream chatferry.Stream) *checkpoint.RunState {
	return lastRun(d, func(r *checkpoint.RunState) bool { return carried(r, stream) })
}

// carried reports whether a run was to carry a Stream, if it was there.
func carried(r *checkpoint.RunState, stream chatferry.Stream) bool {
	only, err := askedOf(r)
	return err == nil && phaseCarries(r.Operation["phase"], stream) && (len(only) == 0 || only.has(stream))
}

// askedOf returns the Streams that a run was asked for; none: all. An error names one of a later version.
func askedOf(r *checkpoint.RunState) (only streamSet, err error) {
	if names := r.Scope["streams"]; names != "" {
		err = only.Set(names)
	}
	return only, err
}

func lastRun(d *checkpoint.Dataset, meant func(*checkpoint.RunState) bool) *checkpoint.RunState {
	if d == nil {
		return nil
	}
	runs := d.Runs()
	for i := len(runs) - 1; i >= 0; i-- {
		if runs[i].Done != nil && meant(&runs[i]) {
			return &runs[i]
		}
	}
	return nil
}

// aside counts what runs of later epochs than from put aside of the Streams that are counted, and what is still there.
func aside(d *checkpoint.Dataset, from uint64, counted func(chatferry.Stream) bool) exceptions {
	var e exceptions
	for _, s := range d.Shards {
		if !counted(s.Shard.Stream) {
			continue
		}
		for _, p := range s.Commits {
			if !p.Reopened && p.Epoch > from {
				books, _ := d.PartBooks(checkpoint.PartID{Shard: s.Shard.ID, Seq: p.Seq})
				e.quarantined += books.Quarantined.N
				e.doubts += int64(len(p.Doubts))
			}
		}
	}
	return e
}

// present returns an error of KindDiffers that names the first published file that is gone or has another size. What
// else may have happened to its bytes is not looked at.
func (t *target) present(ctx context.Context, d *checkpoint.Dataset) error {
	sizeOf, err := t.sizes(ctx)
	if err != nil {
		return err
	}
	for _, f := range d.Inventory() {
		size, err := sizeOf(f.Name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !f.Published:
			continue // the next run publishes it
		case errors.Is(err, fs.ErrNotExist):
			err = errors.New("a file that was committed and published is gone")
		case err != nil:
			return err
		case size < 0:
			err = errors.New("it is no file")
		case size != f.Size:
			err = fmt.Errorf("it has %d bytes, the log says %d", size, f.Size)
		default:
			continue
		}
		return &chatferry.Error{
			Kind: chatferry.KindDiffers, Op: "look at", Place: f.Name, Err: err,
			Hint: "restore this file from a backup, or discard the dataset and run again",
		}
	}
	return nil
}
