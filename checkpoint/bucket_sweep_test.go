package checkpoint

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/checkpoint/objectstore/sims3"
)

// The protocol over a simulated bucket: what is swept and played over simulated disks, with the faults that stores have.

// liveIn is live over a bucket.
func liveIn(store *sims3.Store, load workload, name string, hook sims3.Hook) (c *sims3.Client, end, broken error) {
	o := &observed{watcher: watch(bucketGround{store}), name: name}
	var last sims3.Op
	c = store.Client(func(op sims3.Op) sims3.Fault {
		o.note(o.check(), last.String()) // a read too lets requests be carried out that were delayed
		last = op
		if hook == nil {
			return sims3.Fault{}
		}
		return hook(op)
	})
	c.Panics, c.Tracing = true, true
	end, broken = o.work(&process{workload: load, bucket: c, name: name})
	return c, end, broken
}

// finishedIn is finished over a bucket.
func finishedIn(store *sims3.Store, load workload, want map[string][]byte) error {
	if left := store.Uploads(); len(left) > 0 {
		return fmt.Errorf("uploads were left behind: %v", left)
	}
	return carriedOver(bucketGround{store}, NewObjectLogs(store.Client(nil)), load, want)
}

func undisturbedIn(t *testing.T, load workload) (want map[string][]byte, ops, changes int) {
	t.Helper()
	store := sims3.New()
	c, end, broken := liveIn(store, load, "only", nil)
	if end != nil || broken != nil {
		t.Fatalf("an undisturbed run ended with %v; %v", end, broken)
	}
	want = dataFiles(bucketGround{store})
	if err := finishedIn(store, load, want); err != nil {
		t.Fatal(err)
	}
	return want, c.Ops(), c.Changes()
}

// resumeIn lets what was delayed happen and some time pass, runs the program again until it succeeds, and checks the
// outcome.
func resumeIn(store *sims3.Store, load workload, want map[string][]byte) error {
	store.Settle()
	store.Advance(time.Hour)
	_, end, broken := liveIn(store, load, "last", nil)
	if broken != nil {
		return broken
	}
	if end != nil {
		return fmt.Errorf("resume: %w", end)
	}
	return finishedIn(store, load, want)
}

// Every request that changes the bucket × {killed before it, killed after it}; then killed again at every request.
func TestEveryCrashOverABucket(t *testing.T) {
	for name, load := range workloads(workload{shards: 2, parts: 2}) {
		t.Run("load="+name, func(t *testing.T) {
			want, _, changes := undisturbedIn(t, load)
			t.Logf("%d requests change the bucket", changes)
			step := stride(13, 47)
			parallel(t, changes, func(at int) error {
				for _, applied := range []bool{false, true} {
					store := sims3.New()
					kill := sims3.Fault{Kill: true, Applied: applied}
					c, end, broken := liveIn(store, load, "first", sims3.Plan{At: at, Fault: kill}.Hook())
					if broken != nil || end != faultfs.ErrKilled {
						return fmt.Errorf("killed at %d: %v; %w", at, end, broken)
					}
					for second := 1 + at%step; second <= 2*changes; second += step {
						between := store.Clone()
						between.Advance(time.Minute)
						_, end, broken := liveIn(between, load, "second", sims3.Plan{At: second, Fault: kill}.Hook())
						if broken == nil {
							broken = resumeIn(between, load, want)
						}
						if broken != nil {
							return fmt.Errorf("killed at %q (done: %v), then at %d: %w", c.Trace[len(c.Trace)-1], applied, second, broken)
						}
						if end == nil {
							break
						}
					}
				}
				return nil
			})
		})
	}
}

// bucketFaults are what can become of a request and its answer.
var bucketFaults = map[string]sims3.Fault{
	"refused":         {Lost: true},
	"answer lost":     {Lost: true, Applied: true},
	"done soon":       {Late: 1},
	"done later":      {Late: 4},
	"done much later": {Late: 1000},
	"500":             {Status: 500, Code: "InternalError"},
	"500 but done":    {Status: 500, Code: "InternalError", Applied: true},
	"503":             {Status: 503, Code: "SlowDown"},
	"409":             {Status: 409, Code: "ConditionalRequestConflict"},
	"412":             {Status: 412, Code: "PreconditionFailed"},
	"412 but done":    {Status: 412, Code: "PreconditionFailed", Applied: true},
	"403":             {Status: 403, Code: "AccessDenied"},
	"error in a 200":  {Status: 200, Code: "InternalError", Applied: true},
	"cut":             {Cut: true},
	"spoilt":          {Corrupt: true},
}

