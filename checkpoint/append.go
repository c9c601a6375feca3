package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"chatferry"
)

// appendTries bounds how often the same bytes are sent again when nobody can say what became of them.
const appendTries = 4

// writer appends to one log.
type writer struct {
	logs    LogStore
	now     func() time.Time
	nonce   func() string
	dataset string
	log     string
	epoch   uint64

	n    uint64           // the last record
	head chatferry.SHA256 // of its bytes; of FORMAT if there is none

	// tag is the epoch that half-made files are named for: that of the run, or of the one before while it has none.
	tag    uint64
	broken error // what became of an append is not known, or its number was taken: nothing more is appended
}

func (w *writer) folder() string { return logFolder + "/" + w.log }

// append fills the envelope of r and appends it. Nil means that the record is durable in the log. A *takenError means
// that another's record has the number, and that ours is not in the log and never will be. After any other error it may
// be there or not, and the log has to be opened again.
func (w *writer) append(ctx context.Context, r *Record) error {
	if w.broken != nil {
		return w.broken
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	err := w.send(ctx, r)
	w.broken = err
	return err
}

func (w *writer) send(ctx context.Context, r *Record) error {
	r.Format, r.N, r.Dataset, r.Log, r.Epoch = FormatVersion, w.n+1, w.dataset, w.log, w.epoch
	r.Prev, r.Nonce, r.Time = w.head, w.nonce(), w.now().UTC().Truncate(time.Millisecond)
	data, err := r.Encode()
	if err != nil {
		return err
	}
	if err := r.complete(); err != nil {
		panic(fmt.Sprintf("append an incomplete record: %v", err))
	}
	name := recordName(w.log, r.N)
	for range appendTries {
		err = w.logs.Create(ctx, name, epochTag(w.tag)+r.Nonce, data)
		if err == nil {
			w.n, w.head = r.N, sumOf(data)
			return nil
		}
		there, rerr := w.logs.Read(ctx, name)
		switch {
		case errors.Is(rerr, fs.ErrNotExist):
			continue
		case rerr != nil:
			err = errors.Join(err, rerr)
			continue
		case bytes.Equal(there, data):
			if err := w.logs.Sync(ctx, path.Dir(name)); err != nil {
				return explain("make durable", name, err)
			}
			w.n, w.head = r.N, sumOf(data)
			return nil
		}
		by, derr := DecodeRecord(there)
		if derr == nil {
			derr = by.at(w.dataset, w.log, r.N)
		}
		if derr != nil {
			return damaged(name, derr)
		}
		return &takenError{by}
	}
	return explain("append", name, err)
}

// appendOwned appends to a log that this run has taken over, where only a newer run can have taken the number.
func (w *writer) appendOwned(ctx context.Context, r *Record) error {
	err := w.append(ctx, r)
	var taken *takenError
	if errors.As(err, &taken) {
		return fenced(w.epoch, taken.by)
	}
	return err
}
