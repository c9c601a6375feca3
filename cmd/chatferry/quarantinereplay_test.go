package main

import (
	"path/filepath"
	"strings"
	"testing"

	"chatferry/checkpoint"
)

// A live run keeps the dataset from being replayed; looking at what would be replayed disturbs nobody.
func TestReplayBesideALiveRun(t *testing.T) {
	dir := t.TempDir()
	p := newProving(t, 1, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, 1, p.dump)
	p.run()
	lock, err := checkpoint.TakeLock(t.Context(), p.root, checkpoint.LockOptions{RunID: "live"})
	if err != nil {
		t.Fatal(err)
	}
	e := p.program(t.Context(), "quarantine", "replay", p.root)
	if e.code != exitLocked {
		t.Errorf("exit code %d: %s", e.code, e.stderr)
	}
	if e = p.program(t.Context(), "quarantine", "replay", p.root, "--dry-run"); e.code != exitDone || !strings.Contains(e.stdout, "Would replay") {
		t.Errorf("--dry-run: exit code %d: %s%s", e.code, e.stdout, e.stderr)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	p.mustBeSound()
}

// Every version stays where a dataset is not settled, the replayed ones too.
func TestReplayOfALooseDataset(t *testing.T) {
	dir := t.TempDir()
	p := newProving(t, 2, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, 2, p.dump)
	p.run("--settle", "false")
	before := p.mustBeSound()
	p.replay()
	after := p.mustBeSound()
	if len(after.Changed) == 0 {
		t.Fatal("nothing was replayed")
	}
	for name, b := range after.Streams {
		was := before.Streams[name]
		if b.Superseded.N != 0 || b.Read != was.Read || b.Loaded.N+b.ExcludedTotal().N-was.Loaded.N-was.ExcludedTotal().N != was.Quarantined.N-b.Quarantined.N {
			t.Errorf("%s: %+v became %+v", name, was, b)
		}
	}
	p.run("--settle", "true")
	p.mustBeSound()
}
