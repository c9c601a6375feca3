package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatferry/cmd/chatferry/notify"
	"chatferry/extract/api"
)

// told is a webhook of this test and what it was told.
type told struct {
	*httptest.Server
	mu     sync.Mutex
	events []notify.Event
	bodies string
	answer int
}

// The address, the secret and the token of these tests, none of which may be told to anybody.
const (
	hookPath   = "/services/T0/canary-path"
	hookSecret = "canary-secret"
	hookToken  = "canary-token"
)

func newTold(t *testing.T) *told {
	h := &told{answer: http.StatusOK}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e notify.Event
		h.mu.Lock()
		defer h.mu.Unlock()
		if err := json.Unmarshal(body, &e); err != nil || r.URL.Path != hookPath || r.Header.Get("Webhook-Signature") == "" || r.Header.Get("Webhook-Id") != e.ID {
			t.Errorf("%v: %s %v %s", err, r.URL, r.Header, body)
		}
		h.events = append(h.events, e)
		h.bodies += string(body)
		w.WriteHeader(h.answer)
	}))
	t.Cleanup(h.Close)
	return h
}

// last is what came since the last call.
func (h *told) last() []notify.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.events = nil }()
	return h.events
}

// call runs the whole program in this process.
func (h *told) call(t *testing.T, transport http.RoundTripper, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err safeBuffer
	env := map[string]string{
		"CHATFERRY_TOKEN": hookToken, "CHATFERRY_RATE": "60000", "CHATFERRY_MIN_FREE": "0", "CHATFERRY_PROGRESS": "none",
		"CHATFERRY_NOTIFY_URL": h.URL + hookPath, "CHATFERRY_NOTIFY_SECRET": hookSecret,
	}
	code = run(t.Context(), &environment{
		program: "chatferry", args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &err,
		getenv: func(name string) string { return env[name] },
		environ: func() (list []string) {
			for name, value := range env {
				list = append(list, name+"="+value)
			}
			return list
		},
		isTerminal: func(any) bool { return false }, size: func() (int, int) { return 80, 24 }, now: time.Now, transport: transport,
		die: func(sig os.Signal) { t.Errorf("died by %v", sig) },
	})
	return code, out.String(), err.String()
}

// statusAnswers answers every request of the API alike.
type statusAnswers int

func (a statusAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: int(a), Header: http.Header{"Content-Type": {"application/json"}}, Request: r, ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(`{"error":"canary-error","description":"jane.canary@example.com"}`)),
	}, nil
}

