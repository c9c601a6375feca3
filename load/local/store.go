// Package local is the load.Store on a local disk.
//
// A file is built as _chatferry/staging/<shard>.e<epoch>.<seq>.<label>.<nonce>.tmp, one that a replace adds as
// _chatferry/staging/r<generation>.e<epoch>.<number>.<label>.<nonce>.tmp, and published by giving it its final name with
// link(2), which never replaces a file. The order of operations is what makes a crash harmless:
//
//	stage    write, fsync the file; after the last file of the Part, fsync the staging folder
//	publish  link(staging, final); fsync the final folder; unlink staging
//
// Folders are made and fsynced into their parents before a file is made in them, the final folder too, so that nothing
// is committed that could not be published. Publication can be repeated from any point: a final name that is taken by
// the same bytes is a publication that got that far.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/load"
)

// stagingDir holds the files that are being built or wait to be published.
const stagingDir = "_chatferry/staging"

// Store keeps the files of one dataset in a folder.
type Store struct {
	fs      atomicfile.FS
	folders *atomicfile.Folders
}

var _ load.Store = (*Store)(nil)

// New returns the Store on a dataset's root folder. It touches nothing.
func New(root atomicfile.FS) *Store {
	return &Store{fs: root, folders: atomicfile.NewFolders(root)}
}

// stagingName is the reference of a staging file.
func stagingName(t load.Target) string {
	if t.Generation > 0 {
		return fmt.Sprintf("%s/r%012d.e%012d.%012d.%s.%s.tmp", stagingDir, t.Generation, t.Epoch, t.Seq, t.Label, t.Nonce)
	}
	return fmt.Sprintf("%s/%s.e%012d.%012d.%s.%s.tmp", stagingDir, t.Shard, t.Epoch, t.Seq, t.Label, t.Nonce)
}

// parseStagingName returns what a file name in the staging folder says. Other names are not chatferry's.
func parseStagingName(name string) (shard chatferry.ShardID, epoch uint64, ok bool) {
	parts := strings.Split(name, ".")
	if len(parts) != 6 || parts[5] != "tmp" || !strings.HasPrefix(parts[1], "e") {
		return 0, 0, false
	}
	number, added := strings.CutPrefix(parts[0], "r")
	id, err1 := strconv.ParseUint(number, 10, 64)
	epoch, err2 := strconv.ParseUint(parts[1][1:], 10, 64)
	_, err3 := strconv.ParseUint(parts[2], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, 0, false
	}
	if added {
		return 0, epoch, true // the number is a generation
	}
	return chatferry.ShardID(id), epoch, true
}

// Create implements load.Store.
func (s *Store) Create(_ context.Context, t load.Target) (load.Staging, error) {
	if err := checkName(t.Name); err != nil {
		return nil, err
	}
	for _, dir := range []string{stagingDir, path.Dir(t.Name)} {
		if err := s.folders.Make(dir); err != nil {
			return nil, atomicfile.Explain("make folder", dir, err)
		}
	}
	name := stagingName(t)
	f, err := s.fs.Create(name)
	if err != nil {
		if !errors.Is(err, fs.ErrExist) {
			// A remote disk may have made the file and lost the answer. The nonce makes the name this attempt's own.
			_ = s.fs.Remove(name)
		}
		return nil, atomicfile.Explain("create", name, err)
	}
	return newStaging(s.fs, name, f), nil
}

// SyncStaging implements load.Store.
func (s *Store) SyncStaging(context.Context) error {
	return atomicfile.Explain("fsync folder", stagingDir, s.fs.SyncDir(stagingDir))
}

// Open implements load.Store.
func (s *Store) Open(_ context.Context, name string) (load.ReadFile, error) {
	f, err := s.fs.Open(name)
	if err != nil {
		return nil, atomicfile.Explain("open", name, err)
	}
	return f, nil
}

// ListStaged implements chatferry.Publisher.
func (s *Store) ListStaged(_ context.Context, shard chatferry.ShardID) ([]chatferry.Staged, error) {
	var out []chatferry.Staged
	err := s.eachStaged(func(f chatferry.Staged) {
		if f.Shard == shard {
			out = append(out, f)
		}
	})
	return out, err
}

// StagedShards implements chatferry.Publisher.
func (s *Store) StagedShards(context.Context) ([]chatferry.ShardID, error) {
	var out []chatferry.ShardID
	err := s.eachStaged(func(f chatferry.Staged) {
		if !slices.Contains(out, f.Shard) {
			out = append(out, f.Shard)
		}
	})
	return out, err
}

// eachStaged visits every file in the staging folder that is chatferry's.
func (s *Store) eachStaged(visit func(chatferry.Staged)) error {
	names, err := s.fs.ReadDir(stagingDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return atomicfile.Explain("list folder", stagingDir, err)
	}
	for _, name := range names {
		if id, epoch, ok := parseStagingName(name); ok {
			visit(chatferry.Staged{Ref: path.Join(stagingDir, name), Shard: id, Epoch: epoch})
		}
	}
	return nil
}

// Unstage implements chatferry.Publisher.
func (s *Store) Unstage(_ context.Context, f chatferry.Staged) error {
	if err := checkStagingRef(f.Ref); err != nil {
		return err
	}
	return s.remove(f.Ref)
}

// remove unlinks a file; one that is gone is done.
func (s *Store) remove(name string) error {
	if err := s.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return atomicfile.Explain("remove", name, err)
	}
	return nil
}

// checkName refuses final names outside of the folders that hold files of Parts, so that a damaged record can neither
// publish over a log nor remove one.
func checkName(name string) error {
	for _, dir := range []string{"tables/", "_chatferry/ledger/", "_chatferry/quarantine/", "_chatferry/replayed/"} {
		if strings.HasPrefix(name, dir) && fs.ValidPath(name) {
			return nil
		}
	}
	return chatferry.Errorf(chatferry.KindIncompatible, "keep the dataset as it is and report this",
		"%q is not the name of a file of a Part", name)
}

func checkStagingRef(ref string) error {
	if path.Dir(ref) == stagingDir && fs.ValidPath(ref) {
		if _, _, ok := parseStagingName(path.Base(ref)); ok {
			return nil
		}
	}
	return chatferry.Errorf(chatferry.KindIncompatible, "keep the dataset as it is and report this",
		"%q is not the name of a staging file", ref)
}
