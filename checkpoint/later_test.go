package checkpoint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// A dataset that is read on from wherever it was read before is what a reading of the whole gives, and what was read before
// stays as it was.
func TestLaterIsLoad(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 5))
		disk, load := faultfs.NewDisk(), replacing(2)
		load.knows = seed%2 == 0
		var before []*Dataset
		var copies []*Dataset // of them, read at the same time
		for n, ended := 0, false; !ended; n++ {
			at := rng.IntN(250)
			_, end, broken := live(disk, load, fmt.Sprintf("w%d", n), faultfs.Plan{At: at, Fault: faultfs.Fault{Kill: true}}.Hook())
			if broken != nil {
				t.Fatalf("seed %d: %v", seed, broken)
			}
			ended = end == nil
			logs := NewDiskLogs(disk.Process(nil))
			now, err := Load(t.Context(), logs)
			if errors.Is(err, ErrNoDataset) {
				continue
			}
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for i, d := range before {
				later, err := d.Later(t.Context(), logs)
				if err == nil {
					err = sameDataset(now, later)
				}
				if err == nil {
					err = sameDataset(copies[i], d)
				}
				if err != nil {
					t.Fatalf("seed %d: read on from run %d after run %d: %v", seed, i, n, err)
				}
			}
			again, err := Load(t.Context(), logs)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			before, copies = append(before, now), append(copies, again)
		}
	}
}

func sameDataset(want, got *Dataset) error {
	a, b := *want, *got
	a.seen, a.whole = b.seen, b.whole
	if !reflect.DeepEqual(a.facts, b.facts) {
		return fmt.Errorf("the facts are %+v, not %+v", b.facts, a.facts)
	}
	if !reflect.DeepEqual(a.account, b.account) {
		return errors.New("the files or the books are others")
	}
	if len(a.Shards) != len(b.Shards) {
		return fmt.Errorf("%d shards, not %d", len(b.Shards), len(a.Shards))
	}
	for i := range a.Shards {
		if !reflect.DeepEqual(a.Shards[i], b.Shards[i]) {
			return fmt.Errorf("shard %d is %+v, not %+v", i, b.Shards[i], a.Shards[i])
		}
	}
	return nil
}

// A run-done names the logs that have grown since the one before, and no others; what the earlier ones named is held against
// the logs all the same.
func TestRunDoneNamesWhatGrew(t *testing.T) {
	disk, load := faultfs.NewDisk(), workload{shards: 2, parts: 1}
	for i, want := range []int{2, 0, 1} {
		load.shards = 2 + i/2
		if err := (&process{workload: load, fsys: disk.Process(nil), name: fmt.Sprintf("w%d", i)}).work(t.Context()); err != nil {
			t.Fatal(err)
		}
		d, err := Load(t.Context(), NewDiskLogs(disk.Process(nil)))
		if err != nil {
			t.Fatal(err)
		}
		if done := d.Runs()[i].Done; len(done.Heads) != want {
			t.Errorf("run-done %d names %d logs, not %d", i, len(done.Heads), want)
		}
	}
	p := disk.Process(nil)
	d, err := Load(t.Context(), NewDiskLogs(p))
	if err != nil {
		t.Fatal(err)
	}
	name := recordName(d.Shards[0].Shard.ID.String(), d.Shards[0].N)
	if err := p.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), NewDiskLogs(p)); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("the end of a log is gone, and the error is %v", err)
	}
}

// A Shard that was open when a run ended is named again once it has gone on.
func TestRunDoneNamesAShardAgain(t *testing.T) {
	disk, load := faultfs.NewDisk(), workload{shards: 1, parts: 2}
	p := &process{workload: load, fsys: disk.Process(nil), name: "first"}
	if err := p.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	shard := load.shard(0)
	if err := p.run.AddShards(t.Context(), []chatferry.Shard{shard}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.run.OpenShard(t.Context(), &shard); err != nil {
		t.Fatal(err)
	}
	first, err := p.run.Done(t.Context(), End{Verdict: "without what the source did not give"})
	if err != nil {
		t.Fatal(err)
	}
	if err := (&process{workload: load, fsys: disk.Process(nil), name: "second"}).work(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := Load(t.Context(), NewDiskLogs(disk.Process(nil)))
	if err != nil {
		t.Fatal(err)
	}
	log := shard.ID.String()
	before, after := first.Heads[log], d.Runs()[1].Done.Heads[log]
	if before.N == 0 || after.N != d.Shards[0].N || after.N <= before.N {
		t.Errorf("the heads of the log are %+v and then %+v; it has %d records", before, after, d.Shards[0].N)
	}
}
