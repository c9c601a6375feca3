package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// A run is killed at every operation, and then each staged file in turn is lost from the disk. The next run takes back
// the Part that can no longer be published, if it was committed, and reads its range again; it is killed itself at every
// operation, and the one after it finishes: every range is there exactly once.
func TestEveryLostStagedFile(t *testing.T) {
	load := workload{shards: 1, parts: 2}
	_, _, changes := undisturbed(t, load)
	stride := 3
	switch {
	case soak:
		stride = 1
	case brief():
		stride = 11
	}
	reopened := make([]int, changes+1)
	parallel(t, changes, func(at int) error {
		disk := faultfs.NewDisk()
		_, _, broken := live(disk, load, "first", faultfs.Plan{At: at, Fault: faultfs.Fault{Kill: true}}.Hook())
		if broken != nil {
			return broken
		}
		for _, name := range slices.Sorted(maps.Keys(disk.Files(stagingFolder))) {
			for second := 1 + at%stride; ; second += stride {
				after := disk.Clone()
				if err := after.Erase(name); err != nil {
					return err
				}
				end, err := liveAfterLoss(after, load, name, second)
				if err == nil && end == faultfs.ErrKilled {
					lose(after, losses[(at+second)%len(losses)], uint64(second))
					err = finishAfterLoss(after, load, name)
				} else if err == nil && end == nil {
					err = finished(after, load, nil)
				} else if err == nil {
					err = end
				}
				if err != nil {
					return fmt.Errorf("killed at %d, lost %s, killed at %d: %w", at, name, second, err)
				}
				for _, b := range after.Files(logFolder) {
					if strings.Contains(string(b), `"kind":"reopen"`) {
						reopened[at]++
					}
				}
				if end == nil {
					break
				}
			}
		}
		return nil
	})
	sum := 0
	for _, n := range reopened {
		sum += n
	}
	if sum == 0 {
		t.Error("no part was ever taken back")
	}
}

// liveAfterLoss runs a process on a disk that has lost a staged file, of which the watcher must not expect that it is
// there, and kills it at an operation.
func liveAfterLoss(disk *faultfs.Disk, load workload, lost string, at int) (end, broken error) {
	w := watch(disk)
	w.lost = lost
	var last faultfs.Op
	note := func(err error) {
		if err != nil && broken == nil {
			broken = fmt.Errorf("after %s: %w", last, err)
		}
	}
	note(w.check())
	p := disk.Process(func(op faultfs.Op) faultfs.Fault {
		note(w.after(last))
		last = op
		return faultfs.Plan{At: at, Fault: faultfs.Fault{Kill: true}}.Hook()(op)
	})
	end = (&process{workload: load, fsys: p, name: fmt.Sprintf("second-%d", at)}).work(context.Background())
	if errors.Is(end, faultfs.ErrKilled) {
		end = faultfs.ErrKilled
	}
	note(w.check())
	return end, broken
}

func finishAfterLoss(disk *faultfs.Disk, load workload, lost string) error {
	end, broken := liveAfterLoss(disk, load, lost, -1)
	if broken != nil {
		return broken
	}
	if end != nil {
		return end
	}
	return finished(disk, load, nil)
}

// A run freezes while it publishes; the files it has staged are lost or not; another run takes over, takes the Part
// back, and finishes. Then the frozen one wakes up.
func TestZombieOfAReopenedPart(t *testing.T) {
	load := workload{shards: 1, parts: 2}
	_, ops, _ := undisturbed(t, load)
	struck := 0
	for at := 1; at <= ops; at++ {
		for lose := range 2 {
			disk := faultfs.NewDisk()
			first := start(disk, load, "first")
			for range at {
				first.step(faultfs.Fault{})
			}
			frozen := first.op
			staged := slices.Sorted(maps.Keys(disk.Files(stagingFolder)))
			if lose >= len(staged) {
				first.stop()
				continue
			}
			if err := disk.Erase(staged[lose]); err != nil {
				t.Fatal(err)
			}
			struck++
			if err := finishAfterLoss(disk, load, staged[lose]); err != nil && !strings.Contains(err.Error(), "left behind") {
				t.Fatalf("frozen before %q, lost %s: %v", frozen, staged[lose], err)
			}
			before := disk.Files("tables")
			w := watch(disk)
			for alive := true; alive; {
				op := first.op
				alive = first.step(faultfs.Fault{})
				if err := w.after(op); err != nil {
					t.Fatalf("frozen before %q, lost %s, woke up and did %q: %v", frozen, staged[lose], op, err)
				}
			}
			if first.end == nil {
				t.Errorf("frozen before %q, lost %s: it woke up and ended well", frozen, staged[lose])
			}
			if err := sameBytes(before, disk.Files("tables")); err != nil {
				t.Errorf("frozen before %q, lost %s: %v", frozen, staged[lose], err)
			}
			first.stop()
		}
	}
	if struck == 0 {
		t.Error("nothing was ever staged")
	}
}

// Of several unpublished Parts the first is gone: those behind it are taken back with it, and the Totals are those of
// the Parts before.
func TestReopenTakesBackWhatFollows(t *testing.T) {
	var s ShardState
	s.Shard = workload{}.shard(0)
	load := workload{parts: 9}
	var all []*Record
	add := func(r *Record) {
		t.Helper()
		r.N, r.Epoch = s.N+1, 1
		r.Prev = s.Head
		if err := s.fold(r, sumOf(fmt.Append(nil, r.N))); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	totals := Totals{}
	add(&Record{Kind: KindEpochOpen, Totals: &Totals{}})
	for k := range 3 {
		p := &chatferry.Part{
			Stream: chatferry.Chats, Seq: uint64(k + 1), From: load.at(k), To: load.at(k + 1), Books: load.books(1, k),
			Files: []chatferry.PartFile{{Kind: chatferry.FileRows, Table: "chats", Name: fmt.Sprint("f", k), Staging: fmt.Sprint("s", k), Rows: 2, Size: 5}},
		}
		after := totals.committed(s.N+1, p)
		after.PublishedTo = 1 // as a writer that lets several Parts wait would say
		if k == 0 {
			after.PublishedTo = 0
		}
		totals = after
		add(&Record{Kind: KindCommit, Commit: p, Totals: &after})
	}
	before := *all[1].Totals
	back := totals.reopened(s.N+1, 2, before)
	add(&Record{Kind: KindReopen, Reopen: &Reopen{Seq: 2, Parts: make([]ReopenedPart, 2)}, Totals: &back})
	if s.Position != "1" || s.Seq != 3 || s.Parts != 1 || s.Totals.Books.Read.N != 3 || s.Tables["chats"].Files != 1 {
		t.Errorf("the shard stands at %+v", s.Totals)
	}
	d := &Dataset{facts: newFacts(format{}, chatferry.SHA256{}), Shards: []ShardState{s}}
	if err := d.settle(); err != nil {
		t.Fatal(err)
	}
	if files := d.Inventory(); len(files) != 1 || files[0].Name != "f0" || !files[0].Published {
		t.Errorf("the inventory is %+v", files)
	}
}
