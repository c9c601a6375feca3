package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handled are Options whose page says how often it was made.
func handled(names ...string) (Options, *int) {
	made := 0
	return Options{
		Page: func(_ context.Context, w io.Writer) error {
			made++
			_, err := fmt.Fprintf(w, "page %d", made)
			return err
		},
		Fresh:   5 * time.Second,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") }),
		State:   func() string { return "working" },
		Names:   names,
	}, &made
}

func ask(h http.Handler, method, host, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://x"+path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A request has to name an address, localhost or a name that was given: no page of another site gets one, whatever its name
// is made to mean. Nothing but reading is known.
func TestWhoIsAnswered(t *testing.T) {
	o, _ := handled("ferry.example")
	h := newHandler(o)
	all, _ := handled(AnyName)
	for _, tt := range []struct {
		method, host, path string
		want               int
	}{
		{"GET", "127.0.0.1:9090", "/", 200},
		{"GET", "localhost:9090", "/", 200},
		{"GET", "LOCALHOST.", "/metrics", 200},
		{"GET", "[::1]:9090", "/healthz", 200},
		{"HEAD", "[::1]", "/", 200},
		{"GET", "10.1.2.3:9090", "/metrics", 200},
		{"GET", "ferry.example:9090", "/", 200},
		{"GET", "Ferry.Example", "/", 200},
		{"GET", "evil.example:9090", "/", 421},
		{"GET", "evil.example", "/metrics", 421},
		{"GET", "127.0.0.1.evil.example", "/healthz", 421},
		{"GET", "ferry.example.evil.example", "/", 421},
		{"GET", "xlocalhost", "/", 421},
		{"GET", "", "/", 421},
		{"GET", "localhost", "/nothing", 404},
		{"POST", "localhost", "/", 405},
		{"DELETE", "localhost", "/metrics", 405},
		{"PUT", "localhost", "/healthz", 405},
	} {
		w := ask(h, tt.method, tt.host, tt.path)
		if w.Code != tt.want {
			t.Errorf("%s %s of %q: %d, want %d: %s", tt.method, tt.path, tt.host, w.Code, tt.want, w.Body)
		}
		for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s %s of %q: %s is %q", tt.method, tt.path, tt.host, header, got)
			}
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s %s of %q: other sites may read it", tt.method, tt.path, tt.host)
		}
	}
	if w := ask(newHandler(all), "GET", "any.example", "/"); w.Code != 200 {
		t.Errorf("any name: %d", w.Code)
	}
}

// The page is made again when it is stale, which it becomes the later the longer it takes to make.
func TestPageIsMadeSeldom(t *testing.T) {
	o, made := handled()
	now, takes := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), time.Duration(0)
	page := o.Page
	o.Page = func(ctx context.Context, w io.Writer) error {
		now = now.Add(takes)
		return page(ctx, w)
	}
	o.Now = func() time.Time { return now }
	h := newHandler(o)
	for i, tt := range []struct {
		pause time.Duration
		takes time.Duration
		want  int
	}{
		{0, 0, 1},
		{0, 0, 1},
		{4 * time.Second, 0, 1},
		{time.Second, 2 * time.Second, 2},
		{39 * time.Second, 0, 2},
		{time.Second, 0, 3},
		{5 * time.Second, 0, 4},
	} {
		now, takes = now.Add(tt.pause), tt.takes
		w := ask(h, "GET", "localhost", "/")
		if want := fmt.Sprint("page ", tt.want); w.Body.String() != want || *made != tt.want {
			t.Errorf("request %d: %q, made %d times, want %q", i, w.Body, *made, want)
		}
		if got := w.Header().Get("Refresh"); got != "5" {
			t.Errorf("request %d: asked to come again after %q", i, got)
		}
	}
}

// A page that cannot be made is not kept, and the reason is not told to whoever asks.
func TestPageThatFails(t *testing.T) {
	o, _ := handled()
	page, fails := o.Page, true
	o.Page = func(ctx context.Context, w io.Writer) error {
		if fails {
			_, _ = io.WriteString(w, "half")
			return errors.New("secret")
		}
		return page(ctx, w)
	}
	h := newHandler(o)
	if w := ask(h, "GET", "localhost", "/"); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "secret") ||
		strings.Contains(w.Body.String(), "half") || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	fails = false
	if w := ask(h, "GET", "localhost", "/"); w.Code != 200 || w.Body.String() != "page 1" {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

// Many who ask at once get one page, and none is answered any more when the server has been closed.
func TestServeAndClose(t *testing.T) {
	o, made := handled()
	l, err := Listen(t.Context(), "127.0.0.1:0", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	s := Serve(l, o)
	client := &http.Client{Transport: &http.Transport{}}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			r, err := client.Get(address)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if text, err := io.ReadAll(r.Body); err != nil || string(text) != "page 1" {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
	group.Wait()
	if *made != 1 {
		t.Errorf("the page was made %d times", *made)
	}
	s.Close()
	client.CloseIdleConnections()
	if _, err := client.Get(address); err == nil {
		t.Error("a server that was closed answers")
	}
}

// Who does not say that others may watch is not watched by others.
func TestListen(t *testing.T) {
	for _, tt := range []struct {
		address string
		public  bool
		want    error
		ok      bool
	}{
		{"127.0.0.1:0", false, nil, true},
		{"localhost:0", false, nil, true},
		{"0.0.0.0:0", false, ErrPublic, false},
		{"[::]:0", false, ErrPublic, false},
		{":0", false, ErrPublic, false},
		{"example.test:0", false, ErrPublic, false},
		{"192.0.2.1:0", false, ErrPublic, false},
		{"0.0.0.0:0", true, nil, true},
		{"9090", false, nil, false},
		{"127.0.0.1:0:0", false, nil, false},
	} {
		l, err := Listen(t.Context(), tt.address, tt.public, nil)
		if (err == nil) != tt.ok || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s, public %v: %v", tt.address, tt.public, err)
		}
		if err == nil {
			l.Close()
		}
	}
	taken, err := Listen(t.Context(), "127.0.0.1:0", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if l, err := Listen(t.Context(), taken.Addr().String(), false, nil); err == nil {
		l.Close()
		t.Error("a port that is taken was given again")
	}
	// A machine may take localhost for an address that others reach.
	far := func(ctx context.Context, _ string) (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, "tcp", "0.0.0.0:0")
	}
	if _, err := Listen(t.Context(), "localhost:0", false, far); !errors.Is(err, ErrPublic) {
		t.Errorf("localhost that is public: %v", err)
	}
}
