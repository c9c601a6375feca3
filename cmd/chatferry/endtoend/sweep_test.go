package endtoend

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/extract/rehearsal"
)

var (
	sweepPairs = flag.Int("sweep-pairs", 40, "pairs of crashes, in a run and in the one that resumes it, that are tried")
	sweepSeed  = flag.Uint64("sweep-seed", 1, "seed of those pairs, of power losses and of samples")
	sweepAll   = flag.Bool("sweep-all", false, "resume from every disk, even if another one was in the same state; add faults that last")
)

// sweep carries one small account, with real Parquet files, onto simulated disks. There is one Lane, so that the order
// of operations is always the same.
type sweep struct {
	*joined
	want map[string][]byte // what an undisturbed run publishes
	ops  []faultfs.Op      // what it does, reading included

	mu      sync.Mutex
	resumed map[string]bool // states from which a run was resumed
	disks   atomic.Int64    // that were to be resumed from
	resumes atomic.Int64    // of which these were
}

func newSweep(t *testing.T) *sweep {
	t.Helper()
	account := rehearsal.New(rehearsal.Options{Seed: 15, Chats: 30, Bad: 0.1, Message: 0.12})
	dir := t.TempDir()
	for _, s := range []chatferry.Stream{chatferry.Departments, chatferry.Chats, chatferry.Visitors} {
		var lines []byte
		for r := range account.Records(s) {
			lines = append(append(lines, r.Raw...), '\n')
		}
		writeFile(t, dir, string(s)+"/all.ndjson", lines)
	}
	s := &sweep{resumed: map[string]bool{}, joined: join(t, dir, chatferry.Cuts{
		PageBytes: 8 << 10, PartBytes: 64 << 10, PartRecords: 1000, ShardBytes: 16 << 20, RecordBytes: 1 << 20,
	}, 1)}
	disk := faultfs.NewDisk()
	err := s.carry(t.Context(), disk.Process(func(op faultfs.Op) faultfs.Fault {
		s.ops = append(s.ops, op)
		return faultfs.Fault{}
	}))
	if err != nil {
		t.Fatal(err)
	}
	s.want = visible(disk)
	if err := errors.Join(whole(disk), finished(disk.Clone(), s.want)); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for name := range s.want {
		kinds[path.Dir(name)]++
	}
	if kinds["tables/chats"] != 2 || kinds["tables/visitors"] != 1 || kinds["tables/departments"] != 1 ||
		kinds["_chatferry/ledger"] == 0 || kinds["_chatferry/quarantine"] == 0 {
		t.Fatalf("the account does not show what it should: %v", kinds)
	}
	t.Logf("%d operations, %d files", len(s.ops), len(s.want))
	return s
}

// sample calls f for the numbers of operations, on all cores: all of them, or under the race detector some.
func (s *sweep) sample(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	numbers := make([]int, 0, n)
	rng := rand.New(rand.NewPCG(*sweepSeed, 1))
	for i := range n {
		if !raceEnabled || rng.IntN(25) == 0 {
			numbers = append(numbers, i)
		}
	}
	if raceEnabled {
		t.Logf("a sample of %d of %d under the race detector, seed %d", len(numbers), n, *sweepSeed)
	}
	var next, failures atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for k := int(next.Add(1)) - 1; k < len(numbers) && failures.Load() < 3; k = int(next.Add(1)) - 1 {
				if err := f(numbers[k]); err != nil {
					failures.Add(1)
					t.Errorf("%d: %v", numbers[k], err)
				}
			}
		})
	}
	group.Wait()
}

// resume finishes the dataset on a disk, unless that was done from the same state before. The disk is used up.
func (s *sweep) resume(ctx context.Context, disk *faultfs.Disk) error {
	s.disks.Add(1)
	if !*sweepAll {
		name := lasting(disk)
		s.mu.Lock()
		before := s.resumed[name]
		s.resumed[name] = true
		s.mu.Unlock()
		if before {
			return nil
		}
	}
	s.resumes.Add(1)
	if err := s.carry(ctx, disk.Process(nil)); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	return finished(disk, s.want)
}