// However a run or its resumption ends, the webhook is told once, with the exit code, what goes on, and nothing that is secret
// or about a person.
func TestEveryEndIsTold(t *testing.T) {
	h := newTold(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("dump/agents.json", `[{"id":1,"email":"jane.canary@example.com"},{"id":2,"email":"b@example.com"}]`)
	write("dump/chats/a.ndjson", `{"id":"2103.1.a","type":"chat","timestamp":"2021-03-01T08:00:00Z"}`+"\n")
	write("bad/chats/a.ndjson", `{"id":"2103.1.a","email":"jane.canary@example.com",}`+"\n")
	write("unknown.yaml", "lane: 4\n")
	dump, bad, data := filepath.Join(dir, "dump"), filepath.Join(dir, "bad"), filepath.Join(dir, "data")
	const account = "http://127.0.0.1:9"

	for _, tt := range []struct {
		name   string
		args   []string
		api    int
		code   int
		event  notify.Kind
		resume string
	}{
		{"a cut-over that is done", []string{"run", "--from", dump, "--to", data, "--phase", "cutover"}, 0, exitDone, notify.Done, ""},
		{"a deadline", []string{"run", "--from", dump, "--to", filepath.Join(dir, "late"), "--deadline", "1ns"}, 0, exitStopped, notify.Stopped, "chatferry resume " + filepath.Join(dir, "late")},
		{"its resumption", []string{"resume", data, "--phase", "all"}, 0, exitDone, notify.Done, ""},
		{"a bad record", []string{"run", "--from", bad, "--to", filepath.Join(dir, "bad-data")}, 0, exitPartial, notify.Done, ""},
		{"too many bad records", []string{"run", "--from", bad, "--to", filepath.Join(dir, "worse"), "--max-bad-records", "0"}, 0, exitTooManyBad, notify.Failed, "chatferry resume " + filepath.Join(dir, "worse") + " --max-bad-records 100%"},
		{"a dump that is not there", []string{"run", "--from", dir + "/gone", "--to", data}, 0, exitEnvironment, notify.Failed, "chatferry run --from " + dir + "/gone --to " + data},
		{"another shape", []string{"run", "--from", dump, "--to", data, "--part-size", "2MiB"}, 0, exitIncompatible, notify.Failed, ""},
		{"a token that is refused", []string{"run", "--from", account, "--to", filepath.Join(dir, "acme"), "--notify-command", "true"}, 401, exitEnvironment, notify.NeedsAuthorisation, "chatferry run --from " + account + " --to " + filepath.Join(dir, "acme")},
		{"a token that may not read", []string{"run", "--from", account, "--to", filepath.Join(dir, "acme")}, 403, exitEnvironment, notify.NeedsAuthorisation, "chatferry run --from " + account + " --to " + filepath.Join(dir, "acme")},
		{"an account that is not there", []string{"run", "--from", account, "--to", filepath.Join(dir, "acme")}, 404, exitEnvironment, notify.Failed, "chatferry run --from " + account + " --to " + filepath.Join(dir, "acme")},
		{"a flag that is not known", []string{"run", "--form", dump, "--to", data}, 0, exitUsage, notify.Failed, ""},
		{"an option that is wrong", []string{"run", "--from", dump, "--to", data, "--lanes", "none"}, 0, exitUsage, notify.Failed, ""},
		{"a file of options that is wrong", []string{"resume", data, "--config", filepath.Join(dir, "unknown.yaml")}, 0, exitUsage, notify.Failed, ""},
		{"no dataset", []string{"resume", dir + "/nowhere"}, 0, exitEnvironment, notify.Failed, "chatferry resume " + dir + "/nowhere"},
		{"too many arguments", []string{"resume", data, data}, 0, exitUsage, notify.Failed, ""},
	} {
		code, _, stderr := h.call(t, statusAnswers(tt.api), tt.args...)
		got := h.last()
		if code != tt.code || len(got) != 1 {
			t.Errorf("%s: exit code %d, told %d times: %s", tt.name, code, len(got), stderr)
			continue
		}
		e := got[0]
		if e.Event != tt.event || e.ExitCode != tt.code || e.Outcome != outcomeName(tt.code) || e.ResumeCommand != tt.resume || e.Command != tt.args[0] {
			t.Errorf("%s: %+v", tt.name, e)
		}
		if e.ID == "" || e.Format != notify.Format || !strings.HasPrefix(e.Text, "chatferry "+tt.args[0]) || strings.Contains(stderr, "tell the webhook") {
			t.Errorf("%s: %+v, %s", tt.name, e, stderr)
		}
		if code == exitDone && (e.Streams == nil || e.Root != data || e.Source == "" || e.RunID == "") {
			t.Errorf("%s: %+v", tt.name, e)
		}
		for _, secret := range []string{hookPath, hookSecret, hookToken} {
			if strings.Contains(stderr, secret) {
				t.Errorf("%s: %s is shown: %s", tt.name, secret, stderr)
			}
		}
	}
	for _, canary := range []string{"canary", "jane", "example.com"} {
		if strings.Contains(h.bodies, canary) {
			t.Errorf("the webhook was told %s: %s", canary, h.bodies)
		}
	}
	// Other verbs tell nobody.
	if code, _, stderr := h.call(t, nil, "status", data); code != exitDone || len(h.last()) != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if code, stdout, _ := h.call(t, nil, "config", "show"); code != exitDone || !strings.Contains(stdout, h.URL+"/***") || strings.Contains(stdout, "canary") {
		t.Errorf("exit code %d: %s", code, stdout)
	}
}

// A run that nobody can be told of ends as it would have, and says so.
func TestNobodyHears(t *testing.T) {
	h := newTold(t)
	h.answer = http.StatusGone
	dump := filepath.Join(t.TempDir(), "agents.json")
	if err := os.WriteFile(dump, []byte(`[{"id":1}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "data")
	code, stdout, stderr := h.call(t, nil, "run", "--from", "agents="+dump, "--to", root, "--notify-command", "exit 3", "--json")
	if code != exitDone || !strings.Contains(stdout, `"ok": true`) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"tell the webhook at " + h.URL + ": try 1: it answered 410", "--notify-command: exit status 3", "the run itself ended with exit code 0"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not said: %s", want, stderr)
		}
	}
	if strings.Contains(stderr, "canary") {
		t.Error(stderr)
	}
	// A secret that cannot be had is said when there is still time to do something about it, and nothing is sent unsigned.
	h.last()
	gone := filepath.Join(t.TempDir(), "gone")
	a := &app{environment: &environment{stderr: &safeBuffer{}, getenv: func(name string) string {
		return map[string]string{"CHATFERRY_NOTIFY_URL": h.URL + hookPath, "CHATFERRY_NOTIFY_SECRET_FILE": gone}[name]
	}, environ: func() []string { return nil }, now: time.Now}}
	a.willTell(newRunCommand(a))
	if said := a.stderr.(*safeBuffer).String(); !strings.Contains(said, "the webhook cannot be signed") {
		t.Errorf("%q", said)
	}
	if a.tellOthers(t.Context(), exitDone); len(h.last()) != 0 {
		t.Error("it was told without a signature")
	}
}

// A panic is told as the failure that it is.
func TestPanicIsTold(t *testing.T) {
	h := newTold(t)
	dump := filepath.Join(t.TempDir(), "agents.json")
	if err := os.WriteFile(dump, []byte(`[{"id":1}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, err safeBuffer
	code := run(t.Context(), &environment{
		program: "chatferry", args: []string{"run", "--from", "agents=" + dump, "--to", filepath.Join(t.TempDir(), "data")},
		stdin: strings.NewReader(""), stdout: &out, stderr: &err, isTerminal: func(any) bool { panic("of this test") }, now: time.Now,
		getenv: func(name string) string {
			return map[string]string{"CHATFERRY_NOTIFY_URL": h.URL + hookPath, "CHATFERRY_NOTIFY_SECRET": hookSecret}[name]
		},
		environ: func() []string { return nil },
	})
	got := h.last()
	if code != exitUnexpected || len(got) != 1 || got[0].Event != notify.Failed || got[0].ExitCode != exitUnexpected {
		t.Errorf("exit code %d, %+v: %s", code, got, err.String())
	}
	if !strings.Contains(err.String(), "a fault of the program: of this test") {
		t.Error(err.String())
	}
}

// After a signal no more time is taken than is left of ten seconds, and a second signal ends the telling.
func TestSignalLeavesLittleTimeToTell(t *testing.T) {
	hanging := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-hanging:
		}
	}))
	defer server.Close()
	defer close(hanging)
	var said safeBuffer
	a := &app{environment: &environment{stderr: &said, now: time.Now, program: "chatferry"}, stopped: time.Now().Add(-time.Hour)}
	u, err := notify.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	a.notice = &notice{Whom: notify.Whom{URL: u}, command: "run"}
	if a.tellOthers(context.Background(), exitStopped); !strings.Contains(said.String(), "the run itself ended with exit code 5") {
		t.Error(said.String())
	}
}

// What may hold a secret is not in the command that is shown to others.
func TestSameAgainHidesSecrets(t *testing.T) {
	a := &app{environment: &environment{program: "chatferry", args: []string{
		"run", "--from", "zopim:", "--notify-url", "canary", "--notify-command=canary", "--token-command", "canary", "--token-file", "t.json", "--to", "a b", "--json",
	}}}
	if got := a.sameAgain(); got != "chatferry run --from zopim: --token-file t.json --to 'a b' --json" {
		t.Error(got)
	}
	if !slices.ContainsFunc(outcomes, func(o outcome) bool { return eventOf(o.code, nil) == notify.Failed }) || api.NeedsAuthorisation(nil) {
		t.Error("nothing fails")
	}
}
