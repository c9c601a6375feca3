package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatferry/checkpoint"
)

// A dataset whose last run did not end is told from one that a run works on by the lock.
func TestStatusOfARun(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	newApp := func() *app {
		return &app{environment: &environment{program: "chatferry", now: func() time.Time { return now }}}
	}
	tests := []struct {
		name   string
		done   *checkpoint.End
		lock   bool // the lock's file holds a heartbeat
		held   bool // and a process holds the lock
		state  string
		resume bool
		says   string
	}{
		{name: "killed, no lock", state: statusBroken, resume: true, says: "was stopped or killed before the end"},
		{name: "killed, old lock", lock: true, state: statusBroken, resume: true, says: "what it committed stays"},
		{name: "at work", lock: true, held: true, state: statusWorking, says: "a run works on it (pid 4711 on ferry.example)"},
		{name: "complete", done: &checkpoint.End{}, state: statusDone, says: "exit code 0: complete"},
		{name: "complete with rejects", done: &checkpoint.End{ExitCode: exitPartial}, state: statusDone, says: "exit code 4"},
		{name: "stopped", done: &checkpoint.End{ExitCode: exitStopped}, state: statusEnded, resume: true, says: "exit code 5: stopped cleanly"},
		{name: "fenced", done: &checkpoint.End{ExitCode: exitFenced}, state: statusEnded, says: "exit code 10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			a := newApp()
			target, err := a.openTarget(t.Context(), root, &Config{})
			if err != nil {
				t.Fatal(err)
			}
			run, err := checkpoint.Begin(t.Context(), checkpoint.Config{Logs: target.logs, Publisher: target.store, Now: a.now},
				checkpoint.RunOpen{RunID: "r1", Host: "ferry.example", PID: 4711})
			if err != nil {
				t.Fatal(err)
			}
			if tt.done != nil {
				if _, err := run.Done(t.Context(), *tt.done); err != nil {
					t.Fatal(err)
				}
			}
			if tt.lock {
				lock, err := checkpoint.TakeLock(t.Context(), root, checkpoint.LockOptions{RunID: "r1"})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = lock.Release() }()
				if !tt.held { // as a process leaves it that was killed: the heartbeat stands there, nobody holds it
					beat, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(lockFile)))
					if err != nil {
						t.Fatal(err)
					}
					if err := errors.Join(os.Remove(filepath.Join(root, filepath.FromSlash(lockFile))),
						os.WriteFile(filepath.Join(root, filepath.FromSlash(lockFile)), beat, 0o600)); err != nil {
						t.Fatal(err)
					}
				}
			}
			d, err := a.openDataset(t.Context(), root, &Config{})
			if err != nil {
				t.Fatal(err)
			}
			st, err := a.status(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if tt.resume {
				want = "chatferry resume " + root
			}
			if st.State != tt.state || st.ResumeCommand != want {
				t.Errorf("state %s, resume %q", st.State, st.ResumeCommand)
			}
			var out bytes.Buffer
			if err := st.write(&out); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), tt.says) || strings.Contains(out.String(), "To go on") != tt.resume {
				t.Errorf("a person reads:\n%s", out.String())
			}
		})
	}
}

// What a hostile record holds must not reach the terminal as it is.
func TestEscapeBytes(t *testing.T) {
	for in, want := range map[string]string{
		"{\"a\":1}\n": "{\"a\":1}\n", "\x1b]0;title\x07": `\x1b]0;title\a`, "caf\xe9": `caf\xe9`, "\r\u009b": `\r\u009b`, "日\u202e": `日\u202e`, "\x00": `\x00`,
	} {
		if got := escapeBytes([]byte(in)); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

// A person who is asked and does not say yes keeps the dataset.
func TestDiscardAsks(t *testing.T) {
	for answer, code := range map[string]int{"yes\n": exitDone, "no\n": exitUsage, "y\n": exitUsage, "\n": exitUsage, "": exitUsage, "yes": exitUsage} {
		t.Run(fmt.Sprintf("%q", answer), func(t *testing.T) {
			root := t.TempDir()
			var out, questions bytes.Buffer
			e := &environment{
				args: []string{"discard", root}, stdin: strings.NewReader(answer), stdout: &out, stderr: &questions,
				getenv: func(string) string { return "" }, isTerminal: func(any) bool { return true },
			}
			target, err := (&app{environment: e}).openTarget(t.Context(), root, &Config{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := checkpoint.Begin(t.Context(), checkpoint.Config{Logs: target.logs, Publisher: target.store}, checkpoint.RunOpen{}); err != nil {
				t.Fatal(err)
			}
			if got := run(t.Context(), e); got != code {
				t.Errorf("exit code %d, want %d: %s", got, code, questions.String())
			}
			_, err = os.Stat(filepath.Join(root, filepath.FromSlash(formatFile)))
			if there := err == nil; there != (code != exitDone) {
				t.Errorf("the dataset is there: %v", there)
			}
			if !strings.Contains(questions.String(), "Type yes to go on") {
				t.Errorf("asked: %s", questions.String())
			}
		})
	}
}

// Discard knows every name that chatferry gives, and no other.
func TestNamesThatDiscardRemoves(t *testing.T) {
	for name, want := range map[string]bool{
		"_chatferry/FORMAT": true,
		"tables/chats/part-000000000012-000000000001.parquet":             true,
		"tables/chats/part-r1-3.parquet":                                  true,
		"_chatferry/log/dataset/000000000001.json":                        true,
		"_chatferry/log/000000000012/000000000001.json":                   true,
		"_chatferry/log/dataset/.tmp-e000000000001-ab-1":                  true,
		"_chatferry/.tmp-e000000000001-ab-1":                              true,
		"_chatferry/ledger/000000000012-000000000001.parquet":             true,
		"_chatferry/quarantine/000000000012-000000000001.ndjson.zst":      true,
		"_chatferry/staging/000000000012.e1.000000000001.chats.ab.tmp":    true,
		"_chatferry/certificates/000000000001.json":                       true,
		"_chatferry/certificate.json":                                     true,
		"_chatferry/notes.txt":                                            false,
		"_chatferry/staging/x.parquet":                                    false,
		"_chatferry/log/other/000000000001.json":                          false,
		"tables/chats/part-12-1.parquet":                                  false,
		"tables/chats/deep/part-000000000012-000000000001.parquet":        false,
		"tables/part-000000000012-000000000001.parquet":                   false,
		"other/tables/chats/part-000000000012-000000000001.parquet":       false,
		"tables/chats/part-000000000012-000000000001.parquet.bak":         false,
		"_chatferry/quarantine/000000000012-000000000001.ndjson.zst.part": false,
	} {
		got := false
		for _, r := range ours {
			got = got || r.MatchString(name)
		}
		if got != want {
			t.Errorf("%s: removed %v, want %v", name, got, want)
		}
	}
}
