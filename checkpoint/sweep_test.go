package checkpoint

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/checkpoint/objectstore/sims3"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// soak makes the sweeps complete and the schedules many. It is set by CHATFERRY_SOAK.
var soak = os.Getenv("CHATFERRY_SOAK") != ""

// brief makes the sweeps short: with -short, and under the race detector, where every step costs many times as much and
// which has little to find in processes that never run side by side.
func brief() bool { return (raceEnabled || testing.Short()) && !soak }

// stride is the distance between the operations of a sweep over replaces: all of them in a soak, some otherwise, fewer in
// a brief run, and fewer still under the race detector.
func stride(usual, briefly int) int {
	switch {
	case soak:
		return 1
	case raceEnabled:
		return 4 * briefly
	case brief():
		return briefly
	}
	return usual
}

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // thousands of disks of a few kilobytes each
	goleak.VerifyTestMain(m)
}

// live runs a process over a disk with a hook, and checks every promise after every operation. It returns the error
// with which the process ended, faultfs.ErrKilled if it was killed, and the promise that was broken, if any.
func live(disk *faultfs.Disk, load workload, name string, hook faultfs.Hook) (p *faultfs.Process, end, broken error) {
	w := watch(disk)
	var last faultfs.Op
	o := &observed{watcher: w, name: name}
	p = disk.Process(func(op faultfs.Op) faultfs.Fault {
		o.note(w.after(last), last.String())
		last = op
		if hook == nil {
			return faultfs.Fault{}
		}
		return hook(op)
	})
	p.Panics, p.Tracing = true, true
	end, broken = o.work(&process{workload: load, fsys: p, name: name})
	return p, end, broken
}

// observed is a process whose every operation is watched.
type observed struct {
	*watcher
	name   string
	broken error // the first promise that was
}

func (o *observed) note(err error, last string) {
	if err != nil && o.broken == nil {
		o.broken = fmt.Errorf("%s after %s: %w", o.name, last, err)
	}
}

// work lets the process work to its end, or until it is killed.
func (o *observed) work(p *process) (end, broken error) {
	o.vanished = p.vanished
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("before the first operation: %w", err)
	}
	p.committed = func(l *ShardLog, part *chatferry.Part) { o.note(o.acknowledged(l, part), "a commit") }
	p.replaced = func(r *Replace) { o.note(o.replacedWell(r), "a replace") }
	end = untilKilled(func() error { return p.work(context.Background()) })
	o.note(o.check(), "its end")
	return end, o.broken
}

// untilKilled turns the panic of a process that is killed into faultfs.ErrKilled.
func untilKilled(work func() error) (end error) {
	defer func() {
		switch r := recover(); r {
		case nil:
		case faultfs.Killed{}, sims3.Killed{}:
			end = faultfs.ErrKilled
		default:
			panic(r)
		}
	}()
	return work()
}

// undisturbed carries the workload in one run, and returns the files that readers see and the number of operations.
func undisturbed(t *testing.T, load workload) (want map[string][]byte, ops, changes int) {
	t.Helper()
	disk := faultfs.NewDisk()
	p, end, broken := live(disk, load, "only", nil)
	if end != nil || broken != nil {
		t.Fatalf("an undisturbed run ended with %v; %v", end, broken)
	}
	want = dataFiles(disk)
	if err := finished(disk, load, want); err != nil {
		t.Fatal(err)
	}
	return want, p.Ops(), p.Changes()
}

// resume runs the program again until it succeeds, and checks the outcome.
func resume(disk *faultfs.Disk, load workload, want map[string][]byte) error {
	_, end, broken := live(disk, load, "last", nil)
	if broken != nil {
		return broken
	}
	if end != nil {
		return fmt.Errorf("resume: %w", end)
	}
	return finished(disk, load, want)
}

