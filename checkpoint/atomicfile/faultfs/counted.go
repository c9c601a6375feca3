package faultfs

import (
	"sync"

	"chatferry/checkpoint/atomicfile"
)

// Counted wraps an FS and asks act before every operation that changes it: with the number of the operation, from 1, what
// is done, and to what. An error of act is that of the operation, which is then not done. While act runs no other operation
// begins, also while a stopped process sleeps in it.
func Counted(fsys atomicfile.FS, act func(n int, do, name string) error) atomicfile.FS {
	return &counted{FS: fsys, act: act}
}

type counted struct {
	atomicfile.FS
	mu  sync.Mutex
	n   int
	act func(n int, do, name string) error
}

func (c *counted) next(do, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	if err := c.act(c.n, do, name); err != nil {
		return pathError(do, name, err)
	}
	return nil
}

func (c *counted) Create(name string) (atomicfile.File, error) {
	if err := c.next("create", name); err != nil {
		return nil, err
	}
	f, err := c.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return &countedFile{f, c, name}, nil
}

func (c *counted) Link(oldname, newname string) error {
	if err := c.next("link", oldname); err != nil {
		return err
	}
	return c.FS.Link(oldname, newname)
}

func (c *counted) Remove(name string) error {
	if err := c.next("remove", name); err != nil {
		return err
	}
	return c.FS.Remove(name)
}

func (c *counted) Mkdir(name string) error {
	if err := c.next("mkdir", name); err != nil {
		return err
	}
	return c.FS.Mkdir(name)
}

func (c *counted) SyncDir(name string) error {
	if err := c.next("syncdir", name); err != nil {
		return err
	}
	return c.FS.SyncDir(name)
}

type countedFile struct {
	atomicfile.File
	c    *counted
	name string
}

func (f *countedFile) Write(b []byte) (int, error) {
	if err := f.c.next("write", f.name); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f *countedFile) Sync() error {
	if err := f.c.next("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}
