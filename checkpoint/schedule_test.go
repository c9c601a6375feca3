package checkpoint

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// actorOn is a process that stands still before each of its operations until it is told to go on, so that any number of
// them can be interleaved at will: one that is not told to go on for long is a frozen process.
type actorOn[Op, Fault any] struct {
	next  func() (Op, bool)
	stop  func()
	op    Op    // the one it stands before
	fault Fault // what becomes of it
	end   error
}

type actor = actorOn[faultfs.Op, faultfs.Fault]

// act starts an actor, whose process asks the hook before each of its operations; kill is the fault that kills it.
func act[Op, Fault any](kill Fault, process func(hook func(Op) Fault) *process) *actorOn[Op, Fault] {
	a := &actorOn[Op, Fault]{}
	a.next, a.stop = iter.Pull(func(yield func(Op) bool) {
		p := process(func(op Op) Fault {
			if !yield(op) {
				return kill
			}
			return a.fault
		})
		a.end = untilKilled(func() error { return p.work(context.Background()) })
	})
	return a
}

func start(disk *faultfs.Disk, load workload, name string) *actor {
	return act(faultfs.Fault{Kill: true}, func(hook func(faultfs.Op) faultfs.Fault) *process {
		p := disk.Process(hook)
		p.Panics = true
		return &process{workload: load, fsys: p, name: name}
	})
}

// step does the operation that the actor stands before, and goes on to the next. It is false when the actor has ended.
func (a *actorOn[Op, Fault]) step(f Fault) bool {
	a.fault = f
	op, ok := a.next()
	a.op = op
	return ok
}

// schedule is a random story of up to four processes on one disk, of which up to three live at a time.
type schedule struct {
	rng     *rand.Rand
	disk    *faultfs.Disk
	load    workload
	watch   *watcher
	live    []*actor
	started int
	faults  bool
	story   []string
	// vanish lets staged files of replaces vanish; those that did are in vanished.
	vanish   bool
	vanished map[string]bool
}

func (s *schedule) start() error {
	s.started++
	load := s.load
	load.knows = s.started%2 == 0
	a := start(s.disk, load, fmt.Sprintf("w%d", s.started))
	s.note("start %d", s.started)
	if a.step(faultfs.Fault{}) {
		s.live = append(s.live, a)
	}
	return nil
}

func (s *schedule) note(format string, args ...any) {
	s.story = append(s.story, fmt.Sprintf(format, args...))
}

func (s *schedule) drop(i int) {
	s.live[i].stop()
	s.live = slices.Delete(s.live, i, i+1)
}

// run plays the story and then lets one last process finish in peace.
func (s *schedule) run(want map[string][]byte) error {
	defer func() {
		for _, a := range s.live {
			a.stop()
		}
	}()
	for steps := 0; steps < 1500+1500*len(s.load.replaces); steps++ {
		if len(s.live) == 0 && s.started >= 4 {
			break
		}
		if len(s.live) == 0 || (s.started < 4 && len(s.live) < 3 && s.rng.IntN(60) == 0) {
			if err := s.start(); err != nil {
				return err
			}
			continue
		}
		i := s.rng.IntN(len(s.live))
		switch s.rng.IntN(240) {
		case 0, 1:
			s.note("kill %d before %s", i, s.live[i].op)
			s.drop(i)
			continue
		case 2:
			s.powerLoss()
			continue
		case 3, 4, 5, 6, 7, 8:
			if err := s.loseStaged(); err != nil {
				return err
			}
		}
		burst := 1
		if s.rng.IntN(3) == 0 {
			burst = 1 + s.rng.IntN(40)
		}
		for range burst {
			a, fault := s.live[i], s.fault()
			op := a.op
			goesOn := a.step(fault)
			if err := s.watch.after(op); err != nil {
				return fmt.Errorf("after %s: %w", op, err)
			}
			if !goesOn {
				s.note("ended with %v", a.end)
				s.drop(i)
				break
			}
		}
	}
	for len(s.live) > 0 {
		s.drop(0)
	}
	if s.rng.IntN(2) == 0 {
		s.powerLoss()
	}
	if err := s.watch.check(); err != nil {
		return err
	}
	if len(s.vanished) > 0 {
		want = nil // a replace that was undone has used up its names
	}
	return resume(s.disk, s.load, want)
}

// loseStaged takes a staged file of a replace away behind everybody's back.
func (s *schedule) loseStaged() error {
	staged := stagedForReplaces(s.disk)
	if !s.vanish || len(staged) == 0 {
		return nil
	}
	name := staged[s.rng.IntN(len(staged))]
	s.note("lose %s", name)
	s.vanished[name] = true
	return s.disk.Erase(name)
}