// parallel calls f for 1 … n on all cores and reports the first few failures.
func parallel(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	var next, failures atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := next.Add(1); i <= int64(n) && failures.Load() < 3; i = next.Add(1) {
				if err := f(int(i)); err != nil {
					failures.Add(1)
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
	group.Wait()
}

// lose ends all processes: by a kill if s is negative, by a power loss otherwise.
func lose(disk *faultfs.Disk, s faultfs.Survival, seed uint64) {
	if s >= 0 {
		disk.PowerLoss(s, rand.New(rand.NewPCG(seed, uint64(s))))
	}
}

// justKilled is the loss that leaves the machine running.
const justKilled faultfs.Survival = -1

var losses = append([]faultfs.Survival{justKilled}, faultfs.Survivals...)

// Every operation × {killed before it, killed after it} × {process killed, every kind of power loss}.
func TestEveryCrash(t *testing.T) {
	plain := workload{shards: 2, parts: 3}
	if brief() {
		plain.parts = 1
	}
	for name, load := range workloads(plain) {
		t.Run("load="+name, func(t *testing.T) { everyCrash(t, load) })
	}
}

func everyCrash(t *testing.T, load workload) {
	want, _, changes := undisturbed(t, load)
	step := 1
	if len(load.replaces) > 0 {
		step = stride(1, 2)
	}
	t.Logf("%d operations change the disk", changes)
	parallel(t, changes/step, func(i int) error {
		at := i * step
		for _, applied := range []bool{false, true} {
			disk := faultfs.NewDisk()
			plan := faultfs.Plan{At: at, Fault: faultfs.Fault{Kill: true, Applied: applied}}
			p, end, broken := live(disk, load, "first", plan.Hook())
			if broken != nil {
				return broken
			}
			if end != faultfs.ErrKilled {
				return fmt.Errorf("operation %d was not reached: %v", at, end)
			}
			for _, loss := range losses {
				for seed := range uint64(2) {
					if seed > 0 && (loss != faultfs.KeepSome || brief()) {
						break
					}
					after := disk.Clone()
					lose(after, loss, uint64(at)<<8|seed)
					if err := resume(after, load, want); err != nil {
						return fmt.Errorf("killed at %q (done: %v), %v, seed %d: %w", p.Trace[len(p.Trace)-1], applied, loss, seed, err)
					}
				}
			}
		}
		return nil
	})
}

// Every pair of operations at which two runs in a row are killed, with a loss after each.
func TestEveryPairOfCrashes(t *testing.T) {
	for name, load := range workloads(workload{shards: 1, parts: 2}) {
		t.Run("load="+name, func(t *testing.T) { everyPairOfCrashes(t, load) })
	}
}

func everyPairOfCrashes(t *testing.T, load workload) {
	want, _, changes := undisturbed(t, load)
	step := 1
	switch {
	case len(load.replaces) > 0:
		step = stride(4, 37)
	case brief():
		step = 7
	}
	var runs atomic.Int64
	parallel(t, changes, func(first int) error {
		disk := faultfs.NewDisk()
		_, _, broken := live(disk, load, "first", faultfs.Plan{At: first, Fault: faultfs.Fault{Kill: true}}.Hook())
		if broken != nil {
			return broken
		}
		for i, loss1 := range losses {
			for second := 1 + first%step; second <= 2*changes; second += step {
				chance := rand.New(rand.NewPCG(uint64(first), uint64(second)))
				if !soak && i != chance.IntN(len(losses)) {
					continue
				}
				between := disk.Clone()
				lose(between, loss1, uint64(first))
				loss2 := losses[chance.IntN(len(losses))]
				_, end, broken := live(between, load, "second", faultfs.Plan{At: second, Fault: faultfs.Fault{Kill: true}}.Hook())
				runs.Add(1)
				if broken == nil && end == faultfs.ErrKilled {
					lose(between, loss2, uint64(second))
					broken = resume(between, load, want)
				} else if broken == nil {
					broken = end
				}
				if broken != nil {
					return fmt.Errorf("killed at %d, %v, then at %d, %v: %w", first, loss1, second, loss2, broken)
				}
				if end == nil {
					break
				}
			}
		}
		return nil
	})
	t.Logf("%d pairs over %d operations", runs.Load(), changes)
}

// Every operation, reading ones included, fails: once, for ever from there on, after it was done, half done. Whatever
// the run makes of it, nothing is broken, and the next one finishes.
func TestEveryFailure(t *testing.T) {
	plain := workload{shards: 2, parts: 2}
	if brief() {
		plain = workload{shards: 1, parts: 1}
	}
	for name, load := range workloads(plain) {
		t.Run("load="+name, func(t *testing.T) { everyFailure(t, load) })
	}
}

func everyFailure(t *testing.T, load workload) {
	want, ops, _ := undisturbed(t, load)
	step := 1
	if len(load.replaces) > 0 {
		step = stride(2, 7)
	}
	faults := map[string]faultfs.Plan{
		"EIO once":       {Fault: faultfs.Fault{Err: syscall.EIO}},
		"EIO but done":   {Fault: faultfs.Fault{Err: syscall.EIO, Applied: true}},
		"ENOSPC forever": {Fault: faultfs.Fault{Err: syscall.ENOSPC}, Forever: true},
		"EROFS forever":  {Fault: faultfs.Fault{Err: syscall.EROFS}, Forever: true},
		"short write":    {Fault: faultfs.Fault{Short: true, Err: syscall.ENOSPC}},
	}
	for name, plan := range faults {
		for _, retry := range []bool{false, true} {
			if retry && plan.Forever {
				continue
			}
			t.Run(fmt.Sprintf("fault=%s/retry=%v", strings.ReplaceAll(name, " ", "-"), retry), func(t *testing.T) {
				parallel(t, ops/step, func(i int) error {
					at := i * step
					load, plan := load, plan
					load.retry = retry
					plan.At, plan.Reads = at, true
					disk := faultfs.NewDisk()
					var struck faultfs.Op
					hook := plan.Hook()
					_, end, broken := live(disk, load, "first", func(op faultfs.Op) faultfs.Fault {
						f := hook(op)
						if op.N == at {
							struck = op
							if op.Do != "write" && f.Short {
								return faultfs.Fault{}
							}
						}
						return f
					})
					if broken == nil && end == nil {
						broken = finished(disk.Clone(), load, nil)
						if broken != nil && strings.Contains(broken.Error(), "left behind") {
							broken = nil // a file that could not be removed waits for the next run
						}
					}
					if kind := chatferry.KindOf(end); broken == nil && end != nil && kind != chatferry.KindEnvironment && struck.Change > 0 {
						// Failures of the stub store come as they are.
						if !strings.Contains(struck.Name, "staging") && kind != chatferry.KindUnexpected {
							broken = fmt.Errorf("it ended with kind %v: %w", kind, end)
						}
					}
					for i, loss := range losses {
						if broken != nil {
							break
						}
						if !soak && i != 0 && i != 1+at%(len(losses)-1) {
							continue
						}
						after := disk.Clone()
						lose(after, loss, uint64(at))
						if broken = resume(after, load, want); broken != nil {
							broken = fmt.Errorf("%v: %w", loss, broken)
						}
					}
					if broken != nil {
						return fmt.Errorf("at %q, ended with %v: %w", struck, end, broken)
					}
					return nil
				})
			})
		}
	}
}

// The order of file operations of a run over one Shard with two Parts.
func TestOrderOfOperations(t *testing.T) {
	p, end, broken := live(faultfs.NewDisk(), workload{shards: 1, parts: 2}, "run", nil)
	if end != nil || broken != nil {
		t.Fatal(end, broken)
	}
	golden(t, "operations.golden", strings.Join(p.Trace, "\n")+"\n")
}

// The order of file operations of a replace, from the staging of its files on.
func TestOrderOfOperationsOfAReplace(t *testing.T) {
	load := workload{shards: 1, parts: 1, replaces: []stubReplace{{at: 1, do: "settle"}}}
	p, end, broken := live(faultfs.NewDisk(), load, "run", nil)
	if end != nil || broken != nil {
		t.Fatal(end, broken)
	}
	from := slices.IndexFunc(p.Trace, func(op string) bool { return strings.HasPrefix(op, "create "+stagingFolder+"/r") })
	golden(t, "operations-replace.golden", strings.Join(p.Trace[from:], "\n")+"\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), -update rewrites it:\n%s", file, diff)
	}
}
