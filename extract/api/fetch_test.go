package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// elsewhere stands for a server on the public network: a TLS server on this machine whose very address is let through. All
// other addresses are judged as they always are; what is let through is noted.
type elsewhere struct {
	*httptest.Server
	fetcher *Fetcher

	mu     sync.Mutex
	dialed []netip.AddrPort
	seen   []http.Header
}

func newElsewhere(t *testing.T, h http.HandlerFunc, change ...func(*FetchOptions)) *elsewhere {
	t.Helper()
	e := &elsewhere{}
	e.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.seen = append(e.seen, r.Header.Clone())
		e.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(e.Close)
	o := FetchOptions{Root: "https://acme.zendesk.com/api/v2/chat", PerSecond: 1e6, Now: func() time.Time { return noon }}
	for _, f := range change {
		f(&o)
	}
	f, err := NewFetcher(o)
	if err != nil {
		t.Fatal(err)
	}
	home := netip.MustParseAddrPort(e.Listener.Addr().String())
	f.wire = f.transport(func(to netip.AddrPort) error {
		if to != home {
			if err := f.permit(to); err != nil {
				return err
			}
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.dialed = append(e.dialed, to)
		return nil
	})
	f.wire.TLSClientConfig.RootCAs = e.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	f.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	t.Cleanup(f.Close)
	e.fetcher = f
	return e
}

func (e *elsewhere) fetch(t *testing.T, address string) *fetched {
	t.Helper()
	got, err := e.fetcher.fetch(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestFetchSendsNothingOfOurs: neither a token nor a cookie nor the address before.
func TestFetchSendsNothingOfOurs(t *testing.T) {
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "1", Path: "/"})
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b?signature=secret", http.StatusFound)
			return
		}
		io.WriteString(w, "x")
	})
	for range 2 {
		if got := e.fetch(t, e.URL+"/a?signature=secret#fragment"); got.status != FileFetched {
			t.Fatalf("%s, %s", got.status, got.reason)
		}
	}
	if len(e.seen) != 4 {
		t.Errorf("%d requests", len(e.seen))
	}
	for _, h := range e.seen {
		for name := range h {
			switch name {
			case "User-Agent", "Accept", "Accept-Encoding":
			default:
				t.Errorf("the header %s: %s was sent", name, h.Get(name))
			}
		}
	}
}

// TestFetchRedirects: a redirect leads only to where the file might have been said to be itself.
func TestFetchRedirects(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) }))
	defer plain.Close()
	var e *elsewhere
	for _, tt := range []struct{ name, to, status, reason string }{
		{"plain http", plain.URL + "/f", FileRefused, errRedirectTo.Error()},
		{"a user name", "https://u:p@HOST/f", FileRefused, errRedirectTo.Error()},
		{"another scheme", "ftp://HOST/f", FileRefused, errRedirectTo.Error()},
		{"the same host", "https://HOST/f", FileFetched, ""},
		{"a path", "/f", FileFetched, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e = newElsewhere(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/start" {
					w.Header().Set("Location", strings.Replace(tt.to, "HOST", e.Listener.Addr().String(), 1))
					w.WriteHeader(http.StatusFound)
				}
			})
			// Addresses would not stop these: the way to this machine is open.
			e.fetcher.wire.DialContext = new(net.Dialer).DialContext
			got := e.fetch(t, e.URL+"/start")
			if got.status != tt.status || got.reason != tt.reason || tt.status == FileRefused && (len(e.seen) != 1 || got.http != http.StatusFound) {
				t.Errorf("%s, %q, status %d after %d requests", got.status, got.reason, got.http, len(e.seen))
			}
		})
	}
}

