package main

import (
	"path/filepath"
	"testing"

	"chatferry"
	"chatferry/cmd/chatferry/verify"
)

// begun makes a dataset, and the Options to verify it by itself.
func (p *proving) begun() verify.Options {
	p.t.Helper()
	provingDump(p.t, p.seed, p.dump)
	p.run("--settle", "false")
	p.grow()
	p.run("--settle", "false")
	a := &app{environment: &environment{}}
	t, err := a.openTarget(p.t.Context(), p.root, &Config{})
	if err != nil {
		p.t.Fatal(err)
	}
	return verify.Options{Load: t.load, Store: t.store, Contents: t.contents}
}

// A run that settles, joins files and removes those that it replaced while the dataset is verified is no damage, whenever
// it comes: before the files are listed, before they are read, or while they are.
func TestVerifyWhileARunWorks(t *testing.T) {
	const seed = 2
	for _, step := range []string{"list", "read", "keys"} {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			p := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
			o := p.begun()
			at := 0
			o.Progress = func(now verify.Progress) {
				if now.Step != step {
					return
				}
				if at++; at == 1 {
					p.carries(whole, "compact", p.root)
				}
			}
			r, err := verify.Run(t.Context(), o)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if !r.Sound() || at == 0 || r.Moved == 0 && step == "list" {
				t.Errorf("seed %d: found %v, %v; %d files were retired meanwhile", seed, r.Findings, r.Corrupt, r.Moved)
			}
			if r.Moved == 0 && r.ProvenParts != r.Parts {
				t.Errorf("seed %d: %d of %d parts are proven", seed, r.ProvenParts, r.Parts)
			}
		})
	}
}

// With next to no memory the same is proven: files are not kept, and keys are compared in many passes.
func TestVerifyInLittleMemory(t *testing.T) {
	const seed = 3
	dir := t.TempDir()
	p := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	o := p.begun()
	p.run()
	passes := int64(0)
	o.Progress = func(now verify.Progress) {
		if now.Step == "keys" {
			passes = max(passes, now.Total)
		}
	}
	want, err := verify.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if passes != 1 {
		t.Fatalf("seed %d: %d passes", seed, passes)
	}
	o.MemoryLimit = 640
	got, err := verify.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Sound() || !want.Sound() || got.Rows != want.Rows || got.Keyed["chats"] != want.Keyed["chats"] || want.Keyed["chats"] == 0 || passes < 5 {
		t.Errorf("seed %d: %d passes, found %v; %v and %v", seed, passes, got.Findings, got.Keyed, want.Keyed)
	}

	// And so is what is wrong: a key with two rows, in whichever pass it comes.
	for _, row := range []int{0, 3, 9} {
		q := newProving(t, seed, "", filepath.Join(dir, "forged", string(rune('a'+row))))
		p.linked(q.root)
		const name = "tables/agents/part-000000000001-000000000001.parquet"
		file, changed := q.rewrite(name, func(s *sheet) bool {
			return s.changeAt(s.rec.Schema().FieldIndices("id")[0], row, row+1)
		})
		if !changed {
			t.Fatalf("seed %d: row %d was not changed", seed, row)
		}
		q.forge(name, func(was *chatferry.PartFile) { was.Size, was.SHA256, was.V = file.Size, file.SHA256, file.V })
		a := &app{environment: &environment{}}
		target, err := a.openTarget(t.Context(), q.root, &Config{})
		if err != nil {
			t.Fatal(err)
		}
		o.Load, o.Store, o.Contents = target.load, target.store, target.contents
		r, err := verify.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) != 1 || r.Findings[0].Kind != verify.Twice {
			t.Errorf("seed %d, row %d: found %v", seed, row, r.Findings)
		}
	}
}
