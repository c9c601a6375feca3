package notify

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hmacByHand is HMAC-SHA256 as RFC 2104 writes it, apart from the package that signs.
func hmacByHand(key, message []byte) []byte {
	const block = 64
	if len(key) > block {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	inner, outer := make([]byte, block), make([]byte, block)
	copy(inner, key)
	copy(outer, key)
	for i := range block {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	first := sha256.Sum256(append(inner, message...))
	second := sha256.Sum256(append(outer, first[:]...))
	return second[:]
}

// A body is signed as the example of the Standard Webhooks convention is.
func TestSignatureOfTheConvention(t *testing.T) {
	key, err := Secret{Text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}.key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != want {
		t.Errorf("%s instead of %s", got, want)
	}
}

// received is a request as a receiver saw it.
type received struct {
	path   string
	header http.Header
	body   []byte
}

// receiver answers with the statuses it is given, one after the other, and with the last of them for ever.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []received
	next []func(http.ResponseWriter, *http.Request)
}

func receive(t *testing.T, answers ...func(http.ResponseWriter, *http.Request)) *receiver {
	r := &receiver{next: answers}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, received{req.URL.Path, req.Header, body})
		answer := r.next[0]
		if len(r.next) > 1 {
			r.next = r.next[1:]
		}
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.got...)
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func (r *receiver) whom(t *testing.T, path string, s Secret) *Whom {
	t.Helper()
	u, err := ParseURL(r.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	return &Whom{URL: u, Secret: s}
}

// What comes may be checked by whoever has the secret, and says which event it is; a try that failed is made again, with
// the same id and body and a signature of its own time.
func TestWebhookIsSignedAndTriedAgain(t *testing.T) {
	const secret = "a secret of the receiver"
	r := receive(t, status(500), status(429), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(503)
	}, status(204))
	body := []byte(`{"format":"x"}`)
	if err := r.whom(t, "/hook", Secret{Text: secret}).post(t.Context(), "run.done", body, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	got := r.all()
	if len(got) != 4 {
		t.Fatalf("%d tries", len(got))
	}
	for i, g := range got {
		at := g.header.Get("Webhook-Timestamp")
		want := "v1," + base64.StdEncoding.EncodeToString(hmacByHand([]byte(secret), []byte("run.done."+at+"."+string(body))))
		if g.header.Get("Webhook-Signature") != want || string(g.body) != string(body) {
			t.Errorf("try %d: %v, %s", i+1, g.header, g.body)
		}
		if g.header.Get("Webhook-Id") != "run.done" || g.header.Get("Idempotency-Key") != "run.done" || g.header.Get("Content-Type") != "application/json" {
			t.Errorf("try %d: %v", i+1, g.header)
		}
		if seconds, err := strconv.ParseInt(at, 10, 64); err != nil || time.Since(time.Unix(seconds, 0)).Abs() > time.Hour {
			t.Errorf("try %d: the time is %q", i+1, at)
		}
	}
}

// What trying again does not change is not tried again, and nothing is tried for ever.
func TestWebhookGivesUp(t *testing.T) {
	for code, want := range map[int]int{400: 1, 401: 1, 404: 1, 410: 1, 500: tries, 503: tries, 429: tries, 408: tries} {
		r := receive(t, status(code))
		err := r.whom(t, "/T0/secret-path?token=secret-query", Secret{}).post(t.Context(), "id", nil, time.Millisecond)
		if n := len(r.all()); n != want || err == nil || !strings.Contains(err.Error(), "it answered "+strconv.Itoa(code)) {
			t.Errorf("%d: %d tries, %v", code, n, err)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: the address is shown: %v", code, err)
		}
		if r.all()[0].header.Get("Webhook-Signature") != "" {
			t.Errorf("%d: signed without a secret", code)
		}
	}
}

// A receiver that never answers, and one that is not there, hold nobody up longer than there is time.
func TestWebhookWithoutAnAnswer(t *testing.T) {
	release := make(chan struct{})
	r := receive(t, func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-req.Context().Done():
		case <-release:
		}
	})
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	whom := r.whom(t, "/secret-path", Secret{})
	whom.Command = "sleep 3600"
	err := whom.Tell(ctx, &Event{ID: "id"})
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "--notify-command") {
		t.Errorf("%v", err)
	}
	gone := receive(t, status(200))
	whom = gone.whom(t, "/secret-path", Secret{})
	gone.Close()
	if err := whom.post(t.Context(), "id", nil, time.Millisecond); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
}

