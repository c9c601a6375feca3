package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/verify"
)

// mostRemembered is for how long what a verification proved that was stopped is worth anything.
const mostRemembered = 7 * 24 * time.Hour

// noState is the --state of a verification that keeps nothing.
const noState = "none"

// soonKept is for how long a verification works before it keeps anything: what takes less is not worth it. Where the user named a
// file, it is kept from the beginning on.
const soonKept = 5 * time.Second

// remembered is where a verification keeps what it has proven, outside of the dataset, until it comes to its end.
type remembered struct {
	*app
	t     *target
	begun time.Time
	name  string // of the file; empty: nothing is kept
	must  bool   // the user named it: it is an error if it cannot be used

	begin   string // what is to be written before the first key
	flags   int    // with which the file is opened then
	pending []string
	file    *os.File // nil: nothing was written yet, or no more can be
	there   bool     // the file holds what can be recalled
}

// remember returns where a verification of a dataset keeps what it has proven. Where nobody named a file and there is no
// folder for such things, nothing is kept.
func (a *app) remember(t *target, name string) *remembered {
	r := &remembered{app: a, t: t, begun: a.now()}
	switch {
	case name == noState:
	case name != "":
		r.name, r.must = name, true
	default:
		folder := a.getenv("XDG_CACHE_HOME")
		if home := a.getenv("HOME"); folder == "" && home != "" {
			folder = filepath.Join(home, ".cache")
		}
		if folder != "" {
			sum := sha256.Sum256([]byte(t.root))
			r.name = filepath.Join(folder, "chatferry", "verify-"+hex.EncodeToString(sum[:16]))
		}
	}
	return r
}

// open implements verify.Options.Memory.
func (r *remembered) open(ctx context.Context, d *checkpoint.Dataset) (*verify.Memory, error) {
	if r.name == "" {
		return nil, nil
	}
	version, err := r.t.versions(ctx)
	if err != nil {
		return nil, err
	}
	// What another version of the program proved, or of a copy of the dataset elsewhere, is not proven here.
	about := programVersion().String() + " " + d.UUID() + " " + r.t.root
	m := &verify.Memory{Known: map[string]bool{}, Keep: r.keep, Version: version}
	text, err := os.ReadFile(r.name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, r.failed("read", err)
	}
	if len(text) == 0 {
		err = fs.ErrNotExist // it was killed before it wrote anything
	}
	known, begun, ok := verify.ReadMemory(string(text), about)
	switch {
	case err != nil: // there is none
		known = nil
	case !ok:
		fmt.Fprintf(r.stderr, "chatferry: what %s holds is of another dataset, place or version; all is read\n", printable(r.name))
	case r.now().Sub(begun) > mostRemembered || r.now().Before(begun):
		fmt.Fprintf(r.stderr, "chatferry: the verification that was stopped began at %s, too long ago; all is read\n", begun.Format(runTimesLayout))
		ok = false
	}
	r.flags, r.begin = os.O_WRONLY|os.O_CREATE|os.O_APPEND, "\n" // behind a line that a kill cut off
	if ok {
		m.Known, m.Since, r.there = known, begun, true
	} else {
		r.flags, r.begin = r.flags|os.O_TRUNC, verify.MemoryHeader(r.begun, about)+"\n"
	}
	if r.must {
		return m, r.write()
	}
	return m, nil
}

// keep keeps one key.
func (r *remembered) keep(key string) error {
	r.pending = append(r.pending, key)
	if !r.must && r.now().Sub(r.begun) < soonKept {
		return nil
	}
	return r.write()
}

// write writes the keys that are pending, in one write, so that a kill cuts off a line at most.
func (r *remembered) write() error {
	if r.name == "" {
		return nil // it failed before
	}
	if r.file == nil {
		if err := os.MkdirAll(filepath.Dir(r.name), 0o700); err != nil {
			return r.failed("make the folder of", err)
		}
		file, err := os.OpenFile(r.name, r.flags, 0o600)
		if err != nil {
			return r.failed("write", err)
		}
		r.file, r.there = file, true
	}
	text := r.begin
	for _, key := range r.pending {
		text += key + "\n"
	}
	r.begin, r.pending = "", nil
	if _, err := r.file.WriteString(text); err != nil {
		return r.failed("write", err)
	}
	return nil
}

// end closes the file. A verification that came to its end has no more use for it.
func (r *remembered) end(stopped bool) error {
	if r.file != nil {
		if err := r.file.Close(); err != nil {
			return r.failed("close", err)
		}
	}
	switch {
	case !r.there || r.name == "":
	case stopped:
		fmt.Fprintln(r.stderr, "chatferry: what was proven so far is kept; the same command goes on")
	default:
		if err := os.Remove(r.name); err != nil && !errors.Is(err, fs.ErrNotExist) { // another verification removed it
			return r.failed("remove", err)
		}
	}
	return nil
}

// failed is the error of a file that the user named. Without the other the verification goes on.
func (r *remembered) failed(op string, err error) error {
	if place := printable(r.name); !r.must {
		r.name = ""
		fmt.Fprintf(r.stderr, "chatferry: %s %s: %v; if this verification is stopped, the next begins anew\n", op, place, bare(err))
		return nil
	}
	return &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: op + " the state of the verification", Place: r.name, Err: bare(err),
		Hint: "name another file with --state, or none",
	}
}