// loss is what happens to the machine after the process has ended: nothing, or a power loss.
type loss struct {
	power    bool
	survival faultfs.Survival
	seed     uint64
}

func (l loss) String() string {
	if !l.power {
		return "no power loss"
	}
	return fmt.Sprintf("power loss, %v, seed %d", l.survival, l.seed)
}

var losses = []loss{
	{},
	{power: true, survival: faultfs.KeepNothing},
	{power: true, survival: faultfs.KeepAll},
	{power: true, survival: faultfs.KeepNames},
	{power: true, survival: faultfs.KeepSome, seed: 1},
	{power: true, survival: faultfs.KeepSome, seed: 2},
}

func (l loss) strike(d *faultfs.Disk, salt int) {
	if l.power {
		d.PowerLoss(l.survival, rand.New(rand.NewPCG(*sweepSeed<<32|uint64(salt), l.seed)))
	}
}

// after checks what a run left behind when it ended early, through every loss.
func (s *sweep) after(ctx context.Context, disk *faultfs.Disk, salt int, losses []loss) error {
	for _, l := range losses {
		d := disk.Clone()
		l.strike(d, salt)
		err := whole(d)
		if err == nil {
			err = s.resume(ctx, d)
		}
		if err != nil {
			return fmt.Errorf("%v: %w", l, err)
		}
	}
	return nil
}

// A kill or a power loss before every operation, and so behind the one before it: what is visible then is named by a
// commit record and whole, and the next run ends with the files of an undisturbed one. A process that is killed leaves
// the disk as it is at that instant, so that one run gives all the disks.
func TestSweepCrashes(t *testing.T) {
	t.Parallel()
	s := newSweep(t)
	var disks []*faultfs.Disk
	var ops []faultfs.Op
	disk := faultfs.NewDisk()
	err := s.carry(t.Context(), disk.Process(func(op faultfs.Op) faultfs.Fault {
		if op.Change > 0 {
			disks, ops = append(disks, disk.Clone()), append(ops, op)
		}
		return faultfs.Fault{}
	}))
	if err != nil {
		t.Fatal(err)
	}
	disks = append(disks, disk)
	s.sample(t, len(disks), func(i int) error {
		if err := s.after(t.Context(), disks[i], i, losses); err != nil {
			if i < len(ops) {
				return fmt.Errorf("killed before %q: %w", ops[i], err)
			}
			return fmt.Errorf("killed behind the last operation: %w", err)
		}
		return nil
	})
	t.Logf("%d crashes left %d disks, a run was resumed from %d", len(disks), s.disks.Load(), s.resumes.Load())
}

// fault is a failure of one operation.
type fault struct {
	name    string
	do      []string // the operations that can fail so; nil: all, those that only read too
	fault   faultfs.Fault
	forever bool // every operation from there on that changes the disk
}

var faults = []fault{
	{name: "EIO", fault: faultfs.Fault{Err: syscall.EIO}},
	{name: "EIO, but done", do: []string{"create", "link", "remove", "mkdir", "sync", "syncdir"}, fault: faultfs.Fault{Err: syscall.EIO, Applied: true}},
	{name: "ENOSPC", do: []string{"create", "write", "link", "mkdir", "sync", "syncdir"}, fault: faultfs.Fault{Err: syscall.ENOSPC}},
	{name: "short write", do: []string{"write"}, fault: faultfs.Fault{Short: true}},
}

var lastingFaults = []fault{
	{name: "EROFS for ever", fault: faultfs.Fault{Err: syscall.EROFS}, forever: true},
	{name: "ENOSPC for ever", do: []string{"create", "write", "mkdir"}, fault: faultfs.Fault{Err: syscall.ENOSPC}, forever: true},
}

