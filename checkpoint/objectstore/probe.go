package objectstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"chatferry"
)

// Probe proves on a bucket what the commit protocol stands on: an object is put only onto a free name, or over the version
// that was named; an upload that is open is listed, with the time at which it was begun, and is completed only onto a
// free name. What fails is refused by name with KindEnvironment. The tag makes the name of the object in the folder that
// it leaves for an instant. What probes left there that did not come to their end it removes: the caller holds the folder.
func Probe(ctx context.Context, b Bucket, folder, tag string) (err error) {
	p := probe{Bucket: b, name: folder + "/probe-" + tag, all: folder + "/probe-"}
	defer func() {
		if cerr := p.clean(context.WithoutCancel(ctx)); err == nil {
			err = Explain("remove the probe from", b.URI(folder), cerr)
		}
	}()
	for _, step := range []func(context.Context) error{p.sweep, p.put, p.replace, p.complete} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

type probe struct {
	Bucket
	name   string
	all    string // the prefix of what probes leave
	etag   string
	upload Upload
}

var probed, other = []byte("probe\n"), []byte("other\n")

// sweep removes what is left of probes that were killed.
func (p *probe) sweep(ctx context.Context) error {
	for u, err := range p.ListUploads(ctx, p.all) {
		if err == nil {
			err = p.Abort(ctx, u)
		}
		if err != nil {
			return p.failed("look for probes beside", err)
		}
	}
	for info, err := range p.List(ctx, p.all, "") {
		if err == nil {
			err = p.Delete(ctx, info.Name)
		}
		if err != nil {
			return p.failed("look for probes beside", err)
		}
	}
	return nil
}

func (p *probe) put(ctx context.Context) error {
	_, err := p.PutIfAbsent(ctx, p.name, probed)
	if err != nil && !errors.Is(err, ErrExist) {
		return p.failed("write", err)
	}
	if _, err = p.PutIfAbsent(ctx, p.name, other); !errors.Is(err, ErrExist) {
		return p.refuse("refusing to put an object onto a name that is taken (If-None-Match)", err)
	}
	return p.holds(ctx, probed)
}

// holds compares the object, and notes its ETag.
func (p *probe) holds(ctx context.Context, want []byte) error {
	data, info, err := p.Get(ctx, p.name)
	switch {
	case err != nil:
		return p.failed("read", err)
	case !bytes.Equal(data, want) || info.Modified.IsZero() || info.ETag == "":
		return p.refuse("keeping an object as it was put", fmt.Errorf("it answered %d bytes, made at %v, ETag %q", len(data), info.Modified, info.ETag))
	}
	p.etag = info.ETag
	return nil
}

func (p *probe) replace(ctx context.Context) error {
	const what = "replacing only the version of an object that was named (If-Match)"
	first := p.etag
	if _, err := p.PutIfMatch(ctx, p.name, other, first); err != nil && !errors.Is(err, ErrChanged) {
		return p.refuse(what, err)
	}
	if err := p.holds(ctx, other); err != nil {
		return err
	}
	if _, err := p.PutIfMatch(ctx, p.name, probed, first); !errors.Is(err, ErrChanged) {
		return p.refuse(what, err)
	}
	return nil
}

func (p *probe) complete(ctx context.Context) (err error) {
	if p.upload, err = p.CreateUpload(ctx, p.name); err != nil {
		return p.failed("upload to", err)
	}
	part, err := p.UploadPart(ctx, p.upload, 1, bytes.NewReader(probed), int64(len(probed)), sha256.Sum256(probed))
	if err != nil {
		return p.failed("upload to", err)
	}
	if err := p.listed(ctx); err != nil {
		return err
	}
	const what = "refusing to complete an upload onto a name that is taken (If-None-Match)"
	if _, err := p.Complete(ctx, p.upload, []Part{part}); !errors.Is(err, ErrExist) {
		return p.refuse(what, err)
	}
	if err := p.holds(ctx, other); err != nil {
		return err
	}
	if err := p.Delete(ctx, p.name); err != nil {
		return p.failed("remove", err)
	}
	if _, err := p.Complete(ctx, p.upload, []Part{part}); err != nil && !errors.Is(err, ErrExist) && !errors.Is(err, ErrNoUpload) {
		return p.failed("complete the upload to", err)
	}
	return p.holds(ctx, probed)
}

func (p *probe) listed(ctx context.Context) error {
	const what = "listing uploads that are not completed"
	for u, err := range p.ListUploads(ctx, p.name) {
		if err != nil {
			return p.failed("list the uploads to", err)
		}
		if u.ID == p.upload.ID && u.Name == p.name {
			if u.Begun.IsZero() {
				return p.refuse(what, errors.New("it does not tell when they were begun"))
			}
			return nil
		}
	}
	return p.refuse(what, errors.New("one that was just begun is missing"))
}

func (p *probe) clean(ctx context.Context) error {
	var err error
	if p.upload.ID != "" {
		err = p.Abort(ctx, p.upload)
	}
	return errors.Join(err, p.Delete(ctx, p.name))
}

// failed is the error about a call that every store must carry out.
func (p *probe) failed(op string, err error) error { return Explain(op, p.URI(p.name), err) }

// refuse is the error about a store that lacks something; one that could not be asked is no such store.
func (p *probe) refuse(what string, err error) error {
	if temporary(err) || errors.Is(err, ErrDenied) {
		return p.failed("probe", err)
	}
	if err == nil {
		err = errors.New("it answered with success")
	}
	return &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: "probe", Place: p.URI(p.name), Err: fmt.Errorf("this store lacks %s: %w", what, err),
		Hint: "choose a store that has it, as S3 does; --single-writer does without, at your own risk, if never two runs work on the dataset",
	}
}
