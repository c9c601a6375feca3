package dump

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"chatferry"
)

// Local is a folder, or one file, of the local disk.
type Local struct {
	place string
	base  string // the folder that paths are relative to
	only  string // the one file, when the place is a file
}

var _ Store = (*Local)(nil)

// OpenLocal opens a folder or a regular file of the local disk.
func OpenLocal(place string) (Store, error) {
	info, err := os.Stat(place)
	if err != nil {
		return nil, environment("open dump", place, err, "give an existing folder or file, and check that it may be read")
	}
	l := &Local{place: place, base: place}
	switch {
	case info.IsDir():
	case info.Mode().IsRegular():
		l.base, l.only = filepath.Dir(place), filepath.Base(place)
	default:
		return nil, environment("open dump", place, errors.New("neither a folder nor a regular file"), "copy its content into a file")
	}
	return l, nil
}

// Place implements Store.
func (l *Local) Place() string { return l.place }

// List implements Store.
//
// A link to a regular file is followed wherever it leads. A link to a folder is followed when it leads out of the
// dump, as it does when a large Stream lies on another disk; inside the dump it would only give the same files twice.
// No file and no folder is taken twice, so that links cannot lead in circles.
func (l *Local) List(ctx context.Context, descend func(folder string) bool) ([]chatferry.File, []Ignored, error) {
	root, err := filepath.EvalSymlinks(l.base)
	if err != nil {
		return nil, nil, environment("list dump", l.place, err, "check that the folder may be read")
	}
	w := &walk{local: l, root: root, descend: descend}
	w.reset()
	if l.only != "" {
		err = w.file(l.only)
	} else {
		err = w.folder(ctx, "", root)
	}
	return w.files, w.ignored, err
}

// Open implements Store.
func (l *Local) Open(_ context.Context, f chatferry.File, from int64) (Object, error) {
	if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
		return nil, &chatferry.Error{
			Kind: chatferry.KindIncompatible, Op: "open", Place: f.Path,
			Err: errors.New("this path leads out of the dump"), Hint: "the dataset's log was not written by chatferry; use another target",
		}
	}
	o := &localObject{listed: f, name: filepath.Join(l.base, filepath.FromSlash(f.Path))}
	if err := o.Unchanged(); err != nil { // before os.Open, which would wait for ever on a pipe
		return nil, err
	}
	file, err := os.Open(o.name)
	if err != nil {
		return nil, environment("open", o.name, err, "check that the file may be read")
	}
	if from > 0 {
		if _, err := file.Seek(from, io.SeekStart); err != nil {
			file.Close()
			return nil, environment("read", o.name, err, "check the disk, then resume")
		}
	}
	o.File = file
	return o, nil
}

type localObject struct {
	*os.File
	listed chatferry.File
	name   string
}

// Unchanged implements Object.
func (o *localObject) Unchanged() error {
	info, err := os.Stat(o.name)
	if errors.Is(err, fs.ErrNotExist) {
		return Changed(o.listed.Path, "it is gone")
	}
	if err != nil {
		return environment("read", o.name, err, "check that the file may be read")
	}
	if !info.Mode().IsRegular() {
		return Changed(o.listed.Path, "it is no longer a regular file")
	}
	return Compare(o.listed, fileOf(o.listed.Path, info))
}

func fileOf(name string, info fs.FileInfo) chatferry.File {
	return chatferry.File{Path: name, Size: info.Size(), ModTime: info.ModTime().UTC()}
}

// walk is one listing of a Local.
type walk struct {
	local   *Local
	root    string // without links
	descend func(string) bool
	files   []chatferry.File
	ignored []Ignored

	// What was taken below one folder of the root, or of a dated one, so that links are caught within a Stream, and a file that
	// is linked into two Streams, or stands unchanged in the dumps of two nights, is offered to both.
	folders map[string]string    // real path to the path it was entered by
	taken   map[int64][]seenFile // by size
}

type seenFile struct {
	path string
	info fs.FileInfo
}

func (w *walk) reset() {
	w.folders, w.taken = map[string]string{}, map[int64][]seenFile{}
}

func (w *walk) pass(name, reason string) {
	w.ignored = append(w.ignored, Ignored{Path: name, Reason: reason})
}

// folder lists the folder with the given path below the root; real is where it lies without links.
func (w *walk) folder(ctx context.Context, name, real string) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	entries, err := os.ReadDir(real)
	if err != nil {
		return environment("list folder", filepath.Join(w.local.base, filepath.FromSlash(name)), err, "check that the folder may be read")
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		child := path.Join(name, e.Name())
		childReal := filepath.Join(real, e.Name())
		switch t := e.Type(); {
		case t.IsDir():
			err = w.enter(ctx, child, childReal)
		case t&fs.ModeSymlink != 0:
			err = w.link(ctx, child, childReal)
		case t.IsRegular():
			err = w.file(child)
		default:
			w.pass(child, "not a regular file")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) enter(ctx context.Context, name, real string) error {
	if !w.descend(name) {
		return nil
	}
	if !strings.Contains(undated(name), "/") { // a folder of the root, or of a dated one
		folders, taken := w.folders, w.taken
		defer func() { w.folders, w.taken = folders, taken }()
		w.reset()
		maps.Copy(w.folders, folders) // the dated ones around it
	}
	if first, ok := w.folders[real]; ok {
		w.pass(name, "the same folder as "+first)
		return nil
	}
	w.folders[real] = name
	return w.folder(ctx, name, real)
}

func (w *walk) link(ctx context.Context, name, at string) error {
	info, err := os.Stat(at)
	if err != nil {
		return environment("follow link", filepath.Join(w.local.base, filepath.FromSlash(name)), err, "mount what it leads to, or remove the link")
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			w.pass(name, "a link to something that is not a regular file")
			return nil
		}
		return w.file(name)
	}
	real, err := filepath.EvalSymlinks(at)
	if err != nil {
		return environment("follow link", filepath.Join(w.local.base, filepath.FromSlash(name)), err, "mount what it leads to, or remove the link")
	}
	if within(w.root, real) || within(real, w.root) {
		w.pass(name, "a link to a folder of this same dump")
		return nil
	}
	return w.enter(ctx, name, real)
}

func within(folder, name string) bool {
	rel, err := filepath.Rel(folder, name)
	return err == nil && filepath.IsLocal(rel)
}

func (w *walk) file(name string) error {
	full := filepath.Join(w.local.base, filepath.FromSlash(name))
	info, err := os.Stat(full)
	if err != nil {
		return environment("list", full, err, "check that the file may be read")
	}
	for _, s := range w.taken[info.Size()] {
		if os.SameFile(s.info, info) {
			w.pass(name, "the same file as "+s.path)
			return nil
		}
	}
	w.taken[info.Size()] = append(w.taken[info.Size()], seenFile{name, info})
	w.files = append(w.files, fileOf(name, info))
	return nil
}
