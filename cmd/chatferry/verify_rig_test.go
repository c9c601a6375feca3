package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/extract/rehearsal"
)

var (
	damageCases = flag.Int("verify-damage", 60, "how many damaged datasets TestVerifyFindsDamage looks at")
	cleanSets   = flag.Int("verify-clean", 50, "how many sound datasets TestVerifyOfSoundDatasets looks at")
)

// proving makes datasets of dumps, and verifies them.
type proving struct {
	*virtual
	seed uint64
	dump string
}

// provingDump writes a small dump with broken records, duplicates and Message conversations, in a few files each.
func provingDump(t *testing.T, seed uint64, dir string) {
	t.Helper()
	account := rehearsal.New(rehearsal.Options{Seed: seed, Chats: 28, Bad: 0.1, Message: 0.1, Duplicates: 0.1})
	if _, err := account.WriteDump(t.Context(), dir, rehearsal.Uniform(rehearsal.Form{}, rehearsal.Split{Records: 14})); err != nil {
		t.Fatal(err)
	}
}

func newProving(t *testing.T, seed uint64, dump, root string) *proving {
	return &proving{&virtual{
		t: t, root: root, memoryNet: &memoryNet{}, env: map[string]string{
			"CHATFERRY_PROGRESS": "none", "CHATFERRY_MIN_FREE": "0", "CHATFERRY_MAX_BAD_RECORDS": "100%",
			"CHATFERRY_STREAMS": "chats,agents,analytics_login_sessions",
		},
	}, seed, dump}
}

// carries calls the program, which must end with one of these exit codes.
func (p *proving) carries(codes []int, args ...string) {
	p.t.Helper()
	if e := p.program(p.t.Context(), args...); !slices.Contains(codes, e.code) {
		p.t.Fatalf("seed %d: chatferry %v ended with %d: %s", p.seed, args, e.code, e.stderr)
	}
}

var whole = []int{exitDone, exitPartial}

func (p *proving) run(more ...string) { p.t.Helper(); p.runs(whole, more...) }

func (p *proving) runs(codes []int, more ...string) {
	p.t.Helper()
	p.carries(codes, append([]string{"run", "--from", p.dump, "--to", p.root, "--page-size", "8KiB", "--part-records", "15"}, more...)...)
}

// grow puts the files of another account's chats into the dump, which come with the next run.
func (p *proving) grow() {
	p.t.Helper()
	other := filepath.Join(p.t.TempDir(), "other")
	provingDump(p.t, p.seed+1000, other)
	names, err := filepath.Glob(filepath.Join(other, "chats", "*"))
	if err != nil || len(names) == 0 {
		p.t.Fatalf("%v: %v", names, err)
	}
	for i, name := range names {
		if err := os.Rename(name, filepath.Join(p.dump, "chats", fmt.Sprintf("z%d-%s", i, filepath.Base(name)))); err != nil {
			p.t.Fatal(err)
		}
	}
}

// dies lets the next call lose its disk before the n-th operation that changes it, as a kill would.
func (p *proving) dies(n int) {
	at := 0
	p.disk = func(fsys atomicfile.FS) (atomicfile.FS, error) {
		return faultfs.Counted(fsys, func(int, string, string) error {
			if at++; at >= n {
				return syscall.EIO
			}
			return nil
		}), nil
	}
}

// replay takes out of quarantine what rules can repair, code by code; not every account has a record of each.
func (p *proving) replay() {
	p.t.Helper()
	rules := filepath.Join(p.t.TempDir(), "rules.yaml")
	for code, step := range map[string]string{
		"duplicate_key": "duplicate_keys: last", "invalid_utf8": "invalid_utf8: replace", "missing_key": "patch: [{op: add, path: /id, value: '7'}]",
	} {
		if err := os.WriteFile(rules, []byte("rules: [{for: {code: "+code+"}, "+step+"}]"), 0o600); err != nil {
			p.t.Fatal(err)
		}
		p.carries([]int{exitDone, exitPartial, exitUsage}, "quarantine", "replay", p.root, "--rule", rules)
	}
}

