package main

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"time"

	"chatferry/checkpoint"
	"chatferry/checkpoint/objectstore"
	"chatferry/cmd/chatferry/settle"
)

// bucketHome is a prefix of a bucket.
type bucketHome struct {
	bucket objectstore.Bucket
	temp   string // the local folder in which files are built; empty: that of the system
}

var _ home = (*bucketHome)(nil)

// objectLock is the name of the lock.
const objectLock = checkpoint.Folder + "/lock.json"

func (h *bucketHome) prepare(ctx context.Context) error {
	for _, err := range h.bucket.List(ctx, checkpoint.Folder+"/", "") {
		return objectstore.Explain("list", h.bucket.URI(checkpoint.Folder), err) // nil: something is there
	}
	for info, err := range h.bucket.List(ctx, "", "") {
		if err != nil {
			return objectstore.Explain("list", h.bucket.URI(""), err)
		}
		return usage("choose a prefix with nothing below it",
			"%s holds %s and is not a dataset of chatferry", h.bucket.URI(""), printable(info.Name))
	}
	return nil
}

func (h *bucketHome) probe(ctx context.Context, tag string) error {
	return objectstore.Probe(ctx, h.bucket, checkpoint.Folder, tag)
}

func (h *bucketHome) lock(ctx context.Context, o checkpoint.LockOptions) (runLock, error) {
	l, err := checkpoint.TakeObjectLock(ctx, h.bucket, o)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (h *bucketHome) sign(ctx context.Context) (*checkpoint.Sign, error) {
	return checkpoint.LastObjectSign(ctx, h.bucket)
}

func (h *bucketHome) size(ctx context.Context, name string) (int64, error) {
	info, err := h.bucket.Head(ctx, name)
	if err != nil {
		return 0, objectstore.Explain("look at", h.bucket.URI(name), err)
	}
	return info.Size, nil
}

// sizes lists what is there: one request for each thousand files, where size takes one for each.
func (h *bucketHome) sizes(ctx context.Context) (func(string) (int64, error), error) {
	there := map[string]int64{}
	err := h.listData(ctx, func(info *objectstore.Info) { there[info.Name] = info.Size })
	return func(name string) (int64, error) {
		size, ok := there[name]
		if !ok {
			return 0, fs.ErrNotExist
		}
		return size, nil
	}, err
}

func (h *bucketHome) versions(ctx context.Context) (func(string) string, error) {
	there := map[string]string{}
	err := h.listData(ctx, func(info *objectstore.Info) { there[info.Name] = info.ETag + info.Modified.UTC().Format(time.RFC3339) })
	return func(name string) string { return there[name] }, err
}

// listData lists the files that a dataset consists of.
func (h *bucketHome) listData(ctx context.Context, each func(*objectstore.Info)) error {
	for _, prefix := range []string{"tables/", checkpoint.Folder + "/ledger/", checkpoint.Folder + "/quarantine/", checkpoint.Folder + "/replayed/"} {
		for info, err := range h.bucket.List(ctx, prefix, "") {
			if err != nil {
				return objectstore.Explain("list", h.bucket.URI(prefix), err)
			}
			each(&info)
		}
	}
	return nil
}

func (h *bucketHome) derived(uint64) settle.Derived { return settle.Objects(h.bucket) }

func (h *bucketHome) replace(ctx context.Context, name, _ string, data []byte) error {
	if err := objectstore.Replace(ctx, h.bucket, name, data); err != nil {
		return objectstore.Explain("write", h.bucket.URI(name), err)
	}
	return nil
}

func (h *bucketHome) local() string {
	if h.temp == "" {
		return os.TempDir()
	}
	return h.temp
}

func (h *bucketHome) contents(ctx context.Context, visit func(name string, size int64)) error {
	foreign := ""
	for info, err := range h.bucket.List(ctx, "", "") {
		if err != nil {
			return objectstore.Explain("list", h.bucket.URI(""), err)
		}
		top, _, below := strings.Cut(info.Name, "/")
		switch {
		case below && isForeign(info.Name):
			if top != foreign { // names come in order
				visit(top+"/", 0)
			}
			foreign = top
		default:
			visit(info.Name, info.Size)
		}
	}
	return nil
}

func (h *bucketHome) erase(ctx context.Context, names []string) error {
	for _, name := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := h.bucket.Delete(ctx, name); err != nil {
			return objectstore.Explain("remove", h.bucket.URI(name), err)
		}
	}
	return nil
}

func (h *bucketHome) eraseLast(ctx context.Context) error {
	for u, err := range h.bucket.ListUploads(ctx, "") {
		if err != nil {
			return objectstore.Explain("list uploads of", h.bucket.URI(""), err)
		}
		if isForeign(u.Name) {
			continue
		}
		if err := h.bucket.Abort(ctx, u); err != nil {
			return objectstore.Explain("abort the upload of", h.bucket.URI(u.Name), err)
		}
	}
	return h.erase(ctx, []string{objectLock})
}
