package dump

import (
	"context"
	"io"

	"chatferry"
)

// Store is a place where the files of a dump lie: a folder or one file of the local disk, or a prefix of an object
// store. Paths are relative to it, with forward slashes. Its methods may be called by several Lanes at once.
type Store interface {
	// Place names the Store to a person.
	Place() string
	// List finds the files, in no particular order. It asks descend before it enters a folder, and leaves out files and
	// folders whose names begin with a dot. What it finds but cannot offer as a file is passed over with a reason. A file
	// that cannot be read is an error.
	List(ctx context.Context, descend func(folder string) bool) ([]chatferry.File, []Ignored, error)
	// Open opens a file at a stored byte. The file must be as f says; otherwise the error is one of Changed. The context
	// holds for as long as the Object is open.
	Open(ctx context.Context, f chatferry.File, from int64) (Object, error)
}

// Object is an open file of a dump. One goroutine reads it; Close may be called meanwhile, and ends a Read that waits.
type Object interface {
	io.ReadCloser
	// Unchanged returns an error of KindIncompatible if the file is no longer as it was listed. It is called for every
	// Page, so it must be cheap: a store that reads one version of a file, whatever becomes of it, may return nil.
	Unchanged() error
}

// Ignored is something that was found in a dump and is not read.
type Ignored struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}
