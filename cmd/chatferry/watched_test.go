package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// A run that is watched shows what it has committed so far, counts what it does, and ends as one that is not. While it is
// looked at it stands still before an operation on its disk, so that no time decides what is seen.
func TestRunIsWatched(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	p := newProving(t, 1, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, 1, p.dump)
	at := make(chan net.Addr, 1)
	p.listen = func(ctx context.Context, address string) (net.Listener, error) {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err == nil {
			at <- l.Addr()
		}
		return l, err
	}
	reached, goOn, linked := make(chan struct{}), make(chan struct{}), 0
	p.disk = func(fsys atomicfile.FS) (atomicfile.FS, error) {
		return faultfs.Counted(fsys, func(_ int, do, name string) error {
			// Agents come first, in one Part. That a Part of chats is being published says that it is committed.
			if do == "link" && strings.Contains(name, "/staging/") && strings.Contains(name, ".chats.") {
				if linked++; linked == 2 {
					close(reached)
					<-goOn
				}
			}
			return nil
		}), nil
	}
	ended := make(chan ended, 1)
	go func() {
		ended <- p.program(t.Context(), "run", "--from", p.dump, "--to", p.root, "--lanes", "1", "--page-size", "8KiB", "--part-records", "15",
			"--listen", "127.0.0.1:0")
	}()
	select {
	case <-reached:
	case e := <-ended:
		t.Fatalf("it ended with %d before it was looked at: %s", e.code, e.stderr)
	}
	base := "http://" + (<-at).String()
	get := func(path string) string {
		t.Helper()
		r, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v: %s", path, r.Status, err, text)
		}
		return string(text)
	}
	page := get("/")
	for _, want := range []string{"<h1>Migration report</h1>", p.root, "chats", "in progress"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q: %s", want, page)
		}
	}
	if got := get("/healthz"); got != "working\n" {
		t.Errorf("its health is %q", got)
	}
	d := p.dataset()
	parts := map[string]int{}
	for i := range d.Shards {
		parts[string(d.Shards[i].Shard.Stream)] += len(d.Shards[i].Commits)
	}
	// The Part whose file is about to be published is committed, and not told to anybody yet.
	want := fmt.Sprintf(`
# HELP chatferry_parts_committed_total Parts committed by this run; each is a checkpoint.
# TYPE chatferry_parts_committed_total counter
chatferry_parts_committed_total{stream="agents"} %d
chatferry_parts_committed_total{stream="chats"} %d
# HELP chatferry_run_exit_code The exit code of the run; NaN while it works.
# TYPE chatferry_run_exit_code gauge
chatferry_run_exit_code NaN
`, parts["agents"], parts["chats"]-1)
	if err := testutil.ScrapeAndCompare(base+"/metrics", strings.NewReader(want), "chatferry_parts_committed_total", "chatferry_run_exit_code"); err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
	close(goOn)
	e := <-ended
	if e.code != exitPartial || !strings.Contains(e.stderr, "chatferry: serving how this run goes at "+base+"/ until it ends") {
		t.Errorf("exit code %d: %s", e.code, e.stderr)
	}
	if _, err := http.Get(base); err == nil {
		t.Error("it is served when the run has ended")
	}
	p.disk, p.listen = nil, nil
	p.mustBeSound()
}

// What cannot be served is refused before anything is written.
func TestWatchedRefuses(t *testing.T) {
	dir := t.TempDir()
	p := newProving(t, 1, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, 1, p.dump)
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		flags []string
		code  int
		want  string
	}{
		{[]string{"--listen", taken.Addr().String()}, exitEnvironment, "give --listen a port that is free"},
		{[]string{"--listen", "0.0.0.0:0"}, exitUsage, "others than this machine reach 0.0.0.0:0"},
		{[]string{"--listen", "localhost"}, exitUsage, "is not HOST:PORT"},
		{[]string{"--listen-hosts", "*"}, exitUsage, "--listen does not say where"},
	} {
		e := p.program(t.Context(), append([]string{"run", "--from", p.dump, "--to", p.root}, tt.flags...)...)
		if e.code != tt.code || !strings.Contains(e.stderr, tt.want) {
			t.Errorf("%v: exit code %d, want %d: %s", tt.flags, e.code, tt.code, e.stderr)
		}
		if _, err := os.Stat(p.root); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("%v: the dataset was made", tt.flags)
		}
	}
}
