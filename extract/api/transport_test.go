package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chatferry"
)

// secure is a server with TLS on this machine, and a Client that trusts it.
func secure(t *testing.T, h http.HandlerFunc, change func(*httptest.Server)) (*httptest.Server, Options) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshakes that are meant to fail
	change(server)
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := newTransport()
	transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	t.Cleanup(transport.CloseIdleConnections)
	return server, Options{
		Roots: []string{server.URL + "/api/v2"}, Token: static(testToken), PerMinute: 60000, Share: 1, Patience: 2 * time.Second, Transport: transport,
	}
}

func TestTLS(t *testing.T) {
	t.Run("HTTP/2, many side by side", func(t *testing.T) {
		var mu sync.Mutex
		protocols := map[string]int{}
		_, o := secure(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			protocols[r.Proto]++
			mu.Unlock()
			_, _ = w.Write([]byte("{}"))
		}, func(s *httptest.Server) { s.EnableHTTP2 = true })
		c, err := Dial(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for range 10 {
					if _, err := c.Get(t.Context(), "chats", nil, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if protocols["HTTP/2.0"] != 161 || len(protocols) != 1 || c.Stats().Requests != 161 {
			t.Errorf("%v, %+v", protocols, c.Stats())
		}
		if p := c.wire.pacer; p.pending != 0 || len(p.sent) != 161 {
			t.Errorf("%d slots are open, %d used", p.pending, len(p.sent))
		}
	})
	t.Run("below 1.2", func(t *testing.T) {
		_, o := secure(t, func(http.ResponseWriter, *http.Request) { t.Error("a request") }, func(s *httptest.Server) {
			s.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
		})
		if _, err := Dial(t.Context(), o); err == nil {
			t.Error("an answer")
		}
	})
	t.Run("a certificate of nobody", func(t *testing.T) {
		_, o := secure(t, func(http.ResponseWriter, *http.Request) { t.Error("a request") }, func(*httptest.Server) {})
		o.Transport = nil
		begun := time.Now()
		_, err := Dial(t.Context(), o)
		wantKind(t, err, chatferry.KindEnvironment)
		if !strings.Contains(err.Error(), "certificate") || time.Since(begun) > time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
	t.Run("the certificate of another host", func(t *testing.T) {
		server, o := secure(t, func(http.ResponseWriter, *http.Request) { t.Error("a request") }, func(*httptest.Server) {})
		o.Roots = []string{"https://acme.zendesk.com/api/v2"}
		o.Transport.(*http.Transport).Proxy = nil
		o.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		}
		_, err := Dial(t.Context(), o)
		wantKind(t, err, chatferry.KindEnvironment)
	})
}

// A transport without deadlines of its own does not make a request wait for ever.
func TestTransportWithoutDeadlines(t *testing.T) {
	bubble(t, "no headers", func(t *testing.T) {
		n := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		n.dialer.ResponseHeaderTimeout = 0
		o := options(n)
		o.Patience = time.Minute
		begun := time.Now()
		_, err := Dial(t.Context(), o)
		wantKind(t, err, chatferry.KindTemporary)
		if !errors.Is(err, errNoAnswer) || time.Since(begun) > 3*answerLimit {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
	bubble(t, "no connection", func(t *testing.T) {
		n := serve(t, func(http.ResponseWriter, *http.Request) {})
		n.dialer.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		o := options(n)
		o.Patience = time.Minute
		_, err := Dial(t.Context(), o)
		wantKind(t, err, chatferry.KindTemporary)
	})
}

// recorder sees every request that leaves, and answers none.
type recorder struct {
	mu   sync.Mutex
	seen []*http.Request
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, req)
	_ = req.ParseForm()
	return nil, fmt.Errorf("Get %q with %v, %v: no such luck for jane@example.com", req.URL, req.Header, req.Form)
}

// An error of the transport may quote all that it was given.
func TestTransportThatQuotes(t *testing.T) {
	bubble(t, "the request", func(t *testing.T) {
		var told bytes.Buffer
		r := &recorder{}
		_, err := Dial(t.Context(), Options{
			Roots: []string{testRoot}, Token: static(testToken), Transport: r, Patience: 30 * time.Second,
			Log:   slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug})),
			State: func(s string) { fmt.Fprintln(&told, s) },
		})
		wantKind(t, err, chatferry.KindTemporary)
		fmt.Fprint(&told, err)
		if strings.Contains(told.String(), testToken) || strings.Contains(told.String(), "jane") {
			t.Errorf("it was told:\n%s", told.String())
		}
		if len(r.seen) < 3 || len(r.seen) > 40 {
			t.Errorf("%d requests", len(r.seen))
		}
	})
	bubble(t, "the form", func(t *testing.T) {
		var told bytes.Buffer
		path := tokenFile(t, `{"refresh_token":"canary-refresh","client_id":"17","client_secret":"canary-secret"}`)
		_, err := Dial(t.Context(), Options{
			Roots: []string{testRoot}, Token: FileToken(path), Transport: &recorder{}, Patience: 30 * time.Second,
			Log:   slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug})),
			State: func(s string) { fmt.Fprintln(&told, s) },
		})
		wantKind(t, err, chatferry.KindEnvironment)
		if fmt.Fprint(&told, err); strings.Contains(told.String(), "canary") {
			t.Errorf("it was told:\n%s", told.String())
		}
	})
}
