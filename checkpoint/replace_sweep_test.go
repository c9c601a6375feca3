package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// replacing is a workload with a replace in the middle, after which its Shards are opened again, one when all Shards are
// done, and one of files that replaces have added.
func replacing(shards int) workload {
	return workload{shards: shards, parts: 2, replaces: []stubReplace{
		{at: 1, do: "settle"}, {at: 2, do: "settle"}, {at: 2, do: "compact"},
	}}
}

// workloads are those over which every sweep goes.
func workloads(plain workload) map[string]workload {
	return map[string]workload{"plain": plain, "replacing": replacing(1)}
}

// stagedForReplaces names the staged files of replaces.
func stagedForReplaces(disk *faultfs.Disk) []string {
	names := slices.Sorted(maps.Keys(disk.Files(stagingFolder)))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, stagingFolder+"/r") })
}

// A run is killed at every operation, and then each staged file of a replace in turn is lost. The next run undoes the
// replace if it was announced, is killed itself at every operation, and the one after it finishes.
func TestEveryLostReplacement(t *testing.T) {
	load := replacing(1)
	_, _, changes := undisturbed(t, load)
	step := stride(3, 17)
	var undone, tried atomic.Int64
	parallel(t, changes, func(at int) error {
		disk := faultfs.NewDisk()
		_, _, broken := live(disk, load, "first", faultfs.Plan{At: at, Fault: faultfs.Fault{Kill: true}}.Hook())
		if broken != nil {
			return broken
		}
		for i, name := range stagedForReplaces(disk) {
			if brief() && i != at%3 {
				continue
			}
			for second := 1 + at%step; ; second += step {
				after := disk.Clone()
				if err := after.Erase(name); err != nil {
					return err
				}
				tried.Add(1)
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
					if strings.Contains(string(b), `"kind":"replace-undone"`) {
						undone.Add(1)
					}
				}
				if end == nil {
					break
				}
			}
		}
		return nil
	})
	t.Logf("%d losses, %d of them undone", tried.Load(), undone.Load())
	if undone.Load() == 0 {
		t.Error("no replace was ever undone")
	}
}

// Readers who load at every instant of a run with replaces see a dataset that holds together, in which every row stands
// exactly once; readers who glob see every row at least once, and none that is not there.
func TestReadersBesideAReplace(t *testing.T) {
	load := replacing(2)
	disk := faultfs.NewDisk()
	run := start(disk, load, "run")
	defer run.stop()
	listed, seen, twice := 0, 0, false
	for run.step(faultfs.Fault{}) {
		d, err := Load(context.Background(), NewDiskLogs(disk.Process(nil)))
		if errors.Is(err, ErrNoDataset) {
			continue
		}
		if err != nil {
			t.Fatalf("before %q: %v", run.op, err)
		}
		files, visible := map[string][]byte{}, dataFiles(disk)
		for _, f := range d.Inventory() {
			if data, ok := visible[f.Name]; ok {
				files[f.Name] = data
			} else if f.Published {
				t.Fatalf("before %q: %s is published, but cannot be seen", run.op, f.Name)
			}
		}
		for _, table := range stubTables {
			byList, marked := rangesIn(files, table)
			byGlob, _ := rangesIn(visible, table)
			for text, n := range byList {
				if n != 1 {
					t.Fatalf("before %q: by the list, %q is there %d times", run.op, text, n)
				}
				if byGlob[text] == 0 {
					t.Fatalf("before %q: %q is listed, but not seen", run.op, text)
				}
				twice = twice || byGlob[text] > 1
			}
			if int64(marked) != supersededNow(d) {
				t.Fatalf("before %q: by the list, %d rows are superseded, by the books %d", run.op, marked, supersededNow(d))
			}
			if table == stubTables[0] {
				if len(byList) < listed || len(byGlob) < seen {
					t.Fatalf("before %q: %d ranges are listed and %d seen, there were %d and %d", run.op, len(byList), len(byGlob), listed, seen)
				}
				listed, seen = len(byList), len(byGlob)
			}
		}
		books, _, err := d.Books()
		if b := books[chatferry.Chats]; err != nil || b.Close() != nil || b.Superseded.N != supersededNow(d) {
			t.Fatalf("before %q: %v; the books say %+v", run.op, err, b)
		}
	}
	if run.end != nil || seen != 4 || !twice {
		t.Fatalf("%v; %d ranges seen, some of them twice: %v", run.end, seen, twice)
	}
}
