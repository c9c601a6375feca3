package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"chatferry"
)

// safeBuffer can be written by the goroutine that waits for signals while the test reads.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestFirstSignalStopsSecondEnds(t *testing.T) {
	var out safeBuffer
	died := make(chan os.Signal, 1)
	a := &app{environment: &environment{stderr: &out, die: func(s os.Signal) { died <- s }}}
	ctx, request, done := a.stoppable(context.Background(), 0)
	defer done()

	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-request.asked
	err := request.reason(&chatferry.Error{Kind: chatferry.KindStopped, Op: "stopped with 3 shards unfinished"})
	if exitCode(err) != exitStopped || !strings.Contains(err.Error(), "SIGTERM") {
		t.Errorf("the run ends with %v", err)
	}
	if ctx.Err() != nil {
		t.Error("the first signal cancelled the run at once")
	}
	if err := request.reason(kindError(chatferry.KindFenced)); exitCode(err) != exitFenced {
		t.Errorf("a graver error became %v", err)
	}
	if request.reason(nil) != nil {
		t.Error("a run that came to its end became a stopped one")
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if sig := <-died; sig != syscall.SIGINT {
		t.Errorf("died by %v", sig)
	}
	if !strings.Contains(out.String(), "a second signal ends at once") {
		t.Errorf("stderr: %s", out.String())
	}
}

func TestDeadlineStopsAndGraceCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{environment: &environment{stderr: &safeBuffer{}}}
		ctx, request, done := a.stoppable(context.Background(), 55*time.Minute)
		defer done()
		begun := time.Now()
		<-request.asked
		if d := time.Since(begun); d != 55*time.Minute {
			t.Errorf("stopped after %s", d)
		}
		<-ctx.Done()
		if d := time.Since(begun); d != 55*time.Minute+stopGrace {
			t.Errorf("cancelled after %s", d)
		}
		err := request.reason(ctx.Err())
		if exitCode(err) != exitStopped || !strings.Contains(err.Error(), "55m") || exitCode(context.Cause(ctx)) != exitStopped {
			t.Errorf("the run ends with %v", err)
		}
	})
}

// A real process that catches one signal dies by the second.
func TestDieBy(t *testing.T) {
	if os.Getenv("DIE_BY_SIGTERM") != "" {
		dieBy(syscall.SIGTERM)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestDieBy$")
	cmd.Env = append(os.Environ(), "DIE_BY_SIGTERM=1")
	err = cmd.Run()
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		t.Fatalf("the process ended with %v", err)
	}
	status, ok := failed.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v", failed)
	}
}

func TestDiskWatch(t *testing.T) {
	const gib = int64(1) << 30
	tests := []struct {
		name        string
		limit       string
		free, total int64
		err         error
		stops       bool
	}{
		{"plenty", "2GiB,5%", 50 * gib, 100 * gib, nil, false},
		{"below the bytes", "2GiB,5%", 2*gib - 1, 10 * gib, nil, true},
		{"at the bytes", "2GiB,5%", 2 * gib, 10 * gib, nil, false},
		{"below the share", "2GiB,5%", 40 * gib, 1000 * gib, nil, true},
		{"share off", "2GiB", 40 * gib, 1000 * gib, nil, false},
		{"bytes off", "1%", gib, 10 * gib, nil, false},
		{"all off", "0", 0, 10 * gib, nil, false},
		{"cannot be asked", "2GiB,5%", 0, 0, errors.New("no statfs"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := diskWatch{root: "/data", free: func() (int64, int64, error) { return tt.free, tt.total, tt.err }}
			if err := w.limit.Set(tt.limit); err != nil {
				t.Fatal(err)
			}
			err := w.check()
			if (err != nil) != tt.stops || (err != nil && exitCode(err) != exitEnvironment) {
				t.Errorf("check: %v", err)
			}
		})
	}
	t.Run("asks the run to stop", func(t *testing.T) {
		looks := 0
		w := diskWatch{root: "/data", limit: minFree{Bytes: 10}, free: func() (int64, int64, error) {
			looks++
			return int64(12 - looks), 100, nil
		}}
		tick := make(chan time.Time)
		request := &stopRequest{asked: make(chan struct{})}
		ended := make(chan struct{})
		go func() { defer close(ended); w.watch(context.Background(), tick, request) }()
		for range 3 {
			tick <- time.Time{}
		}
		<-ended
		err := request.reason(kindError(chatferry.KindStopped))
		if looks != 3 || exitCode(err) != exitEnvironment || !strings.Contains(sentence(err), "--min-free") {
			t.Errorf("after %d looks: %v", looks, err)
		}
	})
}
