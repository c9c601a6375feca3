package live

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// AnyName among Options.Names lets a request name any host.
const AnyName = "*"

// Options say what a Server serves.
type Options struct {
	// Page writes the page as HTML, as the dataset is now. It is called by one goroutine at a time.
	Page func(ctx context.Context, w io.Writer) error
	// Fresh is for how long a page is served again at least.
	Fresh   time.Duration
	Metrics http.Handler
	// State says in a word what the run does.
	State func() string
	// Names are the hosts that a request may name beside localhost and addresses.
	Names []string

	Now func() time.Time // nil: time.Now
}

// Server serves what Options say until it is closed.
type Server struct {
	http   *http.Server
	joined sync.WaitGroup
	cancel context.CancelFunc
}

// grace is how long answers that are on their way may take when the run has ended.
const grace = 2 * time.Second

// Serve begins to serve at a listener, which is closed with the Server.
func Serve(l net.Listener, o Options) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{cancel: cancel, http: &http.Server{
		Handler:           newHandler(o),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // what clients do wrong is no matter of the run
	}}
	s.joined.Go(func() { _ = s.http.Serve(l) }) // it ends when it is closed, or its listener fails; the run goes on without it
	return s
}

// Close ends it: what is being answered may be finished for a moment.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.cancel()
		_ = s.http.Close() // what is still being sent breaks off
	}
	s.cancel()
	s.joined.Wait()
}

// newHandler answers requests. Nothing but GET and HEAD is known, of hosts that the user knows.
func newHandler(o Options) http.Handler {
	page := &cachedPage{o: o}
	if page.o.Now == nil {
		page.o.Now = time.Now
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page)
	mux.Handle("GET /metrics", o.Metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, o.State()+"\n")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		if !o.knows(r.Host) {
			http.Error(w, "this host is not served; call it by an address, or give its name to --listen-hosts", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// knows reports whether a request may name this host. An address cannot be made to mean another one, as a name can.
func (o *Options) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	return name == "localhost" || net.ParseIP(name) != nil || slices.Contains(o.Names, AnyName) || slices.Contains(o.Names, name)
}

// cachedPage is the page as it was last made.
type cachedPage struct {
	o Options

	mu    sync.Mutex // held while it is made, so that all who ask meanwhile get the one
	text  []byte
	stale time.Time
}

// dearest is how many times as long as it took to make the page is served again.
const dearest = 20

// retry is after how many seconds a browser asks for the page again.
func (p *cachedPage) retry() string { return strconv.Itoa(max(2, int(p.o.Fresh.Seconds()))) }

func (p *cachedPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := p.made(r.Context())
	w.Header().Set("Refresh", p.retry())
	if err != nil {
		// What the error says is for who runs it: it may name what the page does not.
		if r.Context().Err() == nil {
			w.Header().Set("Retry-After", p.retry())
			http.Error(w, "the page cannot be made at this moment", http.StatusServiceUnavailable)
		}
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(text)
}

// made returns the page, no older than it may be.
func (p *cachedPage) made(ctx context.Context) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	begun := p.o.Now()
	if p.text != nil && begun.Before(p.stale) {
		return p.text, nil
	}
	var text buffer
	if err := p.o.Page(ctx, &text); err != nil {
		return nil, err
	}
	ended := p.o.Now()
	p.text, p.stale = text, ended.Add(max(p.o.Fresh, dearest*ended.Sub(begun)))
	return p.text, nil
}

// buffer keeps what is written; it is not written to once it is served.
type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// ErrPublic is the error of Listen for an address that others than this machine reach.
var ErrPublic = errors.New("others than this machine reach it")

// Listen listens at HOST:PORT, which must be of this machine alone unless public is set.
func Listen(ctx context.Context, address string, public bool, listen func(context.Context, string) (net.Listener, error)) (net.Listener, error) {
	if listen == nil {
		listen = func(ctx context.Context, address string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, "tcp", address)
		}
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); !public && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, ErrPublic
	}
	l, err := listen(ctx, address)
	if err != nil {
		return nil, err
	}
	// localhost means what the machine says that it means.
	if a, ok := l.Addr().(*net.TCPAddr); ok && !public && !a.IP.IsLoopback() {
		return nil, errors.Join(ErrPublic, l.Close())
	}
	return l, nil
}
