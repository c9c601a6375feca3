package s3dump

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"chatferry"
	"chatferry/extract/dump"
)

const (
	// jumpAfter is how many objects in a row that are left out with their folder are worth a new request which passes over
	// the rest of the folder. A page of a listing holds as many.
	jumpAfter = 1000
	// lastRune is greater than any other in the order of keys, which are UTF-8.
	lastRune = "\U0010FFFF"
)

// walk is one listing of a Store. It reads the keys in their order, which is that of their bytes, in pages, and does not
// depend on there being folders: where a folder is not entered, the listing goes on behind it.
type walk struct {
	store   *Store
	descend func(string) bool
	folders map[string]bool // whether the listing entered them
	files   []chatferry.File
	ignored []dump.Ignored
}

func (w *walk) pass(name, reason string) {
	w.ignored = append(w.ignored, dump.Ignored{Path: name, Reason: reason})
}

// all lists everything.
func (w *walk) all(ctx context.Context) error {
	after := ""
	for {
		next, err := w.from(ctx, after)
		if next == "" || err != nil {
			return err
		}
		after = next
	}
}

// from lists what comes after a key: to the end, or to a folder that is not entered and holds much. Then it returns the
// key to go on after.
func (w *walk) from(ctx context.Context, after string) (string, error) {
	s := w.store
	outside, passed := "", 0
	for info, err := range s.bucket.List(ctx, s.place, after) {
		if err != nil {
			return "", explain(ctx, "list dump", err)
		}
		if info.Name <= after {
			// Going on would mean to miss objects, or to see them twice.
			return "", &chatferry.Error{
				Kind: chatferry.KindEnvironment, Op: "list dump", Place: s.Place(),
				Err:  fmt.Errorf("the store lists %q after %q, out of order", info.Name, after),
				Hint: "copy the dump to a store that lists keys in order, as S3 does in general purpose buckets, or to a folder",
			}
		}
		after = info.Name
		folder := w.take(fileOf(strings.TrimPrefix(info.Name, s.place), info))
		if folder != outside {
			outside, passed = folder, 0
		}
		if passed++; folder != "" && passed >= jumpAfter {
			if behind := s.place + folder + "/" + lastRune; behind > after {
				return behind, nil
			}
		}
	}
	return "", nil
}

// take takes an object, or returns the folder that it is left out with.
func (w *walk) take(f chatferry.File) (outside string) {
	for i := 0; i < len(f.Path); i++ {
		if f.Path[i] == '/' {
			if folder := f.Path[:i]; !w.enter(folder) {
				return folder
			}
		}
	}
	name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	switch {
	case name == "" && f.Size == 0: // stands for the folder
	case name == "":
		w.pass(f.Path, "its key ends with a slash, as that of a folder, but it holds bytes")
	case isDots(name):
		w.pass(f.Path, "its key is not a path")
	case name[0] == '.':
	default:
		w.files = append(w.files, f)
	}
	return ""
}

// enter reports whether the listing enters a folder, which is decided when the first object below it is met.
func (w *walk) enter(folder string) bool {
	entered, known := w.folders[folder]
	if known {
		return entered
	}
	switch name := folder[strings.LastIndexByte(folder, '/')+1:]; {
	case name == "" || isDots(name):
		w.pass(folder+"/", "the keys below it are not paths")
	case name[0] == '.':
	default:
		entered = w.descend(folder)
	}
	w.folders[folder] = entered
	return entered
}

func isDots(name string) bool { return name == "." || name == ".." }

// apart returns the files without those whose name is that of a folder as well, which no disk could hold.
func (w *walk) apart() []chatferry.File {
	kept := w.files[:0]
	for _, f := range w.files {
		if w.folders[f.Path] {
			w.pass(f.Path, "there is a folder of this name as well")
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

// versioned returns an error if a file has no ETag: nobody would see it change.
func (s *Store) versioned(files []chatferry.File) error {
	for _, f := range files {
		if f.ETag == "" {
			return &chatferry.Error{
				Kind: chatferry.KindEnvironment, Op: "list dump", Place: s.bucket.URI(s.place + f.Path),
				Err:  errors.New("the store tells no ETag of it, by which a change would show"),
				Hint: "upload the dump through the store's own interface, or copy it to a folder",
			}
		}
	}
	return nil
}
