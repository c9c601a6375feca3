package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/cmd/chatferry/settle"
)

// folderHome is a folder of this machine.
type folderHome struct {
	root string // absolute
	fsys atomicfile.FS
}

var _ home = (*folderHome)(nil)

func (h *folderHome) prepare(context.Context) error {
	entries, err := os.ReadDir(h.root)
	if err != nil {
		return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "list", Place: h.root, Err: bare(err), Hint: "check its permissions"}
	}
	if _, err := os.Stat(filepath.Join(h.root, checkpoint.Folder)); err == nil || len(entries) == 0 {
		return nil
	}
	return usage("choose an empty folder, or one that is not there yet",
		"%s holds %s and is not a dataset of chatferry", h.root, printable(entries[0].Name()))
}

// probeTag begins the names of the files by which the disk is probed, so that the next run sweeps any that a kill left.
const probeTag = "e000000000000-"

func (h *folderHome) probe(_ context.Context, tag string) error {
	return atomicfile.Probe(h.fsys, checkpoint.Folder, probeTag+tag)
}

func (h *folderHome) lock(ctx context.Context, o checkpoint.LockOptions) (runLock, error) {
	l, err := checkpoint.TakeLock(ctx, h.root, o)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (h *folderHome) sign(context.Context) (*checkpoint.Sign, error) {
	return checkpoint.LastSign(h.root)
}

func (h *folderHome) size(_ context.Context, name string) (int64, error) {
	info, err := h.fsys.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, err
	case err != nil:
		return 0, atomicfile.Explain("look at", name, err)
	case !info.Mode().IsRegular():
		return -1, nil
	}
	return info.Size(), nil
}

func (h *folderHome) sizes(ctx context.Context) (func(string) (int64, error), error) {
	return func(name string) (int64, error) { return h.size(ctx, name) }, nil
}

func (h *folderHome) versions(context.Context) (func(string) string, error) {
	return func(name string) string {
		info, err := h.fsys.Stat(name)
		if err != nil {
			return "" // it is read, and what is wrong with it is found
		}
		text := fmt.Sprint(info.ModTime().UnixNano())
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			text += fmt.Sprintf(" %d %d", s.Dev, s.Ino)
		}
		return text
	}, nil
}

func (h *folderHome) derived(epoch uint64) settle.Derived { return settle.Folder(h.fsys, epoch) }

func (h *folderHome) replace(_ context.Context, name, tag string, data []byte) error {
	return atomicfile.Explain("write", name, atomicfile.Replace(h.fsys, name, tag, data))
}

func (h *folderHome) local() string { return h.root }

func (h *folderHome) contents(ctx context.Context, visit func(name string, size int64)) error {
	return h.walk(".", func(name string, isFolder bool) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isFolder && isForeign(name):
			visit(name+"/", 0)
		case !isFolder:
			size, err := h.size(ctx, name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // a live run published it
				return err
			}
			visit(name, max(size, 0))
		}
		return nil
	})
}

// walk visits files and folders, a folder behind what is in it. It does not enter those that are not chatferry's.
func (h *folderHome) walk(dir string, visit func(name string, isFolder bool) error) error {
	names, err := h.fsys.ReadDir(dir)
	if err != nil {
		return atomicfile.Explain("list", dir, err)
	}
	for _, name := range names {
		full := path.Join(dir, name)
		isFolder := strings.HasSuffix(name, "/")
		if isFolder && !isForeign(full) {
			if err := h.walk(full, visit); err != nil {
				return err
			}
		}
		if err := visit(full, isFolder); err != nil {
			return err
		}
	}
	return nil
}

// isForeign reports whether a name below the root is in a folder that is not chatferry's.
func isForeign(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return top != "tables" && top != checkpoint.Folder
}

func (h *folderHome) erase(ctx context.Context, names []string) error {
	var dirs []string
	for _, name := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := h.fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return atomicfile.Explain("remove", name, err)
		}
		if dir := path.Dir(name); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		if err := h.fsys.SyncDir(dir); err != nil {
			return atomicfile.Explain("make durable", dir, err)
		}
	}
	return nil
}

func (h *folderHome) eraseLast(context.Context) error {
	if err := h.fsys.Remove(lockFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return atomicfile.Explain("remove", lockFile, err)
	}
	var folders []string // the deepest first
	err := h.walk(".", func(name string, isFolder bool) error {
		if isFolder && !isForeign(name) {
			folders = append(folders, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, dir := range folders {
		names, err := h.fsys.ReadDir(dir)
		if err != nil {
			return atomicfile.Explain("list", dir, err)
		}
		if len(names) > 0 {
			continue
		}
		if err := h.fsys.Remove(dir); err != nil {
			return atomicfile.Explain("remove", dir, err)
		}
	}
	return nil
}