// provingShapes are the ways in which datasets come about.
var provingShapes = []struct {
	name string
	make func(p *proving)
}{
	{"settled", func(p *proving) { p.run() }},
	{"loose", func(p *proving) { p.run("--settle", "false") }},
	{"joined", func(p *proving) { p.run(); p.carries(whole, "compact", p.root) }},
	{"grown", func(p *proving) { p.run(); p.grow(); p.run("--incremental", "--keep-retired", "1h") }},
	{"grown and joined", func(p *proving) {
		p.run("--settle", "false")
		p.grow()
		p.run()
		p.carries(whole, "compact", p.root)
	}},
	{"replayed", func(p *proving) {
		p.run()
		p.replay()
	}},
	{"less deleted", func(p *proving) { p.run("--drop-deleted") }},
	{"trial", func(p *proving) { p.run("--limit", "20") }},
	{"stopped", func(p *proving) {
		p.runs([]int{exitStopped}, "--deadline", "1ns")
		p.mustBeSound()
		p.run("--deadline", "0s")
	}},
	{"killed", func(p *proving) {
		// It dies in the Lanes, in a settle, or, of few operations, not at all.
		p.dies(20 + int(p.seed*97%500))
		p.runs([]int{exitDone, exitPartial, exitEnvironment, exitUnexpected}, "--lanes", "1")
		p.disk = nil
		if _, err := os.Stat(filepath.Join(p.root, formatFile)); err == nil {
			p.mustBeSound()
		}
		p.run()
	}},
}

// verified calls the verb.
func (p *proving) verified(more ...string) (verified, ended) {
	p.t.Helper()
	e := p.program(p.t.Context(), append([]string{"verify", p.root, "--json"}, more...)...)
	return p.answer(e), e
}

// answer is the object that the verb printed.
func (p *proving) answer(e ended) (v verified) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(e.stdout), &v); err != nil {
		p.t.Fatalf("seed %d: %v: %s%s", p.seed, err, e.stdout, e.stderr)
	}
	return v
}

func (p *proving) mustBeSound() verified {
	p.t.Helper()
	v, e := p.verified()
	if e.code != exitDone || len(v.Findings) > 0 || v.FilesRead+v.Awaited != v.Files {
		p.t.Fatalf("seed %d: exit code %d: %v; %s", p.seed, e.code, v.Findings, e.stderr)
	}
	return v
}

// linked makes a copy of a dataset out of links to its files. What is damaged is taken out first.
func (p *proving) linked(root string) {
	p.t.Helper()
	err := filepath.WalkDir(p.root, func(name string, d fs.DirEntry, err error) error {
		rest, rerr := filepath.Rel(p.root, name)
		to := filepath.Join(root, rest)
		switch {
		case err != nil || rerr != nil:
			return errors.Join(err, rerr)
		case d.IsDir():
			return os.MkdirAll(to, 0o700)
		}
		return os.Link(name, to)
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// names lists the files of a dataset that a proof is about, sorted.
func (p *proving) names(keep func(name string) bool) []string {
	p.t.Helper()
	var names []string
	for name := range p.virtual.files() {
		if (strings.HasPrefix(name, "tables/") || strings.HasPrefix(name, "_chatferry/ledger/") || strings.HasPrefix(name, "_chatferry/quarantine/") || strings.HasPrefix(name, "_chatferry/replayed/") ||
			strings.HasPrefix(name, "_chatferry/log/") || name == formatFile) && (keep == nil || keep(name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (p *proving) get(name string) []byte {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.root, filepath.FromSlash(name)))
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// put exchanges a file, whose links elsewhere stay as they are; without bytes it is removed.
func (p *proving) put(name string, b []byte) {
	p.t.Helper()
	full := filepath.Join(p.root, filepath.FromSlash(name))
	if err := os.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Fatal(err)
	}
	if b == nil {
		return
	}
	if err := os.WriteFile(full, b, 0o600); err != nil {
		p.t.Fatal(err)
	}
}
