package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/cmd/chatferry/doctor"
)

// lookAtTarget lets the doctor look at --to.
func (a *app) lookAtTarget(s *settings, look *doctor.Options) {
	root := string(s.To)
	look.Target = func(ctx context.Context) (doctor.Target, error) {
		held, err := a.tryTarget(ctx, root, &s.Config)
		if ctx.Err() != nil {
			return doctor.Target{}, context.Cause(ctx)
		}
		return doctor.Target{Held: held, Refused: err}, nil
	}
	look.Space = func() (doctor.Space, error) {
		folder := root
		if isS3(root) {
			folder = (&bucketHome{temp: string(s.TmpDir)}).local()
		}
		folder, err := nearestFolder(folder)
		if err != nil {
			return doctor.Space{}, err
		}
		free, total, err := atomicfile.Free(folder)
		return doctor.Space{Folder: printable(folder), Free: free, Total: total, InBucket: isS3(root)}, err
	}
}

// nearestFolder is the folder, or the nearest one above it that is there.
func nearestFolder(folder string) (string, error) {
	folder, err := filepath.Abs(folder)
	for err == nil {
		if _, err = os.Stat(folder); !errors.Is(err, fs.ErrNotExist) || folder == filepath.Dir(folder) {
			break
		}
		folder, err = filepath.Dir(folder), nil
	}
	return folder, err
}

// tryTarget does at a root what a run does before its first commit, and leaves nothing behind. held says that a live run
// works there: then nothing is tried.
func (a *app) tryTarget(ctx context.Context, root string, c *Config) (held bool, err error) {
	if !isS3(root) {
		left, err := missingFolders(root)
		if err != nil {
			return false, err
		}
		defer func() {
			for _, folder := range left {
				_ = os.Remove(folder) // one that somebody else uses by now is not empty
			}
		}()
	}
	t, err := a.makeTarget(ctx, root, c)
	if err != nil {
		return false, err
	}
	sign, err := t.sign(ctx)
	if err != nil {
		return false, err
	}
	if sign != nil && sign.Live {
		return true, nil
	}
	if folder, ok := t.home.(*folderHome); ok {
		if err := atomicfile.MkdirAll(folder.fsys, checkpoint.Folder); err != nil {
			return false, atomicfile.Explain("make", pathIn(t.root, checkpoint.Folder), err)
		}
	}
	return false, t.probe(ctx, newRunID(a.now()))
}

// missingFolders are the folders that a run would make: the log's, the root, and those above it, the deepest first.
func missingFolders(root string) (list []string, err error) {
	root, err = filepath.Abs(root)
	for folder := filepath.Join(root, checkpoint.Folder); err == nil && folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		list = append(list, folder)
	}
	return list, err
}