// Every request meets every fault, once and, where that makes sense, for ever. Whatever the run makes of it, nothing is
// broken, and the next one finishes and leaves no upload behind.
func TestEveryFaultOverABucket(t *testing.T) {
	plain := workload{shards: 2, parts: 2}
	if brief() {
		plain = workload{shards: 1, parts: 1}
	}
	for loadName, load := range workloads(plain) {
		want, ops, _ := undisturbedIn(t, load)
		step := 1
		if len(load.replaces) > 0 {
			step = stride(11, 29)
		}
		for name, fault := range bucketFaults {
			for _, mode := range []string{"once", "once, opened again", "forever"} {
				forever := mode == "forever"
				if forever && (fault.Applied || fault.Late > 0) || mode == "once, opened again" && len(load.replaces) > 0 && !soak {
					continue
				}
				t.Run(strings.ReplaceAll("load="+loadName+"/fault="+name+"/"+mode, " ", "-"), func(t *testing.T) {
					parallel(t, ops/step, func(i int) error {
						at := i * step
						load := load
						load.retry = mode == "once, opened again"
						store := sims3.New()
						plan := sims3.Plan{At: at, Reads: true, Forever: forever, Fault: fault}.Hook()
						var struck sims3.Op
						_, end, broken := liveIn(store, load, "first", func(op sims3.Op) sims3.Fault {
							if op.N == at {
								struck = op
							}
							return plan(op)
						})
						if broken == nil && end == nil {
							if left := store.Uploads(); len(left) == 0 {
								broken = finishedIn(store.Clone(), load, nil)
							}
						}
						if broken == nil {
							broken = resumeIn(store, load, nil)
						}
						if broken == nil && !load.retry && end != nil {
							// No Part was taken back, so the names do not tell what happened.
							broken = sameBytes(want, dataFiles(bucketGround{store}))
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
}

// bucketActor is a process over a bucket that stands still before each of its requests.
type bucketActor = actorOn[sims3.Op, sims3.Fault]

func startIn(store *sims3.Store, load workload, name string) *bucketActor {
	return act(sims3.Fault{Kill: true}, func(hook func(sims3.Op) sims3.Fault) *process {
		c := store.Client(hook)
		c.Panics = true
		return &process{workload: load, bucket: c, name: name}
	})
}

// A process is frozen before each of its requests in turn; another one takes over and finishes, at once or an hour later;
// then the first wakes up. It must end fenced, or with success if it was at its very end, and do no harm.
func TestEveryZombieOverABucket(t *testing.T) {
	for name, load := range workloads(workload{shards: 2, parts: 2}) {
		t.Run("load="+name, func(t *testing.T) {
			want, ops, _ := undisturbedIn(t, load)
			step := 1
			if len(load.replaces) > 0 {
				step = stride(1, 5)
			}
			parallel(t, ops/step, func(i int) error {
				at := i * step
				store := sims3.New()
				first := startIn(store, load, "first")
				defer first.stop()
				for range at {
					if !first.step(sims3.Fault{}) {
						return fmt.Errorf("ended before request %d with %v", at, first.end)
					}
				}
				frozen := first.op
				if at%2 == 0 {
					store.Advance(time.Hour)
				}
				if _, end, broken := liveIn(store, load, "second", nil); end != nil || broken != nil {
					return fmt.Errorf("take over before %q: %v; %w", frozen, end, broken)
				}
				w := watch(bucketGround{store})
				for alive := true; alive; {
					op := first.op
					alive = first.step(sims3.Fault{})
					if err := w.check(); err != nil {
						return fmt.Errorf("woke up before %q, did %q: %w", frozen, op, err)
					}
				}
				if first.end != nil && chatferry.KindOf(first.end) != chatferry.KindFenced {
					return fmt.Errorf("woke up before %q and ended with %w", frozen, first.end)
				}
				if err := sameBytes(want, dataFiles(bucketGround{store})); err != nil {
					return fmt.Errorf("woke up before %q: %w", frozen, err)
				}
				return resumeIn(store, load, want)
			})
		})
	}
}

// Random stories: up to three processes at once over one bucket, each of which may freeze, be killed, and meet every
// fault, while time passes in steps of minutes. All promises are checked after every request.
func TestRandomSchedulesOverABucket(t *testing.T) {
	n := schedules(t) / 8
	plain := workload{shards: 2, parts: 2}
	loads := []workload{plain, plain, plain, plain, replacing(2)}
	var wants []map[string][]byte
	for _, load := range loads {
		want, _, _ := undisturbedIn(t, load)
		wants = append(wants, want)
	}
	parallel(t, n, func(seed int) error {
		s := &bucketStory{
			rng: rand.New(rand.NewPCG(uint64(seed), 11)), store: sims3.New(), load: loads[seed%len(loads)], faulty: seed%2 == 0,
		}
		s.load.retry = seed%3 == 0
		s.watch = watch(bucketGround{s.store})
		if err := s.run(wants[seed%len(loads)]); err != nil {
			return fmt.Errorf("seed %d: %w\n%s", seed, err, strings.Join(s.story, "\n"))
		}
		return nil
	})
	t.Logf("%d stories", n)
}

// bucketStory is a random story of up to four processes over one bucket, of which up to three live at a time.
type bucketStory struct {
	rng     *rand.Rand
	store   *sims3.Store
	load    workload
	watch   *watcher
	live    []*bucketActor
	started int
	faulty  bool
	story   []string
}

func (s *bucketStory) note(format string, args ...any) {
	s.story = append(s.story, fmt.Sprintf(format, args...))
}

func (s *bucketStory) drop(i int) {
	s.live[i].stop()
	s.live[i] = s.live[len(s.live)-1]
	s.live = s.live[:len(s.live)-1]
}

func (s *bucketStory) run(want map[string][]byte) error {
	defer func() {
		for _, a := range s.live {
			a.stop()
		}
	}()
	for range 1500 + 1500*len(s.load.replaces) {
		if len(s.live) == 0 && s.started >= 4 {
			break
		}
		if len(s.live) == 0 || s.started < 4 && len(s.live) < 3 && s.rng.IntN(60) == 0 {
			s.started++
			s.note("start %d", s.started)
			if a := startIn(s.store, s.load, fmt.Sprintf("w%d", s.started)); a.step(sims3.Fault{}) {
				s.live = append(s.live, a)
			}
			continue
		}
		i := s.rng.IntN(len(s.live))
		switch s.rng.IntN(120) {
		case 0:
			s.note("kill %d before %s", i, s.live[i].op)
			s.drop(i)
			continue
		case 1, 2, 3:
			s.note("time passes")
			s.store.Advance(time.Duration(1+s.rng.IntN(30)) * time.Minute)
		}
		burst := 1
		if s.rng.IntN(3) == 0 {
			burst = 1 + s.rng.IntN(40)
		}
		if err := s.let(i, burst); err != nil {
			return err
		}
	}
	for len(s.live) > 0 {
		s.drop(0)
	}
	if err := s.watch.check(); err != nil {
		return err
	}
	return resumeIn(s.store, s.load, want)
}

// let lets a process make some requests.
func (s *bucketStory) let(i, requests int) error {
	for range requests {
		a, fault := s.live[i], s.fault()
		op := a.op
		goesOn := a.step(fault)
		if fault != (sims3.Fault{}) {
			s.note("%d: %s meets %+v", i, op, fault)
		}
		if err := s.watch.check(); err != nil {
			return fmt.Errorf("after %s: %w", op, err)
		}
		if !goesOn {
			s.note("ended with %v", a.end)
			s.drop(i)
			return nil
		}
	}
	return nil
}

func (s *bucketStory) fault() sims3.Fault {
	if !s.faulty || s.rng.IntN(100) > 0 {
		return sims3.Fault{}
	}
	all := []string{
		"refused", "answer lost", "done soon", "done later", "done much later", "500 but done", "409", "412", "412 but done", "cut", "spoilt",
	}
	return bucketFaults[all[s.rng.IntN(len(all))]]
}
