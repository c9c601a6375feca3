package checkpoint

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// A run freezes inside a replace; a staged file of it is lost or not; another run takes over, undoes the replace, makes
// it anew and finishes. Then the frozen one wakes up: what was removed must not come back.
func TestZombieOfAnUndoneReplace(t *testing.T) {
	load := replacing(1)
	_, ops, _ := undisturbed(t, load)
	var struck atomic.Int64
	step := stride(1, 2)
	parallel(t, ops/step, func(i int) error {
		at := i * step
		for lose := 0; ; lose++ {
			disk := faultfs.NewDisk()
			first := start(disk, load, "first")
			for range at {
				first.step(faultfs.Fault{})
			}
			staged := stagedForReplaces(disk)
			if lose >= len(staged) {
				first.stop()
				return nil
			}
			if err := disk.Erase(staged[lose]); err != nil {
				return err
			}
			struck.Add(1)
			if err := wakeAfter(disk, load, first, staged[lose]); err != nil {
				return fmt.Errorf("frozen at %d, lost %s: %w", at, staged[lose], err)
			}
		}
	})
	t.Logf("%d losses", struck.Load())
	if struck.Load() == 0 {
		t.Error("nothing was ever staged for a replace")
	}
}

// wakeAfter lets another run finish, and then the frozen one.
func wakeAfter(disk *faultfs.Disk, load workload, first *actor, lost string) error {
	defer first.stop()
	frozen := first.op
	if err := finishAfterLoss(disk, load, lost); err != nil && !strings.Contains(err.Error(), "left behind") {
		return fmt.Errorf("frozen before %q: %w", frozen, err)
	}
	before := dataFiles(disk)
	w := watch(disk)
	w.lost = lost
	for alive := true; alive; {
		op := first.op
		alive = first.step(faultfs.Fault{})
		if err := w.after(op); err != nil {
			return fmt.Errorf("frozen before %q, woke up and did %q: %w", frozen, op, err)
		}
	}
	if chatferry.KindOf(first.end) != chatferry.KindFenced {
		return fmt.Errorf("frozen before %q, it woke up and ended with %v", frozen, first.end)
	}
	if err := sameBytes(before, dataFiles(disk)); err != nil {
		return fmt.Errorf("frozen before %q: %w", frozen, err)
	}
	return finishAfterLoss(disk, load, lost)
}

// A run freezes inside a replace before every operation in turn. At several operations of the run that takes over, the
// frozen one wakes up and goes on to its end.
func TestZombieWakesWhileAnotherReplaces(t *testing.T) {
	load := replacing(1)
	want, ops, _ := undisturbed(t, load)
	step := stride(23, 61)
	var pairs atomic.Int64
	parallel(t, ops, func(at int) error {
		for wake := 1 + at%step; ; wake += step {
			pairs.Add(1)
			again, err := wakeInside(load, at, wake, want)
			if err != nil {
				return fmt.Errorf("frozen at %d, woken at %d: %w", at, wake, err)
			}
			if !again {
				return nil
			}
		}
	})
	t.Logf("%d pairs", pairs.Load())
}

// wakeInside is false when the second run ended before it came to the operation at which the first is to wake up.
func wakeInside(load workload, at, wake int, want map[string][]byte) (bool, error) {
	disk := faultfs.NewDisk()
	w := watch(disk)
	do := func(a *actor) (bool, error) {
		op := a.op
		alive := a.step(faultfs.Fault{})
		if err := w.after(op); err != nil {
			return alive, fmt.Errorf("after %s: %w", op, err)
		}
		return alive, nil
	}
	first := start(disk, load, "first")
	defer first.stop()
	for range at {
		if !first.step(faultfs.Fault{}) {
			return false, nil
		}
	}
	second := start(disk, load, "second")
	defer second.stop()
	woken, alive := false, true
	for n := 0; alive; n++ {
		if n == wake {
			woken = true
			for up := true; up; {
				var err error
				if up, err = do(first); err != nil {
					return true, fmt.Errorf("woken before %q: %w", second.op, err)
				}
			}
		}
		var err error
		if alive, err = do(second); err != nil {
			return true, err
		}
	}
	for _, a := range []*actor{first, second} {
		switch {
		case a.end == nil, chatferry.KindOf(a.end) == chatferry.KindFenced, a == first && !woken:
		case a == second && strings.Contains(a.end.Error(), "never opened again"):
			// The first has finished a Shard between the second's look at it and its opening.
		default:
			return true, fmt.Errorf("it ended with %w", a.end)
		}
	}
	return woken, resume(disk, load, want)
}

// A run has added the first file of a replace and freezes just before it adds the second; then the first is lost. At
// every operation of the run that undoes the replace, the frozen one wakes up. The second file must not come back.
func TestZombieWakesWhileAReplaceIsUndone(t *testing.T) {
	load := workload{shards: 1, parts: 1, replaces: []stubReplace{{at: 1, do: "settle"}}}
	for at := 1; ; at++ {
		disk := faultfs.NewDisk()
		first := start(disk, load, "first")
		var links []faultfs.Op
		for len(links) < 2 && first.step(faultfs.Fault{}) {
			if first.op.Do == "link" && strings.HasPrefix(first.op.Name, stagingFolder+"/r") {
				links = append(links, first.op)
			}
		}
		if len(links) < 2 {
			t.Fatalf("only the links %v", links)
		}
		if err := disk.Erase(links[0].To); err != nil {
			t.Fatal(err)
		}
		woken, err := wakeWhileUndone(disk, load, first, links[0].Name, at)
		first.stop()
		if err != nil {
			t.Fatalf("operation %d: %v", at, err)
		}
		if !woken {
			if at < 50 {
				t.Errorf("the second run had only %d operations", at)
			}
			return
		}
	}
}

// wakeWhileUndone lets a second run work, wakes the first before the given operation after the second's run-open, and
// lets a last run finish. It is false if the second ended before.
func wakeWhileUndone(disk *faultfs.Disk, load workload, first *actor, lost string, at int) (woken bool, err error) {
	w := watch(disk)
	w.lost = lost
	second := start(disk, load, "second")
	defer second.stop()
	finish := func(a *actor, until int) (int, error) {
		begun := a == first
		for n := 0; ; {
			if n == until {
				return n, nil
			}
			op := a.op
			alive := a.step(faultfs.Fault{})
			if err := w.after(op); err != nil {
				return n, fmt.Errorf("after %s: %w", op, err)
			}
			if !alive {
				return n, nil
			}
			begun = begun || op.Do == "link" && strings.HasPrefix(op.To, logFolder)
			if begun {
				n++
			}
		}
	}
	n, err := finish(second, at)
	if woken = n == at; err != nil || !woken {
		return woken, err
	}
	before := second.op
	if _, err := finish(first, -1); err != nil {
		return true, fmt.Errorf("woken before %q: %w", before, err)
	}
	if chatferry.KindOf(first.end) != chatferry.KindFenced {
		return true, fmt.Errorf("woken before %q, it ended with %v", before, first.end)
	}
	if _, err := finish(second, -1); err != nil {
		return true, fmt.Errorf("after the first was woken before %q: %w", before, err)
	}
	if second.end != nil {
		return true, second.end
	}
	return true, finishAfterLoss(disk, load, lost)
}
