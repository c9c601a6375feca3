package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatferry"
)

// The clock of these tests is that of synctest, so that no timing decides.

func take(t *testing.T, root string, o LockOptions) (*Lock, error) {
	t.Helper()
	return TakeLock(context.Background(), root, o)
}

func TestLockIsTakenAndGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		for _, run := range []string{"a", "b"} {
			l, err := take(t, root, LockOptions{RunID: run})
			if err != nil {
				t.Fatal(err)
			}
			if !l.Held() {
				t.Error("not held")
			}
			if err := l.Release(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestLockOfALiveRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		l, err := take(t, root, LockOptions{RunID: "first"})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = take(t, root, LockOptions{RunID: "second"})
		if chatferry.KindOf(err) != chatferry.KindLocked || !strings.Contains(err.Error(), "run first") || !strings.Contains(err.Error(), "pid ") {
			t.Errorf("got %v", err)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("it took %v to see that the other one lives", d)
		}
		if !l.Held() {
			t.Error("the holder lost its lock")
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	})
}

// freeze stops the heartbeat without giving the lock back, as SIGSTOP does.
func (l *Lock) freeze() {
	close(l.stop)
	l.done.Wait()
}

// wake is the reverse of freeze.
func (l *Lock) wake(every time.Duration) {
	l.stop = make(chan struct{})
	l.done.Add(1)
	go l.run(every)
}

func TestLockOfAFrozenRun(t *testing.T) {
	for _, force := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			root := t.TempDir()
			frozen, err := take(t, root, LockOptions{RunID: "frozen"})
			if err != nil {
				t.Fatal(err)
			}
			frozen.freeze()
			began := time.Now()
			waited := ""
			l, err := take(t, root, LockOptions{RunID: "next", TakeOver: force, Waiting: func(holder string, _ time.Duration) { waited = holder }})
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			if force && took != 0 || !force && (took < 90*time.Second || took > 100*time.Second) {
				t.Errorf("taken over after %v (by force: %v)", took, force)
			}
			if !force && !strings.Contains(waited, "run frozen") {
				t.Errorf("waited for %q", waited)
			}
			if !l.Held() || frozen.Held() {
				t.Errorf("held by the new one: %v, by the old one: %v", l.Held(), frozen.Held())
			}
			// The frozen one wakes up, beats, and goes: the lock is still the other's.
			frozen.wake(2 * time.Second)
			time.Sleep(10 * time.Second)
			if err := frozen.Release(); err != nil {
				t.Error(err)
			}
			if _, err := take(t, root, LockOptions{RunID: "third"}); chatferry.KindOf(err) != chatferry.KindLocked || !strings.Contains(err.Error(), "run next") {
				t.Errorf("a third one got %v", err)
			}
			if err := l.Release(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLockOfADeadRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		dead, err := take(t, root, LockOptions{RunID: "dead"})
		if err != nil {
			t.Fatal(err)
		}
		dead.freeze()
		if err := dead.file.Close(); err != nil { // the kernel gives the flock back when a process dies
			t.Fatal(err)
		}
		began := time.Now()
		l, err := take(t, root, LockOptions{RunID: "next"})
		if err != nil {
			t.Fatal(err)
		}
		if time.Since(began) != 0 {
			t.Errorf("it waited %v for a dead process", time.Since(began))
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	})
}

// A holder that goes while a newcomer watches leaves it the lock at once.
func TestLockGivenBackWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		first, err := take(t, root, LockOptions{RunID: "first", Beat: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(5 * time.Second)
			if err := first.Release(); err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		l, err := take(t, root, LockOptions{RunID: "next"})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d < 5*time.Second || d > 8*time.Second {
			t.Errorf("taken after %v", d)
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	})
}

func TestLockCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		l, err := take(t, root, LockOptions{RunID: "first", Beat: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeoutCause(context.Background(), 3*time.Second, chatferry.Errorf(chatferry.KindStopped, "", "stopped"))
		defer cancel()
		if _, err := TakeLock(ctx, root, LockOptions{}); chatferry.KindOf(err) != chatferry.KindStopped {
			t.Errorf("got %v", err)
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	})
}

func TestHeartbeatIsOneLineOfJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		l, err := take(t, root, LockOptions{RunID: "a"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		b, err := os.ReadFile(filepath.Join(root, lockName))
		if err != nil {
			t.Fatal(err)
		}
		var h heartbeat
		if err := json.Unmarshal(b, &h); err != nil || bytes.Count(b, []byte("\n")) != 1 {
			t.Errorf("%v in %q", err, b)
		}
		if h.Count != 4 || h.PID != os.Getpid() || h.RunID != "a" {
			t.Errorf("after 7 s: %+v", h)
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	})
}

// Where the file system knows no locks the heartbeat alone decides.
func TestLockByHeartbeatAlone(t *testing.T) {
	none := func(*os.File) (bool, bool, error) { return false, false, nil }
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		first, err := take(t, root, LockOptions{RunID: "first", flock: none})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := take(t, root, LockOptions{flock: none}); chatferry.KindOf(err) != chatferry.KindLocked {
			t.Errorf("beside a live run: %v", err)
		}
		first.freeze()
		began := time.Now()
		second, err := take(t, root, LockOptions{RunID: "second", flock: none, Patience: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d < 20*time.Second || d > 25*time.Second {
			t.Errorf("taken over after %v", d)
		}
		if err := second.Release(); err != nil {
			t.Error(err)
		}
		began = time.Now()
		third, err := take(t, root, LockOptions{RunID: "third", flock: none})
		if err != nil || time.Since(began) != 0 {
			t.Fatalf("given back, then: %v after %v", err, time.Since(began))
		}
		first.wake(time.Second)
		for _, l := range []*Lock{first, third} {
			if err := l.Release(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestLockInAnUnusableRoot(t *testing.T) {
	root := filepath.Join(t.TempDir(), "missing")
	if _, err := take(t, root, LockOptions{}); chatferry.KindOf(err) != chatferry.KindEnvironment {
		t.Errorf("got %v", err)
	}
}
