// Package s3 is the load.Store in a bucket of S3, or of a store that speaks its language.
//
// A file is built in a local temporary file, since it is read back before it is staged, and is staged as an upload in
// parts to its final name that is not completed: no reader sees it, any machine can complete it. The order of calls is
// what makes a crash, and an answer that was lost, harmless:
//
//	stage    create the upload; send every part with its SHA-256
//	publish  ask for the final object; list the parts; complete the upload if the name is free; ask for the object
//
// Whatever the store answers to a completion, what is there afterwards decides: an object whose bytes are those of the
// record is a publication that is done, whoever did it. That it holds these bytes is proven by its SHA-256 over the
// SHA-256 of its parts, which the store computes and the record foretells (PartFile.StoreChecksum), or, where the store
// has none or was given other parts, by reading it. An upload that is gone and has left no object is told as
// chatferry.ErrStagingGone; nothing is uploaded again, and nothing is removed but what was asked for.
//
// An upload tells no epoch, so ListStaged tells when it was begun, by the store's clock.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/load"
)

// Store keeps the files of one dataset below a prefix of a bucket.
type Store struct {
	bucket objectstore.Bucket
	temp   string        // folder of the files being built
	slots  chan struct{} // one for each part on its way, over all files
	pause  time.Duration // before a publication is tried again, doubled each time

	partBytes int64 // of the first parts of a file
}

var _ load.Store = (*Store)(nil)

const (
	partsAtOnce = 8
	firstPause  = 100 * time.Millisecond
)

// New returns the Store on a dataset's root. Files are built in the local folder temp, where New removes what was left
// by a process that was killed; empty, it is that of the system.
func New(root objectstore.Bucket, temp string) (*Store, error) {
	if temp == "" {
		temp = os.TempDir()
	}
	// A relative path would follow the process when it changes its folder.
	temp, err := filepath.Abs(temp)
	if err == nil {
		err = sweepTemp(temp)
	}
	if err != nil {
		return nil, explainTemp("look into", temp, err)
	}
	return &Store{
		bucket: root, temp: temp, slots: make(chan struct{}, partsAtOnce),
		pause: firstPause, partBytes: partBytes,
	}, nil
}

// Create implements load.Store. Nothing is sent before Stage.
func (s *Store) Create(_ context.Context, t load.Target) (load.Staging, error) {
	if err := checkName(t.Name); err != nil {
		return nil, err
	}
	f, err := newTempFile(s.temp)
	if err != nil {
		return nil, explainTemp("create a file in", s.temp, err)
	}
	return newStaging(s, t.Name, f), nil
}

// SyncStaging implements load.Store: a part that was answered for is durable.
func (s *Store) SyncStaging(context.Context) error { return nil }

// ListStaged implements chatferry.Publisher.
func (s *Store) ListStaged(ctx context.Context, shard chatferry.ShardID) ([]chatferry.Staged, error) {
	var out []chatferry.Staged
	err := s.eachStaged(ctx, func(f chatferry.Staged) {
		if f.Shard == shard {
			out = append(out, f)
		}
	})
	return out, err
}

// StagedShards names the Shards for which something is staged, each once; 0 stands for replaces.
func (s *Store) StagedShards(ctx context.Context) ([]chatferry.ShardID, error) {
	var out []chatferry.ShardID
	err := s.eachStaged(ctx, func(f chatferry.Staged) {
		if !slices.Contains(out, f.Shard) {
			out = append(out, f.Shard)
		}
	})
	return out, err
}

// eachStaged visits every upload to the name of a file of a Part. Few are open at a time, those of all Shards together,
// and the names of one Shard have no prefix of their own.
func (s *Store) eachStaged(ctx context.Context, visit func(chatferry.Staged)) error {
	for u, err := range s.bucket.ListUploads(ctx, "") {
		if err != nil {
			return explain(ctx, "list uploads of", s.bucket.URI(""), err)
		}
		if id, ok := load.ShardOfName(u.Name); ok {
			visit(chatferry.Staged{Ref: refOf(u), Shard: id, Generation: load.GenerationOfName(u.Name), Begun: u.Begun})
		}
	}
	return nil
}

// Unstage implements chatferry.Publisher.
func (s *Store) Unstage(ctx context.Context, staged chatferry.Staged) error {
	u, err := parseRef(staged.Ref)
	if err != nil {
		return err
	}
	return s.abort(ctx, u)
}

func (s *Store) abort(ctx context.Context, u objectstore.Upload) error {
	return explain(ctx, "abort the upload of", s.bucket.URI(u.Name), s.bucket.Abort(ctx, u))
}

// Open implements load.Store. The file is read with ctx, and from one version of the object.
func (s *Store) Open(ctx context.Context, name string) (load.ReadFile, error) {
	info, err := s.bucket.Head(ctx, name)
	if err != nil {
		return nil, explain(ctx, "open", s.bucket.URI(name), err)
	}
	return newReadFile(ctx, s.bucket, name, info), nil
}

// Unpublish implements chatferry.Publisher.
func (s *Store) Unpublish(ctx context.Context, f chatferry.PartFile) error {
	if err := checkName(f.Name); err != nil {
		return err
	}
	place := s.bucket.URI(f.Name)
	if err := s.bucket.Delete(ctx, f.Name); err != nil {
		return explain(ctx, "remove", place, err)
	}
	_, err := s.bucket.Head(ctx, f.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return explain(ctx, "look for", place, err)
	}
	return &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: "remove", Place: place, Err: errors.New("the store said that it is removed, and still has it"),
		Hint: "look for what makes this object again or holds it back (a lock, a replication rule), then resume",
	}
}

// explain explains an error of the store for a person. That a run was told to stop is no fault of the store.
func explain(ctx context.Context, op, place string, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", op, place, err)
	}
	return objectstore.Explain(op, place, err)
}
