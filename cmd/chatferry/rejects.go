package main

import (
	"context"
	"errors"
	"io/fs"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/certificate"
	"chatferry/load"
)

// countQuarantine counts the Rejects by their code.
func (r *result) countQuarantine(ctx context.Context, t *target, d *checkpoint.Dataset) error {
	rejects, err := t.rejects(ctx, d)
	for _, codes := range rejects {
		if r.Quarantined == nil {
			r.Quarantined = map[chatferry.Code]int64{}
		}
		for code, n := range codes {
			r.Quarantined[code] += n
		}
	}
	return err
}

// rejects counts what is in quarantine by Stream and code. A file is read once: the certificate of a run and its summary
// count the same.
func (t *target) rejects(ctx context.Context, d *checkpoint.Dataset) (certificate.Rejects, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := certificate.Rejects{}
	for _, file := range d.Inventory() {
		if file.Kind != chatferry.FileQuarantine {
			continue
		}
		one, known := t.counted[file.SHA256]
		if !known {
			one = certificate.Rejects{}
			err := readRejects(ctx, t, file, func(r *chatferry.Reject) error {
				one.Add(r.Stream, r.Code, 1)
				return nil
			})
			if err != nil {
				return all, err
			}
			if file.Published { // else it may not be there yet
				t.counted[file.SHA256] = one
			}
		}
		for stream, codes := range one {
			for code, n := range codes {
				all.Add(stream, code, n)
			}
		}
	}
	return all, nil
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
