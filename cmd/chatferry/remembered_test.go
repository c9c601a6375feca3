package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"chatferry/checkpoint/atomicfile"
	"chatferry/cmd/chatferry/verify"
)

// openings sees every file that is opened.
type openings struct {
	atomicfile.FS
	open func(name string)
}

func (o openings) Open(name string) (atomicfile.ReadFile, error) {
	o.open(name)
	return o.FS.Open(name)
}

// stops lets the next call end before it opens its n-th file of rows or of the ledger; 0: it does not. It returns the context
// for it, and these files that it opened.
func (p *proving) stops(n int) (ctx context.Context, opened *[]string) {
	ctx, cancel := context.WithCancel(p.t.Context())
	p.t.Cleanup(cancel)
	opened = new([]string)
	p.disk = func(fsys atomicfile.FS) (atomicfile.FS, error) {
		return openings{fsys, func(name string) {
			if !isRows(name) && !isLedger(name) || slices.Contains(*opened, name) {
				return
			}
			if *opened = append(*opened, name); len(*opened) == n {
				cancel()
			}
		}}, nil
	}
	return ctx, opened
}

// A verification that is stopped anywhere goes on when it is called again: it says the same in the end, and reads nothing of
// what was proven, but all of what has changed since.
func TestVerifyGoesOn(t *testing.T) {
	const seed = 2
	dir := t.TempDir()
	made := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, seed, made.dump)
	made.run("--settle", "false") // files stay apart, so that there are many groups
	state := filepath.Join(dir, "state")
	call := func(p *proving, ctx context.Context) (verified, ended) {
		t.Helper()
		p.env["CHATFERRY_MEMORY_LIMIT"] = "256MiB" // one group after the other
		e := p.program(ctx, "verify", p.root, "--json", "--state", state)
		var v verified
		if e.code != exitStopped {
			v = p.answer(e)
		}
		return v, e
	}
	ctx, all := made.stops(0)
	want, e := call(made, ctx)
	if e.code != exitDone || want.FilesRecalled != 0 || len(*all) < 6 {
		t.Fatalf("exit code %d, opened %v: %s", e.code, *all, e.stderr)
	}
	gone := func() {
		t.Helper()
		if _, err := os.Stat(state); !os.IsNotExist(err) {
			t.Errorf("a verification that is done leaves its state: %v", err)
		}
	}
	gone()
	before := made.virtual.files()
	recalled := int64(0)
	for at := 1; at <= len(*all); at += 2 {
		ctx, _ := made.stops(at)
		if _, e := call(made, ctx); e.code != exitStopped || !strings.Contains(e.stderr, "the same command goes on") {
			t.Fatalf("stopped before file %d: exit code %d: %s", at, e.code, e.stderr)
		}
		ctx, opened := made.stops(0)
		got, e := call(made, ctx)
		if e.code != exitDone || got.FilesRead != want.FilesRead || int64(len(*opened))+got.FilesRecalled > got.FilesRead {
			t.Errorf("stopped before file %d: exit code %d, %d of %d files recalled, opened %v: %s", at, e.code, got.FilesRecalled, got.FilesRead, *opened, e.stderr)
		}
		if got.FilesRecalled < recalled {
			t.Errorf("stopped before file %d: %d files recalled, %d when it was stopped earlier", at, got.FilesRecalled, recalled)
		}
		recalled = got.FilesRecalled
		got.FilesRecalled, got.Since, got.ElapsedS = 0, nil, want.ElapsedS
		if !reflect.DeepEqual(got, want) {
			t.Errorf("stopped before file %d: found is %+v, not %+v", at, got, want)
		}
		gone()
	}
	if recalled < 3 {
		t.Errorf("at most %d files were recalled", recalled)
	}
	if !reflect.DeepEqual(before, made.virtual.files()) {
		t.Error("the dataset was changed")
	}

	// stopped makes a copy whose verification was stopped before its last file.
	stopped := func(name string, damage func(p *proving)) *proving {
		t.Helper()
		p := newProving(t, seed, made.dump, filepath.Join(dir, name))
		made.linked(p.root)
		if damage != nil {
			damage(p)
		}
		ctx, _ := p.stops(len(*all))
		if _, e := call(p, ctx); e.code != exitStopped {
			t.Fatalf("%s: exit code %d: %s", name, e.code, e.stderr)
		}
		p.disk = nil
		return p
	}
	first := (*all)[0]
	flip := func(p *proving) {
		b := p.get(first)
		b[len(b)/2] ^= 1
		p.put(first, b)
	}
	p := stopped("changed since", nil)
	flip(p)
	if v, e := call(p, t.Context()); e.code != exitDiffers || v.FilesRecalled == 0 || len(v.Findings) == 0 || v.Findings[0].Place != first {
		t.Errorf("changed since: exit code %d, %d recalled: %v", e.code, v.FilesRecalled, v.Findings)
	}
	p = stopped("damaged before", flip)
	if v, e := call(p, t.Context()); e.code != exitDiffers || v.FilesRecalled == 0 || len(v.Findings) == 0 || v.Findings[0].Place != first {
		t.Errorf("damaged before: exit code %d, %d recalled: %v", e.code, v.FilesRecalled, v.Findings)
	}
	// What one place proved is not taken for another's.
	stopped("elsewhere", nil)
	if v, e := call(made, t.Context()); e.code != exitDone || v.FilesRecalled != 0 || !strings.Contains(e.stderr, "is of another dataset, place or version") {
		t.Errorf("elsewhere: exit code %d, %d recalled: %s", e.code, v.FilesRecalled, e.stderr)
	}
	// A line that a kill cut off counts for nothing, and nor does it spoil the next.
	p = stopped("cut off", nil)
	text := readFile(t, state)
	writeFile(t, state, text[:len(text)-10])
	ctx, _ = p.stops(2) // it reads the one that was cut off, and the last
	if _, e := call(p, ctx); e.code != exitStopped {
		t.Fatalf("cut off: exit code %d: %s", e.code, e.stderr)
	}
	p.disk = nil
	if v, e := call(p, t.Context()); e.code != exitDone || v.FilesRecalled == 0 {
		t.Errorf("cut off: exit code %d, %d recalled: %s", e.code, v.FilesRecalled, e.stderr)
	}
}

