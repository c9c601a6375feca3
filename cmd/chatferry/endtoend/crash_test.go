package endtoend

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatferry/extract/rehearsal"
)

// How long the long versions run; `make crash` and `make soak` raise them.
var (
	kills     = flag.Int("kills", 15, "how often the program is killed at random")
	killsSeed = flag.Uint64("kills-seed", 1, "seed of the moments at which it is killed")
)

// from is when the accounts of these tests begin.
var from = time.Date(2021, 9, 1, 0, 0, 0, 0, time.UTC)

// crashRig runs the real program, built with fault injection, against one dump.
type crashRig struct {
	dump     string
	want     map[string]string // path → SHA-256 of an undisturbed run's tables, ledger and quarantine
	wantExit int
	ops      int           // state-changing operations of an undisturbed run
	took     time.Duration // an undisturbed run's wall time
	flags    []string
}

// newCrashRig makes a dump of so many chats and runs over it once, undisturbed. A Part holds about a tenth of them.
func newCrashRig(t *testing.T, chats int64, flags ...string) *crashRig {
	t.Helper()
	r := &crashRig{dump: filepath.Join(t.TempDir(), "dump"), flags: flags}
	account := rehearsal.New(rehearsal.Options{Seed: 7, Chats: chats, From: from, To: from.AddDate(0, 2, 0)})
	if _, err := account.WriteDump(t.Context(), r.dump, account.Demo()); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "undisturbed")
	count := filepath.Join(t.TempDir(), "count")
	begun := time.Now()
	r.wantExit = r.run(t, root, "count:"+count).code
	r.took = time.Since(begun)
	if r.wantExit != 0 && r.wantExit != 4 {
		t.Fatalf("the undisturbed run ended with %d", r.wantExit)
	}
	r.want = treeOf(t, root)
	text, err := os.ReadFile(count)
	if err != nil {
		t.Fatal(err)
	}
	if r.ops, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil || r.ops < 50 {
		t.Fatalf("an undisturbed run counts %q operations: %v", text, err)
	}
	return r
}

func (r *crashRig) run(t *testing.T, root, fault string, flags ...string) ending {
	t.Helper()
	return call(t, fault, r.args(append([]string{"run", "--from", r.dump, "--to", root}, flags...)...)...)
}

func (r *crashRig) args(verb ...string) []string {
	if verb[0] == "run" {
		verb = append(verb, r.flags...)
	}
	return append(verb, "--progress", "none")
}

// goOn is how a person goes on with a dataset in whatever state: resume, or begin it if the process died before the
// dataset had a plan.
func (r *crashRig) goOn(root string) []string {
	if _, err := os.Stat(filepath.Join(root, "_chatferry/log/dataset/000000000002.json")); err != nil {
		return r.args("run", "--from", r.dump, "--to", root)
	}
	return r.args("resume", root)
}