// TestFetchOutcomes: what an answer makes of a file, and how many requests it takes.
func TestFetchOutcomes(t *testing.T) {
	text := strings.Repeat("0123456789", 2000)
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			io.WriteString(w, "nothing")
		}
	}
	broken := func(send func(c net.Conn)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				send(c)
				c.Close()
			}
		}
	}
	for _, tt := range []struct {
		name    string
		h       http.HandlerFunc
		status  string
		reason  string
		asked   int
		content string
	}{
		{"a file", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }, FileFetched, "", 1, text},
		{"an empty file", func(w http.ResponseWriter, r *http.Request) {}, FileFetched, "", 1, ""},
		{"without a length", func(w http.ResponseWriter, r *http.Request) {
			for i := range 20 {
				io.WriteString(w, text[i*1000:(i+1)*1000])
				w.(http.Flusher).Flush()
			}
		}, FileFetched, "", 1, text},
		{"as large as may be", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, strings.Repeat("x", 30_000)) }, FileFetched, "", 1, strings.Repeat("x", 30_000)},
		{"too large by its header", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, strings.Repeat("x", 30_001)) }, FileTooLarge, "more bytes than the limit", 1, ""},
		{"too large without a length", func(w http.ResponseWriter, r *http.Request) {
			for range 100 {
				io.WriteString(w, text)
				w.(http.Flusher).Flush()
			}
		}, FileTooLarge, "more bytes than the limit", 1, ""},
		{"not there", status(404), FileMissing, "status 404", 1, ""},
		{"gone", status(410), FileMissing, "status 410", 1, ""},
		{"login", status(401), FileForbidden, "status 401", 1, ""},
		{"forbidden", status(403), FileForbidden, "status 403", 1, ""},
		{"nonsense", status(418), FileFailed, "status 418", 1, ""},
		{"nothing to send", status(204), FileFailed, "status 204", 1, ""},
		{"a part", status(206), FileFailed, "status 206", 1, ""},
		{"not modified", status(304), FileFailed, "status 304", 1, ""},
		{"redirect to nowhere", status(302), FileFailed, "status 302", 1, ""},
		{"server error", status(500), FileFailed, "status 500", 3, ""},
		{"too many", status(429), FileFailed, "status 429", 3, ""},
		{"too many for long", status(429, "Retry-After", "3600"), FileFailed, "status 429", 1, ""},
		{"broken off", broken(func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\nabc") }), FileFailed, "its bytes broke off", 3, ""},
		{"broken chunks", broken(func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
		}), FileFailed, "its bytes broke off", 3, ""},
		{"no answer", broken(func(net.Conn) {}), FileFailed, "no answer", 3, ""},
		{"no HTTP", broken(func(c net.Conn) { io.WriteString(c, "SSH-2.0-x\r\n\r\n") }), FileFailed, "no answer", 3, ""},
		{"redirects for ever", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }, FileFailed, "too many redirects", 4, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newElsewhere(t, tt.h, func(o *FetchOptions) { o.Most = 30_000 })
			e.Config.ErrorLog = nil
			got := e.fetch(t, e.URL+"/f")
			if got.status != tt.status || got.reason != tt.reason || len(e.seen) != tt.asked {
				t.Fatalf("%s, %q after %d requests", got.status, got.reason, len(e.seen))
			}
			content, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(got.record), beginRecord))
			if err != nil || string(content) != tt.content {
				t.Errorf("%d bytes: %v", len(content), err)
			}
			if tt.status == FileFetched && (got.size != int64(len(tt.content)) || got.sum != sha256.Sum256([]byte(tt.content))) {
				t.Errorf("size %d, sum %x", got.size, got.sum)
			}
		})
	}
}

// TestFetchTriesAgain: what fails twice and then comes is fetched, with none of what came before.
func TestFetchTriesAgain(t *testing.T) {
	var asked atomic.Int64
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half of it")
		case 2:
			w.WriteHeader(503)
		default:
			w.Header().Set("Content-Type", "image/png; é"+strings.Repeat("x", 300))
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "whole")
		}
	})
	got := e.fetch(t, e.URL)
	if got.status != FileFetched || string(got.record) != beginRecord+base64.StdEncoding.EncodeToString([]byte("whole")) || got.http != 200 {
		t.Fatalf("%s, %q", got.status, got.record)
	}
	if !strings.HasPrefix(got.kind, "image/png;") || len(got.kind) > 128 || got.encoding != "gzip" {
		t.Errorf("type %q, encoding %q", got.kind, got.encoding)
	}
}

