package endtoend

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"chatferry/extract/rehearsal/chatapi"
)

// lures are where a next_page, a next_url or a redirect may lead that means ill. ORIGIN is the account's own scheme, host
// and port, HOST and PORT the latter two; OTHER is another server of this machine, NEAR the same port on another address;
// QUERY is what the link should have asked.
var lures = []string{
	"http://OTHER/api/v2/chat/incremental/chats?QUERY",
	"https://evil.example/api/v2/chat/incremental/chats?QUERY",
	"https://evil.example:443/?QUERY",
	"//OTHER/api/v2/chat?QUERY",
	"///OTHER/api/v2/chat?QUERY",
	"http:///OTHER/?QUERY",
	"http:/OTHER/?QUERY",
	"http:OTHER?QUERY",
	`\\OTHER\api?QUERY`,
	`/\OTHER/api?QUERY`,
	`http:\\OTHER\?QUERY`,
	`http://HOST\@OTHER/?QUERY`,
	"http://HOST@OTHER/?QUERY",
	"http://HOST:x@OTHER/?QUERY",
	"http://user:password@HOST/?QUERY",
	"http://@OTHER/?QUERY",
	"http://OTHER#@HOST/?QUERY",
	"http://OTHER?@HOST/&QUERY",
	"http://OTHER/HOST/?QUERY",
	"http://HOST.evil.example/?QUERY",
	"http://HOST%2eevil.example/?QUERY",
	"http://HOST%00.evil.example/?QUERY",
	"http://HOST%23@OTHER/?QUERY",
	"http://evil.example%2f@OTHER/?QUERY",
	"http://localhost:PORT/api/v2/chat/incremental/chats?QUERY",
	"http://127.1:PORT/?QUERY",
	"http://0x7f000001:PORT/?QUERY",
	"http://2130706433:PORT/?QUERY",
	"http://[::ffff:127.0.0.1]:PORT/?QUERY",
	"http://NEAR/?QUERY",
	"http://0.0.0.0:PORT/?QUERY",
	"https://HOST/?QUERY",
	"HTTP://OTHER/?QUERY",
	"ws://OTHER/?QUERY",
	"ftp://OTHER/?QUERY",
	"file:///etc/passwd?QUERY",
	"javascript:alert(1)?QUERY",
	"data:application/json,{}?QUERY",
	"http://169.254.169.254/latest/meta-data?QUERY",
	"http://HOST\t.evil.example/?QUERY",
	"http://HOST /@OTHER?QUERY",
	"http://HOST\r\nHost: OTHER\r\n\r\n?QUERY",
	"\x01http://OTHER/?QUERY",
	"http://а.example/?QUERY", // Cyrillic
	"http://HOST。evil.example/?QUERY",
	"http://OTHER:PORT:PORT/?QUERY",
	"http://",
	"://OTHER",
	"http://OTHER/?QUERY&start_time=99999999999&start_id=../../etc",
}

// lair stands where lures lead: another server of this machine, the account's port on another address, and the proxy that
// everything for other hosts goes through. Nothing must ever come.
type lair struct {
	other, near string // hosts and ports
	proxy       string // URL

	mu   sync.Mutex
	came []string
}

func newLair(t *testing.T) *lair {
	t.Helper()
	l := &lair{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.came = append(l.came, r.Method+" "+r.Host+" "+r.URL.String()+" with "+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusTeapot)
	})
	for _, at := range []struct {
		listen string
		host   *string
	}{{"127.0.0.1:0", &l.other}, {"127.0.0.2:0", &l.near}, {"127.0.0.1:0", &l.proxy}} {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", at.listen)
		if err != nil {
			t.Fatal(err)
		}
		server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
		server.Start()
		t.Cleanup(server.Close)
		*at.host = listener.Addr().String()
	}
	l.proxy = "http://" + l.proxy
	// It notices what comes.
	for _, host := range []string{l.other, l.near} {
		res, err := http.Get("http://" + host)
		if err != nil || res.StatusCode != http.StatusTeapot {
			t.Fatalf("%s: %v, %v", host, res, err)
		}
		res.Body.Close()
	}
	if len(l.came) != 2 {
		t.Fatalf("it noticed %v", l.came)
	}
	l.came = nil
	return l
}

// fill makes a lure out of its pattern.
func (l *lair) fill(pattern, host, query string) string {
	_, port, _ := net.SplitHostPort(host)
	return strings.NewReplacer("ORIGIN", "http://"+host, "OTHER", l.other, "NEAR", l.near, "HOST", host, "PORT", port, "QUERY", query).Replace(pattern)
}

// luring stands before an account and puts lures into its answers, each once.
type luring struct {
	*lair
	host  string // of the account
	spoil func(w http.ResponseWriter, r *http.Request, next http.Handler, pattern string) bool

	mu     sync.Mutex
	used   int
	seen   map[string]bool // requests that came
	astray []string        // requests for another host than the account's
}