// What is not remembered, or cannot be, is no reason not to verify, unless the user asked for it.
func TestRememberedPlaces(t *testing.T) {
	dir := t.TempDir()
	p := newProving(t, 1, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, 1, p.dump)
	p.run()
	file := filepath.Join(dir, "file")
	writeFile(t, file, nil)
	for _, tt := range []struct {
		name  string
		env   map[string]string
		state string
		code  int
		says  string
	}{
		{"in the cache", map[string]string{"HOME": filepath.Join(dir, "home")}, "", exitDone, ""},
		{"nowhere", nil, "", exitDone, ""},
		{"no cache", map[string]string{"XDG_CACHE_HOME": file}, "", exitDone, "the next begins anew"},
		{"a file that cannot be made", nil, filepath.Join(file, "x"), exitEnvironment, "name another file with --state"},
		{"none", map[string]string{"XDG_CACHE_HOME": file}, noState, exitDone, ""},
	} {
		for name, value := range tt.env {
			p.env[name] = value
		}
		args := []string{"verify", p.root}
		if tt.state != "" {
			args = append(args, "--state", tt.state)
		}
		e := p.program(t.Context(), args...)
		if e.code != tt.code || !strings.Contains(e.stderr, tt.says) || tt.says == "" && strings.Contains(e.stderr, "chatferry:") {
			t.Errorf("%s: exit code %d, want %d: %s", tt.name, e.code, tt.code, e.stderr)
		}
		for name := range tt.env {
			delete(p.env, name)
		}
	}
	home := filepath.Join(dir, "home")
	if _, err := os.Stat(home); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a verification of an instant has written: %v", err)
	}
	a := &app{environment: &environment{stderr: &safeBuffer{}, now: time.Now, getenv: func(name string) string { return map[string]string{"HOME": home}[name] }}}
	tgt, err := a.openTarget(t.Context(), p.root, &Config{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := tgt.mustLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	opened := func(state string, later time.Duration) (*remembered, *verify.Memory) {
		t.Helper()
		a.now = func() time.Time { return begun.Add(later) }
		r := a.remember(tgt, state)
		m, err := r.open(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		return r, m
	}
	keep := func(m *verify.Memory, key string) {
		t.Helper()
		if err := m.Keep(strings.Repeat(key, 64)); err != nil {
			t.Fatal(err)
		}
	}
	end := func(r *remembered, stopped bool) {
		t.Helper()
		if err := r.end(stopped); err != nil {
			t.Fatal(err)
		}
	}
	// What is older than a week is worth nothing.
	writeFile(t, file, nil)
	for _, later := range []time.Duration{0, mostRemembered - time.Hour, mostRemembered + time.Hour} {
		r, m := opened(file, later)
		if got, want := len(m.Known) > 0, later > 0 && later < mostRemembered; got != want {
			t.Errorf("after %s it is remembered: %v", later, got)
		}
		keep(m, "a")
		end(r, true)
	}
	// Where nobody named a file, what is proven is kept once it has taken a while, and then all of it.
	for n, stopped := range []bool{true, true, false} {
		r, m := opened("", 0)
		if len(m.Known) != 2*n {
			t.Errorf("call %d: %d are recalled", n, len(m.Known))
		}
		keep(m, fmt.Sprint(2*n))
		if n == 0 && r.file != nil {
			t.Error("it was kept at once")
		}
		a.now = func() time.Time { return begun.Add(soonKept) }
		keep(m, fmt.Sprint(2*n+1))
		end(r, stopped)
	}
	if left, err := os.ReadDir(filepath.Join(home, ".cache", "chatferry")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