// TestFetchSilence: a body that stops coming, or comes too slowly, is given up.
func TestFetchSilence(t *testing.T) {
	release := make(chan struct{})
	for _, tt := range []struct {
		name, reason   string
		silence, whole time.Duration
		drip           bool
	}{
		{"silent", errSilent.Error(), 20 * time.Millisecond, time.Hour, false},
		{"slow", errSlow.Error(), time.Hour, 50 * time.Millisecond, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "a")
				w.(http.Flusher).Flush()
				for {
					select {
					case <-release:
						return
					case <-r.Context().Done():
						return
					case <-time.After(time.Millisecond):
						if tt.drip {
							io.WriteString(w, "b")
							w.(http.Flusher).Flush()
						}
					}
				}
			})
			e.fetcher.silence, e.fetcher.whole = tt.silence, tt.whole
			if got := e.fetch(t, e.URL); got.status != FileFailed || got.reason != tt.reason {
				t.Errorf("%s, %s", got.status, got.reason)
			}
			if len(e.seen) != fileAttempts {
				t.Errorf("%d requests", len(e.seen))
			}
		})
	}
	close(release)
}

// TestFetchStops: the end of the run is no failure of the file.
func TestFetchStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	if got, err := e.fetcher.fetch(ctx, e.URL); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestFetchPaces: what is asked of the account waits for its limit, redirects included; the rest has a pace of its own.
func TestFetchPaces(t *testing.T) {
	var account atomic.Int64
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b", http.StatusFound)
		}
	})
	e.fetcher.account = func(context.Context) error { account.Add(1); return nil }
	e.fetch(t, e.URL+"/a")
	if account.Load() != 0 {
		t.Error("files elsewhere count as requests to the account")
	}
	e.fetcher.origin = "https://" + e.Listener.Addr().String()
	e.fetch(t, e.URL+"/a")
	if account.Load() != 2 {
		t.Errorf("%d of 2 requests to the account waited for its limit", account.Load())
	}
	f, err := NewFetcher(FetchOptions{Root: "https://acme.zendesk.com"})
	if err != nil {
		t.Fatal(err)
	}
	if f.others.Limit() != filePerSecond || f.others.Burst() != 1 || f.most != fileBytes {
		t.Errorf("%v a second, %d at once, %d bytes", f.others.Limit(), f.others.Burst(), f.most)
	}
}

// TestFetchFromHere: only where the API itself is on this machine are files fetched from it.
func TestFetchFromHere(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") }))
	defer s.Close()
	for root, want := range map[string]string{
		"http://127.0.0.1:9/api/v2": FileFetched, "http://localhost/api/v2": FileFetched, "http://[::1]": FileFetched, s.URL: FileFetched,
		"https://acme.zendesk.com/api/v2/chat": FileRefused, "https://localhost.example.com": FileRefused,
	} {
		f, err := NewFetcher(FetchOptions{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.fetch(t.Context(), s.URL+"/a")
		if err != nil || got.status != want {
			t.Errorf("root %s: %+v, %v", root, got, err)
		}
		got, err = f.fetch(t.Context(), "https://10.0.0.1/a")
		if err != nil || got.status != FileRefused {
			t.Errorf("root %s: %+v, %v", root, got, err)
		}
		f.Close()
	}
	for _, o := range []FetchOptions{{Root: "ftp://x"}, {}, {Root: "https://x", Most: -1}, {Root: "https://x", PerSecond: -1}} {
		if _, err := NewFetcher(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
