package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/sims3"
)

// The clock of these tests is that of synctest, so that no timing decides.

func takeObject(t *testing.T, bucket objectstore.Bucket, o LockOptions) (*ObjectLock, error) {
	t.Helper()
	return TakeObjectLock(context.Background(), bucket, o)
}

func mustTakeObject(t *testing.T, bucket objectstore.Bucket, o LockOptions) *ObjectLock {
	t.Helper()
	l, err := takeObject(t, bucket, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func release(t *testing.T, l *ObjectLock) {
	t.Helper()
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

// freeze stops the heartbeat without giving the lock back, as SIGSTOP does; wake is the reverse.
func (l *ObjectLock) freeze() {
	l.cancel()
	l.done.Wait()
}

func (l *ObjectLock) wake(every time.Duration) {
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.Background())
	l.done.Add(1)
	go l.run(ctx, every)
}

func TestObjectLockIsTakenAndGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := sims3.New()
		began := time.Now()
		for _, run := range []string{"a", "b"} {
			l := mustTakeObject(t, store.Client(nil), LockOptions{RunID: run})
			time.Sleep(time.Minute)
			if !l.Held() {
				t.Error("not held")
			}
			if sign, err := LastObjectSign(t.Context(), store.Client(nil)); err != nil || sign == nil || sign.At.IsZero() {
				t.Errorf("the sign of a live run is %+v, %v", sign, err)
			}
			release(t, l)
			if sign, err := LastObjectSign(t.Context(), store.Client(nil)); err != nil || sign != nil {
				t.Errorf("after the release the sign is %+v, %v", sign, err)
			}
		}
		if time.Since(began) != 2*time.Minute {
			t.Errorf("a free lock was waited for: %v", time.Since(began)-2*time.Minute)
		}
		if sign, err := LastObjectSign(t.Context(), sims3.New().Client(nil)); err != nil || sign != nil {
			t.Errorf("where no run ever was the sign is %+v, %v", sign, err)
		}
	})
}

func TestObjectLockOfALiveRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := sims3.New()
		l := mustTakeObject(t, store.Client(nil), LockOptions{RunID: "first"})
		began := time.Now()
		_, err := takeObject(t, store.Client(nil), LockOptions{RunID: "second"})
		if chatferry.KindOf(err) != chatferry.KindLocked || !strings.Contains(err.Error(), "run first") || !strings.Contains(err.Error(), "s3://") {
			t.Errorf("got %v", err)
		}
		if d := time.Since(began); d > 31*time.Second {
			t.Errorf("it took %v to see that the other one lives", d)
		}
		if !l.Held() {
			t.Error("the holder lost its lock")
		}
		release(t, l)
	})
}

func TestObjectLockOfAFrozenRun(t *testing.T) {
	for _, force := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := sims3.New()
			frozen := mustTakeObject(t, store.Client(nil), LockOptions{RunID: "frozen"})
			frozen.freeze()
			began := time.Now()
			waited := ""
			next := mustTakeObject(t, store.Client(nil), LockOptions{
				RunID: "next", TakeOver: force, Waiting: func(holder string, _ time.Duration) { waited = holder },
			})
			took := time.Since(began)
			if force && took != 0 || !force && (took < 90*time.Second || took > 106*time.Second) {
				t.Errorf("taken over after %v (by force: %v)", took, force)
			}
			if !force && !strings.Contains(waited, "run frozen") {
				t.Errorf("waited for %q", waited)
			}
			if !next.Held() || frozen.Held() {
				t.Errorf("held by the new one: %v, by the old one: %v", next.Held(), frozen.Held())
			}
			// The frozen one wakes up, beats, and goes: the lock is still the other's.
			frozen.wake(2 * time.Second)
			time.Sleep(10 * time.Second)
			if frozen.Held() {
				t.Error("it woke up and holds the lock")
			}
			release(t, frozen)
			if _, err := takeObject(t, store.Client(nil), LockOptions{RunID: "third"}); chatferry.KindOf(err) != chatferry.KindLocked || !strings.Contains(err.Error(), "run next") {
				t.Errorf("a third one got %v", err)
			}
			release(t, next)
		})
	}
}

