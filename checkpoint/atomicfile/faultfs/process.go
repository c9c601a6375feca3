package faultfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"
	"time"

	"chatferry/checkpoint/atomicfile"
)

// Op is one operation that a Process is about to do.
type Op struct {
	N      int    // its number among all operations of the Process, from 1
	Change int    // its number among those that change the disk, fsyncs included; 0 for one that only reads
	Do     string // create, write, sync, close, link, remove, mkdir, syncdir, open, readdir, stat
	Name   string
	To     string // of a link
}

func (o Op) String() string {
	if o.To != "" {
		return o.Do + " " + o.Name + " -> " + o.To
	}
	return o.Do + " " + o.Name
}

// Fault is what becomes of an operation. The zero Fault lets it be done.
type Fault struct {
	Err     error // what it answers
	Applied bool  // it is done all the same before Err is answered
	Short   bool  // of a write only half is done
	// Kill ends the Process: before the operation, or after it if Applied is set.
	Kill bool
}

// Hook decides about every operation of a Process. It may block, and so take turns between Processes.
type Hook func(Op) Fault

// ErrKilled is answered by every operation of a Process that was killed. No such operation has an effect.
var ErrKilled = errors.New("this process was killed")

// Killed is the panic value of a Process that panics when it is killed.
type Killed struct{}

// Process is one process's view of a Disk.
type Process struct {
	// Trace collects the operations that change the disk, when Tracing is set.
	Trace   []string
	Tracing bool
	// Panics makes a killed Process panic with Killed{} instead of answering ErrKilled, so that it stops at once. Only
	// for code that uses the Process from the goroutine that recovers.
	Panics bool

	disk    *Disk
	life    int
	hook    Hook
	killed  bool
	ops     int
	changes int
}

// Process starts a process. The hook may be nil.
func (d *Disk) Process(hook Hook) *Process {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Process{disk: d, life: d.life, hook: hook}
}

// Kill ends the Process as SIGKILL does: what it did stays in the cache.
func (p *Process) Kill() {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	p.killed = true
}

// Changes is the number of operations that changed the disk so far.
func (p *Process) Changes() int {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	return p.changes
}

// Ops is the number of operations so far, reading ones included.
func (p *Process) Ops() int {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	return p.ops
}

func (p *Process) dead() error {
	if !p.killed && p.life == p.disk.life {
		return nil
	}
	if p.Panics {
		panic(Killed{})
	}
	return ErrKilled
}

// begin counts the operation and asks the hook. An error means that the operation is not to be done.
func (p *Process) begin(do, name, to string, changes bool) (Fault, error) {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	if err := p.dead(); err != nil {
		return Fault{}, err
	}
	p.ops++
	op := Op{N: p.ops, Do: do, Name: name, To: to}
	if changes {
		p.changes++
		op.Change = p.changes
		if p.Tracing {
			p.Trace = append(p.Trace, op.String())
		}
	}
	if p.hook == nil {
		return Fault{}, nil
	}
	p.disk.mu.Unlock()
	f := func() Fault {
		defer p.disk.mu.Lock()
		return p.hook(op)
	}()
	if err := p.dead(); err != nil {
		return Fault{}, err
	}
	if f.Kill && !f.Applied {
		p.killed = true
		return Fault{}, p.dead()
	}
	if f.Err != nil && !f.Applied && !f.Short {
		return Fault{}, &fs.PathError{Op: do, Path: name, Err: f.Err}
	}
	return f, nil
}

// do runs one operation under the disk's lock with the fault that the hook asks for.
func (p *Process) do(do, name, to string, changes bool, apply func(Fault) error) error {
	f, err := p.begin(do, name, to, changes)
	if err != nil {
		return err
	}
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	err = apply(f)
	if f.Kill {
		p.killed = true
		return p.dead()
	}
	if f.Err != nil {
		return &fs.PathError{Op: do, Path: name, Err: f.Err}
	}
	return err
}

// Create implements atomicfile.FS.
func (p *Process) Create(name string) (atomicfile.File, error) {
	n := &inode{}
	err := p.do("create", name, "", true, func(Fault) error { return p.disk.add("create", name, n) })
	if err != nil {
		return nil, err
	}
	return &openFile{p, n, name}, nil
}

func (d *Disk) add(op, name string, n *inode) error {
	dir, base, err := d.parent(op, name)
	if err != nil {
		return err
	}
	if dir.names[base] != nil {
		return pathError(op, name, syscall.EEXIST)
	}
	dir.set(base, n)
	return nil
}

