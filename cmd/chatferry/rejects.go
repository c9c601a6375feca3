package main

import (
	"context"
	"errors"
	"io/fs"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
)

// countQuarantine counts the Rejects by their code.
func (r *result) countQuarantine(ctx context.Context, t *target, d *checkpoint.Dataset) error {
	return eachReject(ctx, t, d, chatferry.FileQuarantine, func(reject *chatferry.Reject) error {
		if r.Quarantined == nil {
			r.Quarantined = map[chatferry.Code]int64{}
		}
		r.Quarantined[reject.Code]++
		return nil
	})
}

// eachReject calls f with every Reject of the dataset that files of a kind hold. A file that is committed and not yet published, by a run that
// works or that was killed, is passed over: the next run publishes it.
func eachReject(ctx context.Context, t *target, d *checkpoint.Dataset, kind chatferry.FileKind, f func(*chatferry.Reject) error) error {
	for _, file := range d.Inventory() {
		if file.Kind != kind {
			continue
		}
		if err := readRejects(ctx, t, file, f); err != nil {
			return err
		}
	}
	return nil
}

func readRejects(ctx context.Context, t *target, file checkpoint.InventoryFile, f func(*chatferry.Reject) error) (err error) {
	in, err := t.store.Open(ctx, file.Name)
	if errors.Is(err, fs.ErrNotExist) && !file.Published {
		return nil
	}
	damaged := func(err error) error {
		return &chatferry.Error{
			Kind: chatferry.KindIncompatible, Op: "read", Place: file.Name, Err: bare(err),
			Hint: "keep the dataset as it is, and restore this file from a backup",
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return damaged(fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for reject, err := range load.ReadQuarantine(in) {
		if err != nil {
			return damaged(err)
		}
		if err := f(&reject); err != nil {
			return err
		}
	}
	return nil
}