// treeOf hashes every file that must not depend on kills.
func treeOf(t *testing.T, root string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	for _, top := range []string{"tables", "_chatferry/ledger", "_chatferry/quarantine", "_chatferry/replayed"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(p string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, p)
			sum := sha256.Sum256(b)
			tree[filepath.ToSlash(rel)] = hex.EncodeToString(sum[:])
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// sane holds a dataset in any state against the undisturbed one: what readers can see is whole and was committed.
// When it is complete everything is there and nothing is left in staging.
func (r *crashRig) sane(t *testing.T, root, when string, complete bool) {
	t.Helper()
	got := treeOf(t, root)
	for name, sum := range got {
		if want, ok := r.want[name]; !ok {
			t.Errorf("%s: %s is visible, but an undisturbed run has no such file", when, name)
		} else if want != sum {
			t.Errorf("%s: %s differs from the undisturbed run's", when, name)
		}
	}
	if !complete {
		return
	}
	for name := range r.want {
		if _, ok := got[name]; !ok {
			t.Errorf("%s: %s is missing", when, name)
		}
	}
	left, err := filepath.Glob(filepath.Join(root, "_chatferry/staging/*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%s: staging holds %v", when, left)
	}
}

// each calls f for 1..n on as many goroutines as there are cores.
func each(n int, f func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := 1; i <= n; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
}

// finishes resumes until the dataset is complete, and holds it against the undisturbed one.
func (r *crashRig) finishes(t *testing.T, root, when string) {
	t.Helper()
	e := call(t, "", r.goOn(root)...)
	if e.code != 0 && e.code != 4 {
		t.Errorf("%s: the last resume ended with %d: %s", when, e.code, e.stderr)
		return
	}
	r.sane(t, root, when, true)
}

func TestKilledAtEveryOperation(t *testing.T) {
	r := newCrashRig(t, 60, "--streams", "agents,chats", "--lanes", "1", "--page-size", "16KiB", "--part-size", "64KiB", "--shard-size", "64KiB")
	t.Logf("%d state-changing operations, %d files", r.ops, len(r.want))
	base := t.TempDir()
	each(r.ops, func(n int) {
		when := fmt.Sprintf("killed before operation %d", n)
		root := filepath.Join(base, strconv.Itoa(n))
		if e := r.run(t, root, fmt.Sprintf("kill:%d", n)); e.signal != syscall.SIGKILL {
			t.Errorf("%s: the process ended with %d, %v: %s", when, e.code, e.signal, e.stderr)
			return
		}
		r.sane(t, root, when, false)
		r.finishes(t, root, when)
		os.RemoveAll(root)
	})
}

func TestKilledAtRandom(t *testing.T) {
	r := newCrashRig(t, 4000, "--page-size", "64KiB", "--part-size", "1MiB", "--shard-size", "1MiB")
	rng := rand.New(rand.NewPCG(*killsSeed, 2))
	t.Logf("seed %d; an undisturbed run takes %v", *killsSeed, r.took)
	for done := 0; done < *kills; {
		root := filepath.Join(t.TempDir(), "out")
		for life := 0; ; life++ {
			cmd := command(t, "", r.goOn(root)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			wait := time.Duration(rng.Int64N(int64(r.took)))
			begun := time.Now()
			timer := time.AfterFunc(wait, func() { cmd.Process.Kill() })
			err := cmd.Wait()
			timer.Stop()
			if life == 0 && cmd.ProcessState.Exited() {
				r.took = min(r.took, time.Since(begun)) // so that few are too late on a machine that got quicker
			}
			e := endOf(t, cmd, err)
			when := fmt.Sprintf("seed %d, kill %d after %v", *killsSeed, done, wait)
			if e.signal == syscall.SIGKILL {
				if done++; done%100 == 0 {
					t.Logf("%d kills", done)
				}
				r.sane(t, root, when, false)
				continue
			}
			if e.code != 0 && e.code != 4 {
				t.Fatalf("%s: ended with %d: %s", when, e.code, e.stderr)
			}
			r.sane(t, root, when, true)
			break
		}
		os.RemoveAll(root)
	}
}

// Of two processes started on one root one works; the other says so and harms nothing.
func TestTwoProcessesOnOneRoot(t *testing.T) {
	r := newCrashRig(t, 12_000, "--page-size", "64KiB", "--part-size", "1MiB", "--shard-size", "1MiB")
	for round := range 2 {
		root := filepath.Join(t.TempDir(), "out")
		ends := make([]ending, 2)
		each(2, func(i int) { ends[i-1] = r.run(t, root, "") })
		codes := fmt.Sprint(ends[0].code, ends[1].code)
		want := r.wantExit
		switch codes {
		case fmt.Sprint(want, 11), fmt.Sprint(11, want):
		case fmt.Sprint(want, want): // the first had finished when the second looked again, which says the same
		default:
			t.Errorf("round %d: exit codes %s: %s%s", round, codes, ends[0].stderr, ends[1].stderr)
		}
		t.Logf("exit codes %s", codes)
		r.sane(t, root, fmt.Sprintf("round %d", round), true)
	}
}

// A process that is frozen before any operation, taken over, and wakes after the other has finished: it ends with 10
// and harms nothing.
func TestFrozenProcessIsTakenOver(t *testing.T) {
	r := newCrashRig(t, 60, "--streams", "agents,chats", "--lanes", "1", "--page-size", "16KiB", "--part-size", "64KiB", "--shard-size", "64KiB")
	base := t.TempDir()
	each(r.ops, func(n int) {
		when := fmt.Sprintf("frozen before operation %d", n)
		root := filepath.Join(base, strconv.Itoa(n))
		frozen := command(t, fmt.Sprintf("stop:%d", n), r.args("run", "--from", r.dump, "--to", root)...)
		if err := frozen.Start(); err != nil {
			t.Error(err)
			return
		}
		awaitStopped(t, frozen.Process.Pid)
		done := runsDone(t, root)
		e := r.run(t, root, "", "--take-over")
		found := runsDone(t, root) == done
		if e.code != 0 && e.code != 4 {
			t.Errorf("%s: the newcomer ended with %d: %s", when, e.code, e.stderr)
		}
		r.sane(t, root, when+", newcomer done", true)
		if err := frozen.Process.Signal(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
		woken := endOf(t, frozen, frozen.Wait())
		// One that was frozen behind its own run-done has nothing left to lose: the newcomer found all complete.
		if woken.code != 10 && !(woken.code == r.wantExit && found) {
			t.Errorf("%s: the frozen process ended with %d: %s", when, woken.code, woken.stderr)
		}
		// It deletes nothing, not even what it had staged; the next run does.
		again, _ := callJSON(t, "resume", root)
		if !again.OK {
			t.Errorf("%s: the run after ended with %d: %v", when, again.ExitCode, again.Error)
		}
		r.sane(t, root, when+", frozen process awake", true)
		os.RemoveAll(root)
	})
}

// runsDone counts the run-done records of a dataset.
func runsDone(t *testing.T, root string) int {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(root, "_chatferry/log/dataset/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(text), `"kind":"run-done"`)
	}
	return n
}

// awaitStopped waits until the kernel reports the process as stopped.
func awaitStopped(t *testing.T, pid int) {
	t.Helper()
	for range 6000 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return
		}
		if _, rest, ok := strings.Cut(string(stat), ") "); ok && strings.HasPrefix(rest, "T") {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("process %d never stopped", pid)
}