func (l *luring) before(next http.Handler) http.Handler {
	l.seen = map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		if l.host == "" {
			l.host = r.Host
		}
		if r.Host != l.host {
			l.astray = append(l.astray, r.Host)
		}
		asked := r.URL.String()
		pattern := ""
		if l.used < len(lures) && !l.seen[asked] && len(l.seen) >= 3 { // the first find out where the account is
			pattern = lures[l.used]
		}
		l.seen[asked] = true
		if pattern != "" && l.spoil(w, r, next, pattern) {
			l.used++
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// redirected answers with a redirect to a lure.
func (l *luring) redirected(w http.ResponseWriter, r *http.Request, _ http.Handler, pattern string) bool {
	if !strings.Contains(r.URL.Path, "/incremental/") {
		return false
	}
	// Set as it is: Header().Set would replace line ends.
	w.Header()["Location"] = []string{l.fill(pattern, r.Host, r.URL.RawQuery)}
	w.WriteHeader([]int{301, 302, 303, 307, 308}[l.used%5])
	return true
}

var linkPattern = regexp.MustCompile(`"next_(page|url)":"((?:[^"\\]|\\.)*)"`)

// linked answers with a page whose link is a lure. It reports false if there is no link.
func (l *luring) linked(w http.ResponseWriter, r *http.Request, next http.Handler, pattern string) bool {
	plain := r.Clone(r.Context())
	plain.Header.Del("Accept-Encoding")
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, plain)
	body := answer.Body.String()
	found := linkPattern.FindAllStringSubmatchIndex(body, -1)
	if answer.Code != http.StatusOK || found == nil {
		return false
	}
	at := found[len(found)-1]
	var link string
	if json.Unmarshal([]byte(body[at[4]-1:at[5]+1]), &link) != nil {
		return false
	}
	u, err := url.Parse(link)
	if err != nil {
		return false
	}
	lure, err := json.Marshal(l.fill(pattern, r.Host, u.RawQuery))
	if err != nil {
		return false
	}
	for name, values := range answer.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	_, _ = w.Write([]byte(body[:at[4]-1] + string(lure) + body[at[5]+1:]))
	return true
}

// Wherever answers lead, the program asks the account's own origin alone, and what it reads is what is there.
func TestAccountThatLuresAway(t *testing.T) {
	if len(lures) < 40 {
		t.Fatalf("only %d lures", len(lures))
	}
	for _, c := range []struct {
		name   string
		spoil  func(*luring) func(http.ResponseWriter, *http.Request, http.Handler, string) bool
		quirks chatapi.Quirks
	}{
		{name: "by redirects", spoil: func(l *luring) func(http.ResponseWriter, *http.Request, http.Handler, string) bool {
			return l.redirected
		}},
		{name: "by next_page", spoil: func(l *luring) func(http.ResponseWriter, *http.Request, http.Handler, string) bool { return l.linked }},
		{
			name: "by next_url", spoil: func(l *luring) func(http.ResponseWriter, *http.Request, http.Handler, string) bool { return l.linked },
			quirks: chatapi.Quirks{NoIncremental: true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := &luring{lair: newLair(t)}
			l.spoil = c.spoil(l)
			a := serveAccount(t, accountOptions{seed: 31, chats: 1000, pageCap: 40, quirks: c.quirks, before: l.before})
			root := filepath.Join(t.TempDir(), "out")
			code, runs := -1, 0
			for ; code != 0 && runs <= len(lures); runs++ {
				cmd := a.command(t, root, accountToken)
				cmd.Env = append(cmd.Env, "HTTP_PROXY="+l.proxy, "HTTPS_PROXY="+l.proxy, "NO_PROXY=")
				o, e := settled(t, root, endOf(t, cmd, cmd.Run()))
				if code = e.code; code != 0 && code != 6 {
					t.Fatalf("exit code %d: %s", code, e.stderr)
				}
				if code != 0 {
					t.Logf("%s", o.Error.Message)
				}
			}
			t.Logf("%d lures in %d runs", l.used, runs)
			if l.used < len(lures) {
				t.Errorf("only %d lures were laid out", l.used)
			}
			if len(l.came)+len(l.astray) > 0 {
				t.Errorf("asked %q and, of other hosts, %q", l.astray, l.came)
			}
			if s := a.api.Stats(); s.NoToken+s.WrongToken+s.Writes > 0 {
				t.Errorf("%d requests without a token, %d with a wrong one, %d that would have changed something", s.NoToken, s.WrongToken, s.Writes)
			}
			holdRecords(t, c.name, recordsOf(t, root).without(unlisted...), a.served(c.quirks.NoIncremental))
		})
	}
}
