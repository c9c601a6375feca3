package s3dump

import (
	"context"
	"errors"
	"strings"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/extract/dump"
)

// Store is a prefix of a bucket, or one object.
type Store struct {
	bucket objectstore.Bucket
	place  string // as keys of the bucket begin: "dumps/acme/", or nothing
	only   string // the one object below place, when that is all
}

var _ dump.Store = (*Store)(nil)

// Open opens a prefix, or one object, of a bucket whose root is that of the store's bucket. The prefix stands for a
// folder, with or without a slash at its end; where an object has this very key and others lie below it, the folder is
// meant.
func Open(ctx context.Context, bucket objectstore.Bucket, prefix string) (*Store, error) {
	s := &Store{bucket: bucket, place: prefix}
	if prefix == "" || strings.HasSuffix(prefix, "/") {
		return s, nil
	}
	s.place += "/"
	for _, err := range bucket.List(ctx, s.place, "") {
		return s, explain(ctx, "list dump", err)
	}
	cut := strings.LastIndexByte(prefix, '/') + 1
	s.place, s.only = prefix[:cut], prefix[cut:]
	_, err := bucket.Head(ctx, prefix)
	if errors.Is(err, objectstore.ErrNotExist) {
		return nil, &chatferry.Error{
			Kind: chatferry.KindEnvironment, Op: "open dump", Place: bucket.URI(prefix),
			Err:  errors.New("there is no such object, and none below this prefix"),
			Hint: "give a prefix that holds the files of a dump, or the key of one file",
		}
	}
	return s, explain(ctx, "open dump", err)
}

// Place implements dump.Store.
func (s *Store) Place() string { return s.bucket.URI(s.place + s.only) }

// List implements dump.Store.
func (s *Store) List(ctx context.Context, descend func(folder string) bool) ([]chatferry.File, []dump.Ignored, error) {
	if s.only != "" {
		info, err := s.bucket.Head(ctx, s.place+s.only)
		if err != nil {
			return nil, nil, explain(ctx, "list dump", err)
		}
		files := []chatferry.File{fileOf(s.only, info)}
		return files, nil, s.versioned(files)
	}
	w := &walk{store: s, descend: descend, folders: map[string]bool{}}
	if err := w.all(ctx); err != nil {
		return nil, nil, err
	}
	files := w.apart()
	return files, w.ignored, s.versioned(files)
}

// Open implements dump.Store. It asks for the bytes at once, so that an object which may be listed but not read is known.
func (s *Store) Open(ctx context.Context, f chatferry.File, from int64) (dump.Object, error) {
	o := &object{store: s, file: f, at: from}
	o.parent = ctx
	o.ctx, o.cancel = context.WithCancel(ctx)
	if err := o.begin(); err != nil {
		o.cancel()
		return nil, err
	}
	return o, nil
}

func fileOf(name string, info objectstore.Info) chatferry.File {
	return chatferry.File{Path: name, Size: info.Size, ETag: info.ETag}
}

// explain says what an error of the bucket, which names its place, means for a person. When ctx has ended it is ctx's
// cause.
func explain(ctx context.Context, op string, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return objectstore.Explain(op, "", err)
}
