package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rehearsing is a call of the verb at work.
type rehearsing struct {
	t              *testing.T
	stdout, stderr safeBuffer
	address        string
	stop           context.CancelFunc
	ended          chan int
}

// startRehearsal calls the verb and waits until it serves.
func startRehearsal(t *testing.T, args ...string) *rehearsing {
	t.Helper()
	r := &rehearsing{t: t, ended: make(chan int, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	t.Cleanup(cancel)
	e := &environment{
		program: "chatferry", args: append([]string{"rehearse", "--chats", "60"}, args...),
		stdin: strings.NewReader(""), stdout: &r.stdout, stderr: &r.stderr,
		getenv: func(string) string { return "" }, environ: func() []string { return nil },
		isTerminal: func(any) bool { return false }, size: func() (int, int) { return 80, 24 }, now: time.Now, die: func(os.Signal) {},
	}
	go func() { r.ended <- run(ctx, e) }()
	serving := regexp.MustCompile(`http://\S+:\d+`)
	for r.address == "" {
		select {
		case code := <-r.ended:
			t.Fatalf("it ended with %d before it served: %s", code, r.stderr.String())
		case <-time.After(time.Millisecond):
			r.address = strings.TrimSuffix(serving.FindString(r.stdout.String()+r.stderr.String()), ",")
		}
	}
	return r
}

// ask sends a request.
func (r *rehearsing) ask(path string) *http.Response {
	r.t.Helper()
	q, err := http.NewRequest(http.MethodGet, r.address+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+rehearseToken)
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(q)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer
}

// status asks for a path and reads the whole answer.
func (r *rehearsing) status(path string) int {
	r.t.Helper()
	answer := r.ask(path)
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode
}

// end returns how the call ended.
func (r *rehearsing) end() int {
	r.t.Helper()
	select {
	case code := <-r.ended:
		return code
	case <-time.After(time.Minute):
		r.t.Fatal("it goes on")
		return 0
	}
}

// It says how to try it, serves, and says at the end what clients did. A signal is its ordinary end.
func TestRehearse(t *testing.T) {
	r := startRehearsal(t, "--listen", ":0", "--rate", "3", "--faults", "404@oauth/clients")
	for _, want := range []string{
		"of 60 chats", "CHATFERRY_TOKEN=rehearsal chatferry run --from " + r.address + " --to rehearsal-data --rate 3 --overlap 0s\n",
		"limit     3 requests a minute", "faults    404@oauth/clients", "'" + r.address + "/api/v2/chats/search?q=type:offline_msg'",
		`h.BASE_URL = "` + r.address + `"`,
	} {
		if !strings.Contains(r.stdout.String(), want) {
			t.Errorf("%q is not said in %s", want, r.stdout.String())
		}
	}
	if !strings.HasPrefix(r.address, "http://127.0.0.1:") || strings.HasSuffix(r.address, ":0") || r.stderr.String() != "" {
		t.Errorf("served at %s; %s", r.address, r.stderr.String())
	}
	for k, want := range []struct {
		path   string
		status int
	}{{"/api/v2/chats", 200}, {"/api/v2/chat/oauth/clients", 404}, {"/api/v2/agents", 200}, {"/api/v2/roles", 429}} {
		if got := r.status(want.path); got != want.status {
			t.Errorf("request %d, %s: %d", k, want.path, got)
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := r.end(); code != exitDone {
		t.Errorf("exit code %d: %s", code, r.stderr.String())
	}
	for _, want := range []string{
		"4 requests, at most 4 in 60 s, 1 refused for the rate, 1 spoiled\n", "  /chats          1\n", "  /roles          1  1 × 429\n", "\nspoiled\n  404  1\n",
	} {
		if !strings.Contains(r.stdout.String(), want) {
			t.Errorf("%q is not said in %s", want, r.stdout.String())
		}
	}
}

// The figures as one object; answers that hang on purpose do not hold up the end.
func TestRehearseJSON(t *testing.T) {
	r := startRehearsal(t, "--listen", "127.0.0.1:0", "--json", "--faults", "stall-body@roles@always", "--speed", "60", "--rate", "0")
	if status := r.status("/api/v2/incremental/chats?start_time=0"); status != 200 {
		t.Errorf("status %d", status)
	}
	hanging := r.ask("/api/v2/roles")
	defer hanging.Body.Close()
	r.stop()
	if code := r.end(); code != exitDone {
		t.Errorf("exit code %d: %s", code, r.stderr.String())
	}
	if b, err := io.ReadAll(hanging.Body); err == nil {
		t.Errorf("what hangs came to its end: %.100s", b)
	}
	var got rehearseResult
	if err := json.Unmarshal([]byte(r.stdout.String()), &got); err != nil {
		t.Fatalf("%v in %s", err, r.stdout.String())
	}
	if !got.OK || got.Command != "rehearse" || got.Address != r.address || got.Endpoints["/incremental/chats"][200] != 1 ||
		got.Faults["stall-body"] != 1 || got.Spoiled != 1 || got.Requests != 2 {
		t.Errorf("got %+v", got)
	}
}

// Whoever serves to others is told so.
func TestRehearseForOthersWarns(t *testing.T) {
	r := startRehearsal(t, "--listen", "0.0.0.0:0")
	if !strings.Contains(r.stderr.String(), "everybody who reaches 0.0.0.0:") && !strings.Contains(r.stderr.String(), "everybody who reaches [::]:") {
		t.Errorf("stderr: %s", r.stderr.String())
	}
	r.stop()
	if code := r.end(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// A token that expires comes as a pair, and the command names the file that holds it.
func TestRehearseWithTokensThatExpire(t *testing.T) {
	r := startRehearsal(t, "--listen", "localhost:0", "--token-ttl", "30m", "--faults", "")
	for _, want := range []string{
		"valid for 30m; then give the refresh token rehearsal-refresh to " + r.address + "/oauth2/token",
		`echo '{"access_token":"rehearsal","refresh_token":"rehearsal-refresh"}' > rehearsal-token.json`,
		"--to rehearsal-data --overlap 0s --token-file rehearsal-token.json\n",
	} {
		if !strings.Contains(r.stdout.String(), want) {
			t.Errorf("%q is not said in %s", want, r.stdout.String())
		}
	}
	r.stop()
	r.end()
}