// Every operation fails, those that only read too. The run says so, and leaves nothing that is not whole; the next one
// ends with the files of an undisturbed one.
func TestSweepFailures(t *testing.T) {
	t.Parallel()
	s := newSweep(t)
	all := faults
	if *sweepAll {
		all = slices.Concat(faults, lastingFaults)
	}
	var runs, mended atomic.Int64
	for _, f := range all {
		var at []int
		for i, op := range s.ops {
			if f.do == nil && (!f.forever || op.Change > 0) || slices.Contains(f.do, op.Do) {
				at = append(at, i)
			}
		}
		s.sample(t, len(at), func(i int) error {
			runs.Add(1)
			disk := faultfs.NewDisk()
			n := s.ops[at[i]].N
			var struck faultfs.Op
			end := s.carry(t.Context(), disk.Process(func(op faultfs.Op) faultfs.Fault {
				if op.N == n {
					struck = op
				}
				if op.N == n || f.forever && op.N > n && op.Change > 0 && (f.do == nil || slices.Contains(f.do, op.Do)) {
					return f.fault
				}
				return faultfs.Fault{}
			}))
			err := whole(disk)
			switch {
			case err != nil:
			case struck.Do != s.ops[at[i]].Do:
				err = fmt.Errorf("operation %d was not reached, or was another one: the order changes", n)
			case end != nil:
				if chatferry.KindOf(end) != chatferry.KindEnvironment {
					err = fmt.Errorf("the error is of kind %d, not one of the environment", chatferry.KindOf(end))
					break
				}
				err = s.after(t.Context(), disk, n, losses[:2])
			case !mendable(struck) || f.forever:
				err = errors.New("the run met an error and said that it was complete")
			default:
				mended.Add(1)
				d := disk.Clone()
				if err = s.resume(t.Context(), d); err == nil {
					err = finished(disk, s.want)
				}
			}
			if err != nil {
				return fmt.Errorf("%s at %q, ended with %v: %w", f.name, struck, end, err)
			}
			return nil
		})
	}
	t.Logf("%d failures, %d of them mended by the run itself, left %d disks; a run was resumed from %d",
		runs.Load(), mended.Load(), s.disks.Load(), s.resumes.Load())
}

// mendable reports whether a run may get over the failure of an operation by itself. A log record is first written to a
// temporary file, and an append that is not sure is read back and sent again; a temporary file that cannot be removed
// waits for the next run; and the first folder is made again with the first record.
func mendable(op faultfs.Op) bool {
	return strings.HasPrefix(path.Base(op.Name), ".tmp-") || op.Do == "mkdir" && op.Name == "_chatferry"
}

// A run is killed, the next one too, each with or without a power loss behind it. The one after that finishes.
func TestSweepPairs(t *testing.T) {
	t.Parallel()
	s := newSweep(t)
	var second atomic.Int64
	pairs := *sweepPairs
	s.sample(t, pairs, func(i int) error {
		rng := rand.New(rand.NewPCG(*sweepSeed, 2<<32|uint64(i)))
		disk := faultfs.NewDisk()
		var said []string
		limit := len(s.ops)
		for range 2 {
			at, l := 1+rng.IntN(limit), losses[rng.IntN(len(losses))]
			p := disk.Process(faultfs.Plan{At: at, Reads: true, Fault: faultfs.Fault{Kill: true, Applied: rng.IntN(2) == 0}}.Hook())
			err := s.carry(t.Context(), p)
			said = append(said, fmt.Sprintf("killed at %d: %v; %v", at, err, l))
			if err == nil {
				break // it was done before
			}
			l.strike(disk, i)
			if err := whole(disk); err != nil {
				return fmt.Errorf("%s: %w", strings.Join(said, "; then "), err)
			}
			// What is left to do is not known; most of the time about as much as was not done.
			limit = max(60, len(s.ops)-at+60)
			second.Add(1)
		}
		if err := s.carry(t.Context(), disk.Process(nil)); err != nil {
			return fmt.Errorf("%s; then resume: %w", strings.Join(said, "; then "), err)
		}
		if err := finished(disk, s.want); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(said, "; then "), err)
		}
		return nil
	})
	t.Logf("%d pairs, %d kills, seed %d", pairs, second.Load(), *sweepSeed)
}
