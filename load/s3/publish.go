package s3

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"chatferry"
	"chatferry/checkpoint/objectstore"
)

// publishTries is how often a completion is tried. Every try after the first has a reason of its own: an answer that was
// lost, another process at work on this file, whose steps can be seen, a part that was sent twice. With the pauses
// between them it takes more than a second to be told that a file is gone or damaged.
const publishTries = 5

// Publish implements chatferry.Publisher.
//
// Several processes may publish one file at once, one of them taken over and not yet aware of it. The store completes
// the upload once; whoever is told that it is gone finds the object.
func (s *Store) Publish(ctx context.Context, f chatferry.PartFile) error {
	u, err := parseRef(f.Staging)
	if err == nil {
		err = checkName(f.Name)
	}
	if err == nil && u.Name != f.Name {
		err = chatferry.Errorf(chatferry.KindIncompatible, hintReport, "%q is not an upload to %s", f.Staging, f.Name)
	}
	if err != nil {
		return err
	}
	p := publication{Store: s, f: f, upload: u}
	err = p.run(ctx)
	if errors.Is(err, chatferry.ErrStagingGone) {
		return fmt.Errorf("publish %s: %w", s.bucket.URI(f.Name), err)
	}
	return explain(ctx, "publish", s.bucket.URI(f.Name), err)
}

// publication is one call of Publish.
type publication struct {
	*Store
	f      chatferry.PartFile
	upload objectstore.Upload
	// lost: a completion was sent whose answer did not come, so that it may be carried out later.
	lost bool
}

func (p *publication) run(ctx context.Context) error {
	open, completed := error(nil), false
	for try := 0; ; try++ {
		if try > 0 && !completed {
			if err := wait(ctx, p.pause<<(try-1)); err != nil {
				return err
			}
		}
		done, err := p.published(ctx)
		switch {
		case err != nil:
			return err
		case done && completed:
			return nil
		case done:
			// Nothing is left of the upload, unless the object was made by another one of the same bytes.
			return p.abort(ctx, p.upload)
		case try == publishTries:
			return open
		}
		if open, err = p.complete(ctx); err != nil {
			return err
		}
		if completed = open == nil; completed {
			open = errors.New("the store said that it made the object, and does not have it")
		}
	}
}

// complete completes the upload. What the store answers is open if only looking for the object, or time, can tell what
// it means.
func (p *publication) complete(ctx context.Context) (open, err error) {
	parts, err := p.bucket.ListParts(ctx, p.upload)
	switch {
	case errors.Is(err, objectstore.ErrNoUpload) && p.lost:
		// The store may still be at it. Whoever publishes next gets a plain answer.
		return fmt.Errorf("%w: the upload is gone and the object is not there yet", objectstore.ErrAmbiguous), nil
	case errors.Is(err, objectstore.ErrNoUpload):
		return chatferry.ErrStagingGone, nil
	case err != nil:
		return nil, err
	}
	if err := p.checkParts(parts); err != nil {
		return err, nil // some stores remove the parts of a completed upload one by one
	}
	_, err = p.bucket.Complete(ctx, p.upload, parts)
	if !isOpen(err) {
		return nil, err
	}
	p.lost = p.lost || errors.Is(err, objectstore.ErrAmbiguous)
	return err, nil
}

// isOpen reports whether an answer to a completion leaves open what became of the upload.
func isOpen(err error) bool {
	for _, open := range []error{
		objectstore.ErrExist, objectstore.ErrNoUpload, objectstore.ErrConflict, objectstore.ErrAmbiguous,
	} {
		if errors.Is(err, open) {
			return true
		}
	}
	// A part got another ETag since it was listed, because it was sent twice, or is gone, because another completes.
	var answer *objectstore.Error
	return errors.As(err, &answer) && answer.Code == "InvalidPart"
}

// checkParts compares what is staged with the record.
func (p *publication) checkParts(parts []objectstore.Part) error {
	var size int64
	sums := make([][32]byte, len(parts))
	summed := len(parts) > 0
	for i, part := range parts {
		if part.Number != i+1 {
			return chatferry.Errorf(chatferry.KindIncompatible, hintUpload, "part %d of the upload is missing", i+1)
		}
		size += part.Size
		sums[i] = part.SHA256
		summed = summed && part.SHA256 != [32]byte{}
	}
	if size != p.f.Size {
		return chatferry.Errorf(chatferry.KindIncompatible, hintUpload, "%d bytes were uploaded, its record says %d", size, p.f.Size)
	}
	if p.f.StoreChecksum == "" || !summed {
		return nil
	}
	if sum := objectstore.CompositeSHA256(sums...); sum != p.f.StoreChecksum {
		return chatferry.Errorf(chatferry.KindIncompatible, hintUpload,
			"what was uploaded has the checksum %s, its record says %s", sum, p.f.StoreChecksum)
	}
	return nil
}

// published reports whether the object is there and has the record's bytes. One with others is an error.
func (p *publication) published(ctx context.Context) (bool, error) {
	info, err := p.bucket.Head(ctx, p.f.Name)
	if errors.Is(err, objectstore.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.Size != p.f.Size {
		return false, chatferry.Errorf(chatferry.KindIncompatible, hintObject, "it has %d bytes, its record says %d", info.Size, p.f.Size)
	}
	if info.Checksum != "" && info.Checksum == p.f.StoreChecksum {
		return true, nil
	}
	r := newReadFile(ctx, p.bucket, p.f.Name, info)
	defer r.Close() // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return false, err
	}
	if got := chatferry.SHA256(sum.Sum(nil)); got != p.f.SHA256 {
		return false, chatferry.Errorf(chatferry.KindIncompatible, hintObject,
			"it has the SHA-256 %s, its record says %s", got, p.f.SHA256)
	}
	return true, nil
}

// What to do about bytes that are not the record's. Once the object or the upload is gone, the range is read again.
const (
	hintObject = "another program or the store changed this file; copy it elsewhere, remove it, and resume"
	hintUpload = "another program or the store changed this upload; abort it (aws s3api abort-multipart-upload) and resume"
)

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
