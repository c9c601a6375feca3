package checkpoint

import (
	"context"
	"errors"
	"fmt"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/objectstore"
)

// explain wraps an error of a store for a person. That a run was told to stop is no fault of the store.
func explain(op, place string, err error) error {
	var answer *objectstore.Error
	isAnswer := errors.As(err, &answer)
	// A connection that could not be made in time passes for a deadline too.
	stopped := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case stopped && !errors.Is(err, objectstore.ErrUnreachable):
		return fmt.Errorf("%s %s: %w", op, place, err)
	case isAnswer:
		return objectstore.Explain(op, place, err)
	}
	return atomicfile.Explain(op, place, err)
}

// damaged is the error about a record, or FORMAT, that is not what was written.
func damaged(place string, err error) error {
	hint := "keep the dataset as it is; restore this file from a backup, or discard the dataset and run again"
	var newer *newerError
	if errors.As(err, &newer) {
		hint = "use the version of chatferry that wrote it, or a newer one"
	}
	return &chatferry.Error{Kind: chatferry.KindIncompatible, Op: "read", Place: place, Err: err, Hint: hint}
}

// newerError says that a record was written by a later version of the format.
type newerError struct{ reason string }

func (e *newerError) Error() string { return e.reason }

// fenced is the error of a run that was overtaken. The record by is what showed it.
func fenced(own uint64, by *Record) error {
	return &chatferry.Error{
		Kind: chatferry.KindFenced, Op: "append to", Place: "log " + by.Log,
		Err:  fmt.Errorf("epoch %d of this run is over: record %d was written by epoch %d at %s", own, by.N, by.Epoch, by.Time.Format("2006-01-02 15:04:05Z07:00")),
		Hint: "another run took over; let it work, nothing is lost",
	}
}

// takenError is the answer of an append that found its number taken by another's record.
type takenError struct{ by *Record }

func (e *takenError) Error() string {
	return fmt.Sprintf("record %d of log %s was written by epoch %d", e.by.N, e.by.Log, e.by.Epoch)
}
