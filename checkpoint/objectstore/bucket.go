package objectstore

import (
	"context"
	"io"
	"iter"
	"time"
)

// What S3 sets for uploads, and other stores keep to.
const (
	MinPart  = 5 << 20 // bytes of every part but the last
	MaxParts = 10000
	MaxPart  = 5 << 30 // bytes
)

// Bucket is a bucket and a prefix in it, the root of a dataset or of a dump. Names are slash-separated and relative to
// that root. What errors mean is said in this package's errors.go and above. The calls may be made by several goroutines
// at once. Each is sent again, with pauses that grow, when the store is busy or the connection breaks, until that has
// lasted too long.
type Bucket interface {
	// PutIfAbsent makes an object whose name is free, and returns its ETag. ErrExist: the name is taken, maybe by this
	// very call. ErrConflict: another writer was at work on the name; nothing was made.
	PutIfAbsent(ctx context.Context, name string, data []byte) (etag string, err error)
	// PutIfMatch replaces the object that has this ETag. ErrChanged: it has another one by now, maybe through this very
	// call. ErrNotExist: there is no such object.
	PutIfMatch(ctx context.Context, name string, data []byte, etag string) (newETag string, err error)
	// Get returns a whole object. It is for small ones.
	Get(ctx context.Context, name string) ([]byte, Info, error)
	// GetRange opens n bytes of an object from an offset on, or all from there if n is negative; the offset must lie
	// inside the object. With an etag, an object that has another one by now is ErrChanged. Info.Size is that of the
	// whole object. The body answers an error, never io.EOF, when it ends before its length.
	GetRange(ctx context.Context, name string, from, n int64, etag string) (io.ReadCloser, Info, error)
	// Head tells about an object.
	Head(ctx context.Context, name string) (Info, error)
	// List yields the objects whose names begin with a prefix, in the order of the names' bytes, from the first name
	// greater than after. It asks for pages as it goes. An error is yielded once, last.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]
	// Delete removes an object. One that is not there is done.
	Delete(ctx context.Context, name string) error

	// CreateUpload begins an upload to a name, which need not be free. Nobody sees it before Complete. When the answer
	// is lost, an upload stays behind that only ListUploads shows.
	CreateUpload(ctx context.Context, name string) (Upload, error)
	// UploadPart adds or replaces a part. The numbers begin with 1, the body is read from where it stands, maybe more
	// than once. ErrNoUpload: it was completed or aborted.
	UploadPart(ctx context.Context, u Upload, number int, body io.ReadSeeker, size int64, sum [32]byte) (Part, error)
	// ListUploads yields the uploads to names that begin with a prefix, in any order. An error is yielded once, last.
	ListUploads(ctx context.Context, prefix string) iter.Seq2[Upload, error]
	// ListParts lists the parts of an upload by their numbers. ErrNoUpload: it was completed or aborted.
	ListParts(ctx context.Context, u Upload) ([]Part, error)
	// Complete makes the object from all given parts, if the name is free, and ends the upload. ErrExist: the name is
	// taken, the upload goes on. ErrConflict: another writer was at work on the name. ErrNoUpload: it was completed,
	// maybe by this very call, or aborted.
	Complete(ctx context.Context, u Upload, parts []Part) (etag string, err error)
	// Abort ends an upload and drops its parts. One that is not there is done.
	Abort(ctx context.Context, u Upload) error

	// URI spells a name for a person: s3://bucket/prefix/name. The empty name gives the root.
	URI(name string) string
}

// Info is what a store tells about an object.
type Info struct {
	Name string
	Size int64
	ETag string // with its quotes, as the store gave it
	// Modified is the store's clock when the object was made, or begun to be uploaded.
	Modified time.Time
	// Checksum is PlainSHA256 or CompositeSHA256 of the bytes; "" from List, and from a store that keeps none.
	Checksum string
}

// Upload names one upload that is not completed.
type Upload struct {
	Name string
	ID   string
	// Begun is the store's clock when the upload was created, as ListUploads tells it; zero from CreateUpload.
	Begun time.Time
}

// Part is one part of an upload.
type Part struct {
	Number int
	Size   int64
	ETag   string
	SHA256 [32]byte // zero from ListParts of a store that keeps none
}
