// Package faultfs is a disk to test against: it keeps apart what is in the page cache from what would survive a power
// loss, fails or crashes at chosen operations, and tells which operations were done.
//
// # What survives a power loss
//
// A file's bytes survive once its Sync has succeeded; before that, nothing, a part or all of them may. A name survives
// once SyncDir of its folder has succeeded; before that, any subset of the changes of a folder may, each in its order. A
// folder is a name in its parent: as long as that is not durable, the folder can vanish with all it holds. After a Sync
// that failed the bytes are never durable, whatever a later Sync says, as on Linux. After a SyncDir that failed the
// changes are still pending.
package faultfs

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"chatferry/checkpoint/atomicfile"
)

// Disk is the simulated machine's disk. Processes see it through Process.
type Disk struct {
	mu   sync.Mutex
	root *inode
	life int // counts power losses; a Process of an earlier life is dead
}

// NewDisk returns an empty disk.
func NewDisk() *Disk { return &Disk{root: newFolder()} }

// inode is a file or a folder.
type inode struct {
	// A file: the bytes readers see, the bytes that are durable, whether these are all, and whether a failed Sync made
	// sure that they never will be.
	data    []byte
	durable []byte
	synced  bool
	lost    bool

	// A folder: the names readers see, the names that are durable, and the changes between them in their order.
	names   map[string]*inode
	kept    map[string]*inode
	pending []change
}

type change struct {
	name string
	node *inode // nil: the name was removed
}

func newFolder() *inode { return &inode{names: map[string]*inode{}, kept: map[string]*inode{}} }

func (n *inode) folder() bool { return n.names != nil }

func (n *inode) set(name string, to *inode) {
	if to == nil {
		delete(n.names, name)
	} else {
		n.names[name] = to
	}
	n.pending = append(n.pending, change{name, to})
}

func (n *inode) keep(c change) {
	if c.node == nil {
		delete(n.kept, c.name)
	} else {
		n.kept[c.name] = c.node
	}
}

func pathError(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

func (d *Disk) find(op, name string) (*inode, error) {
	if !fs.ValidPath(name) {
		return nil, pathError(op, name, fs.ErrInvalid)
	}
	n := d.root
	for rest := name; rest != "." && rest != ""; {
		var elem string
		elem, rest, _ = strings.Cut(rest, "/")
		if !n.folder() {
			return nil, pathError(op, name, syscall.ENOTDIR)
		}
		child, ok := n.names[elem]
		if !ok {
			return nil, pathError(op, name, syscall.ENOENT)
		}
		n = child
	}
	return n, nil
}

// parent finds the folder that holds name, and the last element of name.
func (d *Disk) parent(op, name string) (*inode, string, error) {
	dir, err := d.find(op, path.Dir(name))
	if err != nil {
		return nil, "", pathError(op, name, err.(*fs.PathError).Err)
	}
	if !dir.folder() {
		return nil, "", pathError(op, name, syscall.ENOTDIR)
	}
	return dir, path.Base(name), nil
}

// Files returns the visible files below a folder with their bytes, by full name. The bytes must not be changed.
func (d *Disk) Files(under string) map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string][]byte{}
	if n, err := d.find("walk", under); err == nil && n.folder() {
		walk(n, under, func(name string, n *inode) { out[name] = n.data })
	}
	return out
}

func walk(n *inode, at string, visit func(string, *inode)) {
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		child, full := n.names[name], path.Join(at, name)
		if child.folder() {
			walk(child, full, visit)
		} else {
			visit(full, child)
		}
	}
}

// Durable returns the bytes that name would surely have after a power loss, and whether the name itself would be there.
func (d *Disk) Durable(name string) ([]byte, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root
	for rest := name; rest != ""; {
		var elem string
		elem, rest, _ = strings.Cut(rest, "/")
		if n = n.kept[elem]; n == nil {
			return nil, false
		}
	}
	return n.durable, true
}

