package checkpoint

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"chatferry/checkpoint/atomicfile/faultfs"
)

// A run has published the first file of a Part and freezes just before it links the second; then the first is lost. At
// every operation of the run that takes the Part back, the frozen one wakes up and goes on to its end. The second file must
// not come back.
func TestZombieWakesWhileAPartIsTakenBack(t *testing.T) {
	load := workload{shards: 1, parts: 2}
	wake := func(at int) (ended bool, err error) {
		disk := faultfs.NewDisk()
		first := start(disk, load, "first")
		defer first.stop()
		var links []faultfs.Op
		for len(links) < 2 && first.step(faultfs.Fault{}) {
			if first.op.Do == "link" && strings.HasPrefix(first.op.To, "tables/") {
				links = append(links, first.op)
			}
		}
		lost := links[0].Name
		if err := disk.Erase(links[0].To); err != nil {
			return false, err
		}
		w := watch(disk)
		w.lost = lost
		second := start(disk, load, "second")
		defer second.stop()
		do := func(a *actor) (bool, error) {
			op := a.op
			alive := a.step(faultfs.Fault{})
			if err := w.after(op); err != nil {
				return alive, fmt.Errorf("after %s: %w", op, err)
			}
			return alive, nil
		}
		// Before the second has opened the Shard, the first may rightly go on.
		alive, opened := true, false
		for n := 0; alive; {
			if n == at {
				for up := true; up; {
					if up, err = do(first); err != nil {
						return false, fmt.Errorf("woken before %q: %w", second.op, err)
					}
				}
			}
			opened = opened || strings.HasPrefix(second.op.To, logFolder+"/000000000001/")
			if alive, err = do(second); err != nil {
				return false, err
			}
			if opened {
				n++
			}
			ended = n < at
		}
		if second.end != nil {
			return ended, second.end
		}
		return ended, finishAfterLoss(disk, load, lost)
	}
	for at := 1; ; at++ {
		ended, err := wake(at)
		if err != nil {
			t.Fatalf("operation %d: %v", at, err)
		}
		if ended {
			if at < 50 {
				t.Errorf("the second run had only %d operations", at)
			}
			return
		}
	}
}

// A run is killed between the link of a record and the fsync of its folder; the next one goes on and is killed at every
// link and folder fsync in the logs; then the power fails, and of the names that are not durable any may be lost. No log
// may be left with a hole, and none shorter than a run that ended has said.
func TestRecordsOfAKilledRunAreMadeDurable(t *testing.T) {
	load := workload{shards: 1, parts: 1}
	want, _, _ := undisturbed(t, load)
	// inLogs kills a process after its nth link or fsync in a log's folder; links only counts the links.
	inLogs := func(nth int, links bool) faultfs.Hook {
		return func(op faultfs.Op) faultfs.Fault {
			link := op.Do == "link" && strings.HasPrefix(op.To, logFolder)
			sync := op.Do == "syncdir" && strings.HasPrefix(op.Name, logFolder+"/")
			if link || sync && !links {
				nth--
			}
			if nth == 0 {
				nth--
				return faultfs.Fault{Kill: true, Applied: true}
			}
			return faultfs.Fault{}
		}
	}
	struck := 0
	for first := 1; ; first++ {
		disk := faultfs.NewDisk()
		_, end, broken := live(disk, load, "first", inLogs(first, true))
		if broken != nil {
			t.Fatal(broken)
		}
		if end == nil {
			break
		}
		for second := 1; ; second++ {
			between := disk.Clone()
			_, end, broken := live(between, load, "second", inLogs(second, false))
			if broken != nil {
				t.Fatalf("killed at record %d, then at %d: %v", first, second, broken)
			}
			if end == nil {
				break
			}
			for seed := range uint64(8) {
				after, how := between.Clone(), faultfs.KeepSome
				if seed == 0 {
					how = faultfs.KeepNothing
				}
				after.PowerLoss(how, rand.New(rand.NewPCG(seed, uint64(first*100+second))))
				struck++
				if err := resume(after, load, want); err != nil {
					t.Fatalf("killed at record %d, then at %d, %v, seed %d: %v", first, second, how, seed, err)
				}
			}
		}
	}
	if struck < 100 {
		t.Errorf("only %d power losses", struck)
	}
}
