package endtoend

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"chatferry/checkpoint/objectstore/awss3"
)

// chatsAlone make a dataset of few files.
var chatsAlone = []string{"--streams", "chats,agents"}

// onAnotherMachine gives a process nothing of this machine but what the server needs, and an address of its own: nothing of
// this test's environment, another home, another working directory, another folder for temporary files.
func (r *bucketRig) onAnotherMachine(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Dir = t.TempDir()
	home, temp := filepath.Join(cmd.Dir, "home"), filepath.Join(cmd.Dir, "tmp")
	for _, dir := range []string{home, temp} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Env = append(r.server.Env(), "HOME="+home, "TMPDIR="+temp, "CHATFERRY_MIN_FREE=0")
	cmd.Args = append(cmd.Args, "--tmp-dir", temp)
}

// Of two processes with no disk in common one works on a dataset; the other is told so, and changes nothing.
func TestTwoMachinesOnOneBucket(t *testing.T) {
	r := newBucketRig(t, append(chatsAlone, "--lanes", "1")...)
	// The first stands before a publication, and its heart beats, until the second has looked.
	held, looked := make(chan struct{}), make(chan struct{})
	r.proxy.keep(func(c *s3Call, carry func() *s3Answer) *s3Answer {
		if c.op == "CompleteMultipartUpload" && strings.Contains(c.key, "/tables/") {
			select {
			case held <- struct{}{}:
			case <-looked:
			}
			<-looked
		}
		return carry()
	})
	first := command(t, "", r.args("run", "--from", r.dump, "--to", r.root("shared"))...)
	ended := begin(t, first)
	select {
	case <-held:
	case <-ended:
		t.Fatalf("the first ended with %d: %s", first.ProcessState.ExitCode(), first.Stderr)
	}
	before := r.names(t, "shared")
	second := command(t, "", r.args("run", "--from", r.dump, "--to", r.root("shared"))...)
	r.onAnotherMachine(t, second)
	e := endOf(t, second, second.Run())
	if e.code != 11 || !strings.Contains(e.stderr, "lock") {
		t.Errorf("the second ended with %d: %s", e.code, e.stderr)
	}
	if after := r.names(t, "shared"); !slices.Equal(before, after) {
		t.Errorf("the second changed what is there: before %v, after %v", before, after)
	}
	close(looked)
	<-ended
	if code := first.ProcessState.ExitCode(); code != r.wantExit {
		t.Errorf("the first ended with %d: %s", code, first.Stderr)
	}
	r.holds(t, "one of two", "shared", r.want)
}

// names are those of all objects below a root.
func (r *bucketRig) names(t *testing.T, name string) []string {
	t.Helper()
	var names []string
	for info, err := range r.bucket(t, name).List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	return names
}

// A process that is frozen at any of its requests, taken over from another machine, and wakes when the other has finished,
// ends with 10 and harms nothing.
func TestFrozenProcessOnS3IsTakenOver(t *testing.T) {
	r := newBucketRig(t, chatsAlone...)
	if e := r.run(t, r.root("undisturbed"), ""); e.code != r.wantExit {
		t.Fatalf("undisturbed it ended with %d: %s", e.code, e.stderr)
	}
	total := r.proxy.requests()
	rng := rand.New(rand.NewPCG(*killsSeed, 8))
	const freezes = 6
	for i := range freezes {
		at := 1 + (i*total+rng.IntN(total))/freezes
		when := fmt.Sprintf("seed %d, frozen at request %d of %d", *killsSeed, at, total)
		name := fmt.Sprintf("frozen%d", i)
		frozen := command(t, "", r.args("run", "--from", r.dump, "--to", r.root(name))...)
		stopped := make(chan struct{})
		r.proxy.keep(func(c *s3Call, carry func() *s3Answer) *s3Answer {
			if c.n == at {
				if err := frozen.Process.Signal(syscall.SIGSTOP); err != nil {
					t.Error(err)
				}
				close(stopped)
			}
			return carry()
		})
		ended := begin(t, frozen)
		select {
		case <-stopped:
		case <-ended:
			t.Fatalf("%s: it ended before, with %d: %s", when, frozen.ProcessState.ExitCode(), frozen.Stderr)
		}
		awaitStopped(t, frozen.Process.Pid)
		r.proxy.requests()
		done := runsDoneIn(t, r.bucket(t, name))
		newcomer := command(t, "", r.args("run", "--from", r.dump, "--to", r.root(name), "--take-over")...)
		r.onAnotherMachine(t, newcomer)
		if e := endOf(t, newcomer, newcomer.Run()); e.code != r.wantExit {
			t.Errorf("%s: the newcomer ended with %d: %s", when, e.code, e.stderr)
		}
		found := runsDoneIn(t, r.bucket(t, name)) == done
		if err := frozen.Process.Signal(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
		<-ended
		// One that was frozen behind its own run-done has nothing left to lose: the newcomer found all complete.
		if code := frozen.ProcessState.ExitCode(); code != 10 && !(code == r.wantExit && found) {
			t.Errorf("%s: awake it ended with %d: %s", when, code, frozen.Stderr)
		}
		// It deletes nothing, not even what it had staged; the next run does.
		if e := call(t, "", r.args("resume", r.root(name))...); e.code != r.wantExit {
			t.Errorf("%s: the run after ended with %d: %s", when, e.code, e.stderr)
		}
		r.holds(t, when, name, r.want)
	}
}

// runsDoneIn counts the run-done records of a dataset.
func runsDoneIn(t *testing.T, bucket *awss3.Bucket) int {
	t.Helper()
	n := 0
	for info, err := range bucket.List(t.Context(), "_chatferry/log/dataset/", "") {
		if err != nil {
			t.Fatal(err)
		}
		text, _, err := bucket.Get(t.Context(), info.Name)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(text), `"kind":"run-done"`)
	}
	return n
}

// Another machine goes on with nothing but the URI and the keys: all that a run needs to know is in the bucket. The dump may
// have moved.
func TestResumeOnAnotherMachine(t *testing.T) {
	r := newBucketRig(t)
	root := r.root("moved")
	first := command(t, "", r.args("run", "--from", r.dump, "--to", root)...)
	r.proxy.keep(func(c *s3Call, carry func() *s3Answer) *s3Answer {
		if c.op == "CompleteMultipartUpload" && strings.Contains(c.key, "/chat_history/part-000000000") {
			return killedAt(first, true, carry)
		}
		return carry()
	})
	if e := endOf(t, first, first.Run()); e.signal != syscall.SIGKILL {
		t.Fatalf("ended with %d: %s", e.code, e.stderr)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(r.dump, elsewhere); err != nil {
		t.Fatal(err)
	}
	lost := command(t, "", r.args("resume", root, "--take-over")...)
	r.onAnotherMachine(t, lost)
	if e := endOf(t, lost, lost.Run()); e.code != 3 || !strings.Contains(e.stderr, r.dump) {
		t.Errorf("without its dump it ended with %d: %s", e.code, e.stderr)
	}
	second := command(t, "", r.args("resume", root, "--from", elsewhere, "--take-over")...)
	r.onAnotherMachine(t, second)
	if e := endOf(t, second, second.Run()); e.code != r.wantExit {
		t.Errorf("ended with %d: %s", e.code, e.stderr)
	}
	r.holds(t, "on another machine", "moved", r.want)
}