// Link implements atomicfile.FS.
func (p *Process) Link(oldname, newname string) error {
	return p.do("link", oldname, newname, true, func(Fault) error {
		n, err := p.disk.find("link", oldname)
		if err != nil {
			return err
		}
		return p.disk.add("link", newname, n)
	})
}

// Remove implements atomicfile.FS.
func (p *Process) Remove(name string) error {
	return p.do("remove", name, "", true, func(Fault) error {
		n, err := p.disk.find("remove", name)
		if err != nil {
			return err
		}
		if len(n.names) > 0 {
			return pathError("remove", name, syscall.ENOTEMPTY)
		}
		dir, base, err := p.disk.parent("remove", name)
		if err == nil {
			dir.set(base, nil)
		}
		return err
	})
}

// Mkdir implements atomicfile.FS.
func (p *Process) Mkdir(name string) error {
	return p.do("mkdir", name, "", true, func(Fault) error { return p.disk.add("mkdir", name, newFolder()) })
}

// SyncDir implements atomicfile.FS.
func (p *Process) SyncDir(name string) error {
	return p.do("syncdir", name, "", true, func(Fault) error {
		n, err := p.disk.find("syncdir", name)
		if err != nil {
			return err
		}
		for _, c := range n.pending {
			n.keep(c)
		}
		n.pending = nil
		return nil
	})
}

// ReadDir implements atomicfile.FS.
func (p *Process) ReadDir(name string) (names []string, err error) {
	err = p.do("readdir", name, "", false, func(Fault) error {
		n, err := p.disk.find("readdir", name)
		if err == nil && !n.folder() {
			err = pathError("readdir", name, syscall.ENOTDIR)
		}
		if err != nil {
			return err
		}
		names = slices.Sorted(maps.Keys(n.names))
		for i, elem := range names {
			if n.names[elem].folder() {
				names[i] += "/"
			}
		}
		return nil
	})
	return names, err
}

// Stat implements atomicfile.FS.
func (p *Process) Stat(name string) (info fs.FileInfo, err error) {
	err = p.do("stat", name, "", false, func(Fault) error {
		n, err := p.disk.find("stat", name)
		if err == nil {
			info = fileInfo{path.Base(name), int64(len(n.data)), n.folder()}
		}
		return err
	})
	return info, err
}

// Open implements atomicfile.FS.
func (p *Process) Open(name string) (f atomicfile.ReadFile, err error) {
	err = p.do("open", name, "", false, func(Fault) error {
		n, err := p.disk.find("open", name)
		if err == nil && n.folder() {
			err = pathError("open", name, syscall.EISDIR)
		}
		if err == nil {
			f = &readFile{data: n.data}
		}
		return err
	})
	return f, err
}

type openFile struct {
	p    *Process
	n    *inode
	name string
}

func (f *openFile) Write(b []byte) (written int, err error) {
	err = f.p.do("write", f.name, "", true, func(fault Fault) error {
		written = len(b)
		if fault.Short {
			written /= 2
		}
		f.n.data = append(f.n.data, b[:written]...)
		f.n.synced = false
		if written < len(b) {
			return pathError("write", f.name, io.ErrShortWrite)
		}
		return nil
	})
	return written, err
}

func (f *openFile) Sync() error {
	err := f.p.do("sync", f.name, "", true, func(Fault) error {
		if !f.n.lost {
			f.n.durable, f.n.synced = f.n.data, true
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrKilled) {
		f.p.disk.mu.Lock()
		defer f.p.disk.mu.Unlock()
		f.n.lost, f.n.synced = true, false
	}
	return err
}

func (f *openFile) Close() error {
	return f.p.do("close", f.name, "", false, func(Fault) error { return nil })
}

// readFile is a file as it was when it was opened.
type readFile struct {
	data []byte
	at   int64
}

func (f *readFile) Read(b []byte) (int, error) {
	n, err := f.ReadAt(b, f.at)
	f.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *readFile) ReadAt(b []byte, at int64) (int, error) {
	if at < 0 {
		return 0, fmt.Errorf("read at %d: %w", at, fs.ErrInvalid)
	}
	if at >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *readFile) Size() int64  { return int64(len(f.data)) }
func (f *readFile) Close() error { return nil }

type fileInfo struct {
	name   string
	size   int64
	folder bool
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.folder }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) Mode() fs.FileMode {
	if i.folder {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