// Damage replaces the bytes of a file, in the cache and on the disk, behind everybody's back.
func (d *Disk) Damage(name string, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find("damage", name)
	if err != nil {
		return err
	}
	n.data, n.durable, n.synced = data, data, true
	return nil
}

// Erase removes a file durably behind everybody's back.
func (d *Disk) Erase(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir, base, err := d.parent("erase", name)
	if err != nil {
		return err
	}
	if dir.names[base] == nil {
		return pathError("erase", name, syscall.ENOENT)
	}
	delete(dir.names, base)
	delete(dir.kept, base)
	dir.pending = slices.DeleteFunc(dir.pending, func(c change) bool { return c.name == base })
	return nil
}

// Clone returns a copy of the disk that shares nothing with d. Processes stay with d.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	done := map[*inode]*inode{}
	var copyOf func(n *inode) *inode
	copyNames := func(m map[string]*inode) map[string]*inode {
		out := make(map[string]*inode, len(m))
		for name, n := range m {
			out[name] = copyOf(n)
		}
		return out
	}
	copyOf = func(n *inode) *inode {
		if n == nil {
			return nil
		}
		if c, ok := done[n]; ok {
			return c
		}
		c := &inode{data: slices.Clip(n.data), durable: n.durable, synced: n.synced, lost: n.lost}
		done[n] = c
		if n.folder() {
			c.names, c.kept = copyNames(n.names), copyNames(n.kept)
			for _, p := range n.pending {
				c.pending = append(c.pending, change{p.name, copyOf(p.node)})
			}
		}
		return c
	}
	return &Disk{root: copyOf(d.root), life: d.life}
}

// Survival says what a power loss leaves of what was not durable.
type Survival int

// The Survivals.
const (
	KeepNothing Survival = iota // neither names nor bytes
	KeepAll                     // all names and bytes
	KeepNames                   // all names; files that were not synced are empty
	KeepSome                    // any subset of names; files that were not synced are empty, torn, zeroed or whole
)

// Survivals lists every Survival.
var Survivals = []Survival{KeepNothing, KeepAll, KeepNames, KeepSome}

func (s Survival) String() string {
	if s < KeepNothing || s > KeepSome {
		return "no power loss"
	}
	return [...]string{"keep nothing", "keep all", "keep names", "keep some"}[s]
}

// PowerLoss ends every Process and leaves on the disk what is durable, and of the rest what s says. The random numbers
// are used by KeepSome only, which may otherwise be given nil.
func (d *Disk) PowerLoss(s Survival, rng *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.life++
	settled := map[*inode]bool{}
	var settle func(n *inode)
	settle = func(n *inode) {
		if settled[n] {
			return
		}
		settled[n] = true
		if !n.folder() {
			n.settleBytes(s, rng)
			return
		}
		for _, c := range n.pending {
			if s == KeepAll || s == KeepNames || s == KeepSome && rng.IntN(2) == 0 {
				n.keep(c)
			}
		}
		n.pending = nil
		n.names = maps.Clone(n.kept)
		for _, name := range slices.Sorted(maps.Keys(n.names)) {
			settle(n.names[name])
		}
	}
	settle(d.root)
}

func (n *inode) settleBytes(s Survival, rng *rand.Rand) {
	switch {
	case n.synced:
		n.data = n.durable
	case s == KeepAll && !n.lost:
	case s == KeepSome:
		switch rng.IntN(4) {
		case 0:
			n.data = n.durable
		case 1:
			n.data = n.data[:len(n.durable)+(len(n.data)-len(n.durable))/2]
		case 2:
			n.data = append(slices.Clip(n.durable), make([]byte, len(n.data)-len(n.durable))...)
		default:
		}
	default:
		n.data = n.durable
	}
	n.durable, n.synced, n.lost = n.data, true, false
}

var _ atomicfile.FS = (*Process)(nil)