func (s *schedule) powerLoss() {
	how := faultfs.Survivals[s.rng.IntN(len(faultfs.Survivals))]
	s.note("power loss, %v", how)
	for len(s.live) > 0 {
		s.drop(0)
	}
	s.disk.PowerLoss(how, s.rng)
	s.watch = watch(s.disk)
	s.watch.vanished = s.vanished
}

func (s *schedule) fault() faultfs.Fault {
	if !s.faults || s.rng.IntN(250) > 0 {
		return faultfs.Fault{}
	}
	errno := []syscall.Errno{syscall.EIO, syscall.ENOSPC}[s.rng.IntN(2)]
	return faultfs.Fault{Err: errno, Applied: s.rng.IntN(2) == 0}
}

// schedules is how many stories are played: CHATFERRY_SCHEDULES, or what a test run can afford.
func schedules(t *testing.T) int {
	if value := os.Getenv("CHATFERRY_SCHEDULES"); value != "" {
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch {
	case soak:
		return 1_000_000
	case brief():
		return 300
	}
	return 4_000
}

// Random stories: up to three processes at once, of which each may freeze, be killed, meet errors of the disk, lose its
// power, and find staged files of its replaces gone. All promises are checked after every operation.
func TestRandomSchedules(t *testing.T) {
	n := schedules(t)
	// Every fifth story is one of replaces.
	plain := workload{shards: 2, parts: 2}
	loads := []workload{plain, plain, plain, plain, replacing(2)}
	var wants []map[string][]byte
	for _, load := range loads {
		want, _, _ := undisturbed(t, load)
		wants = append(wants, want)
	}
	var undone atomic.Int64
	parallel(t, n, func(seed int) error {
		load, want := loads[seed%len(loads)], wants[seed%len(loads)]
		load.retry = seed%3 == 0
		disk := faultfs.NewDisk()
		s := &schedule{
			rng: rand.New(rand.NewPCG(uint64(seed), 7)), disk: disk, load: load, watch: watch(disk), faults: seed%2 == 0,
			vanish: seed%4 < 2, vanished: map[string]bool{},
		}
		s.watch.vanished, s.load.vanished = s.vanished, s.vanished
		defer func() {
			for _, data := range disk.Files(logFolder) {
				if strings.Contains(string(data), `"kind":"replace-undone"`) {
					undone.Add(1)
				}
			}
		}()
		if err := s.run(want); err != nil {
			return fmt.Errorf("seed %d: %w\n%s", seed, err, strings.Join(s.story, "\n"))
		}
		return nil
	})
	t.Logf("%d stories, %d replaces were undone", n, undone.Load())
}

// A process is frozen before each of its operations in turn; another one takes over and finishes; then the first wakes
// up. It must end fenced, or with success if it was at its very end, and do no harm.
func TestEveryZombie(t *testing.T) {
	for name, load := range workloads(workload{shards: 2, parts: 2}) {
		t.Run("load="+name, func(t *testing.T) { everyZombie(t, load) })
	}
}

func everyZombie(t *testing.T, load workload) {
	want, ops, _ := undisturbed(t, load)
	step := 1
	if len(load.replaces) > 0 {
		step = stride(1, 2)
	}
	parallel(t, ops/step, func(i int) error {
		at := i * step
		disk := faultfs.NewDisk()
		first := start(disk, load, "first")
		defer first.stop()
		for range at {
			if !first.step(faultfs.Fault{}) {
				return fmt.Errorf("ended before operation %d with %v", at, first.end)
			}
		}
		frozen := first.op
		if err := resume(disk, load, nil); err != nil && !strings.Contains(err.Error(), "left behind") {
			return fmt.Errorf("take over before %q: %w", frozen, err)
		}
		w := watch(disk)
		for alive := true; alive; {
			op := first.op
			alive = first.step(faultfs.Fault{})
			if err := w.after(op); err != nil {
				return fmt.Errorf("woke up before %q, did %q: %w", frozen, op, err)
			}
		}
		if first.end != nil && chatferry.KindOf(first.end) != chatferry.KindFenced {
			return fmt.Errorf("woke up before %q and ended with %w", frozen, first.end)
		}
		if err := sameBytes(want, dataFiles(disk)); err != nil {
			return fmt.Errorf("woke up before %q: %w", frozen, err)
		}
		return resume(disk, load, want)
	})
}
