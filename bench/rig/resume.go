package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// resume kills a run near its end, and measures what going on costs.
func resume(flags *flag.FlagSet) func(context.Context, *rig) (*table, error) {
	share := flags.Float64("share", 0.9, "of the Parts after which the run is killed")
	partSize := flags.String("part-size", "", "raw bytes of a Part; the default is the program's")
	return func(ctx context.Context, r *rig) (*table, error) {
		r.need(r.chats * 5 * packedBytes)
		dir, _, err := r.dump(ctx, "dump", r.chats, "zstd")
		if err != nil {
			return nil, err
		}
		var cuts []string
		if *partSize != "" {
			cuts = []string{"--part-size", *partSize}
		}
		k := &killing{rig: r, dump: dir, root: r.path("data"), cuts: cuts}
		if _, _, err := child(ctx, nil, r.runArgs(dir, k.root, cuts...)...); err != nil {
			return nil, err
		}
		all := k.parts()
		if err := os.RemoveAll(k.root); err != nil {
			return nil, err
		}
		after := min(len(all)-1, int(*share*float64(len(all))))
		if after < 1 {
			return nil, fmt.Errorf("the run makes %d Parts, too few to be killed between them; take more -chats or a smaller -part-size", len(all))
		}
		t := &table{
			About:   fmt.Sprintf("%d chats in zstd, %d Parts; kill -9 after %d of them, then resume", r.chats, len(all), after),
			Columns: []string{"round", "committed at the kill", "repeated Parts", "most of a Lane", "first record s", "first commit s", "end s"},
		}
		for round := range r.rounds {
			if err := k.once(ctx, t, round+1, after); err != nil {
				return nil, err
			}
			if got := k.parts(); !slices.Equal(got, all) {
				return nil, fmt.Errorf("the resumed run made %d Parts, not the %d of the undisturbed one", len(got), len(all))
			}
			if err := os.RemoveAll(k.root); err != nil {
				return nil, err
			}
		}
		t.note("Seconds are from the start of the resuming process: to the first record that it leaves in a log, which comes before it reads; to " +
			"the first Part that it commits; to its end, settling included. Repeated are Parts that were begun and not committed when the kill came.")
		return t, nil
	}
}

// killing kills and resumes runs.
type killing struct {
	*rig
	dump, root string
	cuts       []string
}

// record is a file of a log, as much of it as matters here.
type record struct {
	Kind   string `json:"kind"`
	Log    string `json:"log"`
	Commit struct {
		Seq uint64 `json:"seq"`
	} `json:"commit"`
}

// logFiles are the names of all records.
func (k *killing) logFiles() []string {
	names, _ := filepath.Glob(filepath.Join(k.root, "_chatferry", "log", "*", "[0-9]*.json")) // the pattern is right
	return names
}

func read(name string) (r record, err error) {
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

func part(shard string, seq uint64) string { return fmt.Sprintf("%s/%012d", shard, seq) }

// parts are those that are committed.
func (k *killing) parts() []string {
	var parts []string
	for _, name := range k.logFiles() {
		if r, err := read(name); err == nil && r.Kind == "commit" {
			parts = append(parts, part(r.Log, r.Commit.Seq))
		}
	}
	slices.Sort(parts)
	return parts
}

// begun are the Parts that have files in staging. Their names are told in the package load/local.
func (k *killing) begun() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(k.root, "_chatferry", "staging"))
	var parts []string
	for _, e := range entries {
		f := strings.Split(e.Name(), ".")
		if len(f) == 6 && strings.HasPrefix(f[1], "e") {
			parts = append(parts, f[0]+"/"+f[2])
		}
	}
	slices.Sort(parts)
	return slices.Compact(parts), err
}

func (k *killing) once(ctx context.Context, t *table, round, after int) error {
	if err := k.kill(ctx, after); err != nil {
		return err
	}
	done := k.parts()
	open, err := k.begun()
	if err != nil {
		return err
	}
	open = slices.DeleteFunc(open, func(p string) bool { return slices.Contains(done, p) })
	perLane, most := map[string]int{}, 0
	for _, p := range open {
		lane, _, _ := strings.Cut(p, "/")
		perLane[lane]++
		most = max(most, perLane[lane])
	}
	first, commit, end, err := k.goOn(ctx)
	if err != nil {
		return err
	}
	t.add(round, len(done), len(open), most, first.Seconds(), commit.Seconds(), end.Seconds())
	return nil
}

// pace is how often a run is looked at.
const pace = 5 * time.Millisecond

// start starts chatferry, and tells when it has ended.
func (k *killing) start(argv []string) (cmd *exec.Cmd, ended chan error, err error) {
	cmd = exec.Command(argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	ended = make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return cmd, ended, nil
}

// kill starts a run, and kills it when so many Parts are committed.
func (k *killing) kill(ctx context.Context, after int) error {
	cmd, ended, err := k.start(k.runArgs(k.dump, k.root, k.cuts...))
	if err != nil {
		return err
	}
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("the run ended before it could be killed: %w", errors.Join(err, errors.New("take more -chats")))
		case <-time.After(pace):
		}
		if ctx.Err() == nil && len(k.parts()) < after {
			continue
		}
		err := cmd.Process.Kill()
		<-ended // it was killed
		return errors.Join(err, ctx.Err())
	}
}

// goOn resumes the run, and says when it left its first record, when its first commit, and when it ended.
func (k *killing) goOn(ctx context.Context) (first, commit, end time.Duration, err error) {
	seen := map[string]bool{}
	for _, name := range k.logFiles() {
		seen[name] = true
	}
	begun := time.Now()
	cmd, ended, err := k.start([]string{k.program, "resume", k.root, "--progress", "none", "--json"})
	if err != nil {
		return 0, 0, 0, err
	}
	for {
		select {
		case err := <-ended:
			if err == nil && commit == 0 {
				err = errors.New("the resumed run committed nothing")
			}
			return first, commit, time.Since(begun), err
		case <-ctx.Done():
			err := cmd.Process.Kill()
			<-ended // it was killed
			return 0, 0, 0, errors.Join(err, ctx.Err())
		case <-time.After(pace):
		}
		for _, name := range k.logFiles() {
			if seen[name] {
				continue
			}
			seen[name] = true
			if first == 0 {
				first = time.Since(begun)
			}
			if r, err := read(name); err == nil && r.Kind == "commit" && commit == 0 {
				commit = time.Since(begun)
			}
		}
	}
}