// A redirect is followed within the origin, with method and body; another one is refused, and gets nothing.
func TestWebhookRedirects(t *testing.T) {
	elsewhere := receive(t, status(200))
	to := func(code int, place string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", place)
			w.WriteHeader(code)
		}
	}
	for name, tt := range map[string]struct {
		answers []func(http.ResponseWriter, *http.Request)
		tries   int
		refused bool
	}{
		"within the origin":  {[]func(http.ResponseWriter, *http.Request){to(307, "/new"), status(200)}, 2, false},
		"to another host":    {[]func(http.ResponseWriter, *http.Request){to(307, elsewhere.URL+"/")}, 1, true},
		"to another port":    {[]func(http.ResponseWriter, *http.Request){to(308, "http://127.0.0.1:1/")}, 1, true},
		"that drops a body":  {[]func(http.ResponseWriter, *http.Request){to(302, "/new")}, 1, true},
		"in a circle":        {[]func(http.ResponseWriter, *http.Request){to(307, "/new")}, mostHops + 1, true},
		"with a user's name": {[]func(http.ResponseWriter, *http.Request){to(307, "//user:word@HOST/")}, 1, true},
	} {
		r := receive(t, tt.answers...)
		if name == "with a user's name" {
			r.next = []func(http.ResponseWriter, *http.Request){to(307, strings.Replace(r.URL, "://", "://user:word@", 1)+"/new")}
		}
		err := r.whom(t, "/hook", Secret{Text: "secret of it"}).post(t.Context(), "id", []byte("body"), time.Millisecond)
		if got := r.all(); len(got) != tt.tries || tt.refused != errors.Is(err, errElsewhere) || !tt.refused && (err != nil || string(got[1].body) != "body") {
			t.Errorf("%s: %d tries, %v", name, len(got), err)
		}
		if err != nil && strings.Contains(err.Error(), "word") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(elsewhere.all()); n > 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// An address that shows the event to the network, or that holds credentials, is refused without quoting it.
func TestParseURL(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://hooks.example.com/T0/B0/x": true, "http://127.0.0.1:8080/x": true, "http://[::1]/x": true, "http://localhost/x": true,
		"https://hooks.example.com/?k=v": true, "http://hooks.example.com/secret": false, "https://secret:secret@example.com/": false,
		"ftp://example.com/secret": false, "secret": false, "https://": false, "https:secret": false, "https://example.com/#secret": false, "": false,
	} {
		u, err := ParseURL(text)
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
		if ok && Origin(u) != text[:len(Origin(u))] {
			t.Errorf("%s: its origin is %s", text, Origin(u))
		}
	}
}

// The secret comes from a text, a file that only its owner reads, or a command; what should be signed and cannot be is not sent.
func TestSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("secret of a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte("secret of a file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		s    Secret
		want string // "": refused
	}{
		{Secret{Text: " secret of a text "}, "secret of a text"},
		{Secret{File: file}, "secret of a file"},
		{Secret{Command: "printf 'secret of a command\\n'"}, "secret of a command"},
		{Secret{Text: "whsec_" + base64.StdEncoding.EncodeToString([]byte("sixteen bytes of"))}, "sixteen bytes of"},
		{Secret{Text: "whsec_#"}, ""},
		{Secret{Text: "short"}, ""},
		{Secret{File: open}, ""},
		{Secret{File: file + ".gone"}, ""},
		{Secret{File: t.TempDir()}, ""},
		{Secret{Command: "echo it complains >&2; exit 3"}, ""},
		{Secret{Command: "printf ''"}, ""},
	} {
		key, err := tt.s.key(t.Context())
		if (err == nil) != (tt.want != "") || string(key) != tt.want {
			t.Errorf("%+v: %q, %v", tt.s, key, err)
		}
		r := receive(t, status(200))
		err = r.whom(t, "/", tt.s).post(t.Context(), "id", []byte("body"), time.Millisecond)
		if sent := len(r.all()) == 1; sent != (tt.want != "") || sent != (err == nil) {
			t.Errorf("%+v: sent: %t, %v", tt.s, sent, err)
		}
	}
	if err := (Secret{File: open}).Check(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v", err)
	}
	if key, err := (Secret{}).key(t.Context()); key != nil || err != nil {
		t.Errorf("%q, %v", key, err)
	}
}

// A command is given the event on stdin, without the secrets of this process, and its failure is told with its own words.
func TestCommand(t *testing.T) {
	t.Setenv("CHATFERRY_TOKEN", "canary-token")
	t.Setenv("CHATFERRY_NOTIFY_SECRET", "canary-secret")
	t.Setenv("CHATFERRY_OTHER", "kept")
	file := filepath.Join(t.TempDir(), "got")
	whom := &Whom{Command: "cat > " + file + "; env >> " + file}
	if err := whom.Tell(t.Context(), &Event{Format: Format, ID: "id", Event: Done}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, env, _ := strings.Cut(string(got), "}")
	var e Event
	if err := json.Unmarshal([]byte(text+"}"), &e); err != nil || e.ID != "id" {
		t.Errorf("%v: %s", err, text)
	}
	if strings.Contains(env, "canary") || !strings.Contains(env, "CHATFERRY_OTHER=kept") {
		t.Errorf("the command's environment: %s", env)
	}
	err = (&Whom{Command: "echo no such room >&2; exit 4"}).Tell(t.Context(), &Event{})
	if err == nil || !strings.Contains(err.Error(), "exit status 4: no such room") {
		t.Errorf("%v", err)
	}
	// Neither of the two keeps the other from being told.
	r := receive(t, status(200))
	u, _ := url.Parse(r.URL)
	if err := (&Whom{URL: u, Command: "exit 1"}).Tell(t.Context(), &Event{}); err == nil || len(r.all()) != 1 {
		t.Errorf("%d, %v", len(r.all()), err)
	}
}
