package api

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatferry"
)

// network is a server behind connections in memory, so that all time is that of a synctest bubble.
type network struct {
	conns  chan net.Conn
	closed chan struct{}
	server *http.Server
	dialer *http.Transport

	mu     sync.Mutex
	dialed []string
	down   error // what dialling answers instead
}

// serve starts a server for the addresses that are dialled, whatever they are.
func serve(t *testing.T, h http.HandlerFunc) *network {
	t.Helper()
	n := &network{conns: make(chan net.Conn), closed: make(chan struct{})}
	// Close does not wait for handlers, and one may begin while it runs.
	var handling sync.WaitGroup
	closed := false // under n.mu
	begin := func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		if !closed {
			handling.Add(1)
		}
		return !closed
	}
	n.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if begin() {
			defer handling.Done()
			h(w, r)
		}
	})}
	n.dialer = newTransport()
	n.dialer.Proxy = nil
	n.dialer.DialContext = n.dial
	n.dialer.DialTLSContext = n.dial
	var done sync.WaitGroup
	done.Go(func() { _ = n.server.Serve(n) })
	t.Cleanup(func() {
		n.dialer.CloseIdleConnections()
		_ = n.server.Close()
		done.Wait()
		n.mu.Lock()
		closed = true
		n.mu.Unlock()
		handling.Wait()
	})
	return n
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, address)
	down := n.down
	n.mu.Unlock()
	if down != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: down}
	}
	client, server := net.Pipe()
	select {
	case n.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = err
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error   { close(n.closed); return nil }
func (n *network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

const (
	testRoot  = "http://127.0.0.1/api/v2/chat"
	testToken = "canary-9f3a1c77"
)

// dialed is a Client of a server that answers "[]" to the request that finds the root, and to all others what h does.
func dialed(t *testing.T, h http.HandlerFunc, change ...func(*Options)) (*Client, *network) {
	t.Helper()
	probed := false
	n := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !probed {
			probed = true
			_, _ = w.Write([]byte("[]"))
			return
		}
		h(w, r)
	})
	o := options(n)
	for _, f := range change {
		f(&o)
	}
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return c, n
}

func options(n *network) Options {
	return Options{
		Roots: []string{testRoot}, Token: static(testToken), PerMinute: 200, Share: 1, Patience: 10 * time.Minute,
		Transport: n.dialer,
	}
}

func static(token string) TokenSource {
	s, err := StaticToken(NewSecret(token))
	if err != nil {
		panic(err)
	}
	return s
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func wantKind(t *testing.T, err error, kind chatferry.Kind) {
	t.Helper()
	if err == nil || chatferry.KindOf(err) != kind {
		t.Errorf("got error %v of kind %d, want kind %d", err, chatferry.KindOf(err), kind)
	}
}

func wantStatus(t *testing.T, err error, status int) {
	t.Helper()
	var s *StatusError
	if !errors.As(err, &s) || s.Status != status {
		t.Errorf("got %v, want status %d", err, status)
	}
}

// steady answers with a megabyte or so within ten minutes, 1 KiB every half a second.
func steady(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("["))
	for range 1200 {
		_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<10))
		_ = http.NewResponseController(w).Flush()
		time.Sleep(500 * time.Millisecond)
	}
	_, _ = w.Write([]byte("]"))
}

var errStop = errors.New("stopped")

// contextUntil ends with errStop after a while.
func contextUntil(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	timer := time.AfterFunc(d, func() { cancel(errStop) })
	return ctx, func() { timer.Stop(); cancel(nil) }
}