// Of processes that begin in one instant one gets the lock, whether it is free, was given back, or was left by a dead one.
func TestObjectLockTogether(t *testing.T) {
	for _, left := range []string{"nothing", "a released lock", "a dead run"} {
		synctest.Test(t, func(t *testing.T) {
			store := sims3.New()
			if left != "nothing" {
				l := mustTakeObject(t, store.Client(nil), LockOptions{RunID: "before"})
				if l.freeze(); left == "a released lock" {
					release(t, l)
				}
			}
			got := make(chan *ObjectLock, 5)
			for range cap(got) {
				go func() {
					l, err := TakeObjectLock(context.Background(), store.Client(nil), LockOptions{RunID: "one"})
					if err != nil && chatferry.KindOf(err) != chatferry.KindLocked {
						t.Error(err)
					}
					got <- l
				}()
			}
			var held []*ObjectLock
			for range cap(got) {
				if l := <-got; l != nil {
					held = append(held, l)
				}
			}
			if len(held) != 1 {
				t.Errorf("%s: %d hold the lock", left, len(held))
			}
			for _, l := range held {
				release(t, l)
			}
		})
	}
}

// Every request of a run's lock fails once, in every way. A lock that was taken is held, is not taken from a live run,
// and is free or its own after the release.
func TestObjectLockFaults(t *testing.T) {
	for name, fault := range map[string]sims3.Fault{
		"refused":     {Lost: true},
		"answer lost": {Lost: true, Applied: true},
		"done late":   {Late: 2},
		"500":         {Status: 500, Code: "InternalError"},
		"409":         {Status: 409, Code: "ConditionalRequestConflict"},
		"412":         {Status: 412, Code: "PreconditionFailed"},
		"spoilt":      {Corrupt: true},
	} {
		for at := 1; at <= 12; at++ {
			synctest.Test(t, func(t *testing.T) {
				store := sims3.New()
				plan := sims3.Plan{At: at, Reads: true, Fault: fault}
				l, err := takeObject(t, store.Client(plan.Hook()), LockOptions{RunID: "faulty"})
				if err != nil {
					if at > 2 {
						t.Errorf("%s at %d: %v", name, at, err)
					}
					return
				}
				time.Sleep(time.Minute)
				if !l.Held() {
					t.Errorf("%s at %d: not held", name, at)
				}
				if _, err := takeObject(t, store.Client(nil), LockOptions{}); chatferry.KindOf(err) != chatferry.KindLocked {
					t.Errorf("%s at %d: another one got %v", name, at, err)
				}
				if err := l.Release(); err != nil && chatferry.KindOf(err) != chatferry.KindTemporary {
					t.Errorf("%s at %d: release: %v", name, at, err)
				}
				next := mustTakeObject(t, store.Client(nil), LockOptions{RunID: "next"})
				release(t, next)
			})
		}
	}
}

// What stands in the lock names the holder and the version, and nothing that is none of a reader's business.
func TestObjectLockHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := sims3.New()
		l := mustTakeObject(t, store.Client(nil), LockOptions{RunID: "r1"})
		time.Sleep(31 * time.Second)
		var beat heartbeat
		if err := json.Unmarshal(store.Files(Folder)[objectLockName], &beat); err != nil {
			t.Fatal(err)
		}
		if beat.RunID != "r1" || beat.PID == 0 || beat.Host == "" || beat.Count != 3 || beat.Released {
			t.Errorf("it holds %+v", beat)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("told to stop"))
		if _, err := TakeObjectLock(ctx, store.Client(nil), LockOptions{}); err == nil || !strings.Contains(err.Error(), "told to stop") {
			t.Errorf("a run that was told to stop got %v", err)
		}
		release(t, l)
	})
}
