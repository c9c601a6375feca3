package faults

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chats of the accounts of these tests.
const chats = 140

// begin is after the end of the accounts.
var begin = time.Date(2022, 6, 1, 12, 0, 0, 0, time.UTC)

// rehearsed is an API with a Handler before it.
type rehearsed struct {
	t       *testing.T
	account *rehearsal.Account
	api     *chatapi.Server
	h       *Handler

	mu sync.Mutex
	at time.Time
}

func (s *rehearsed) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *rehearsed) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
}

func rehearse(t *testing.T, o Options, quirks chatapi.Quirks) *rehearsed {
	t.Helper()
	s := &rehearsed{t: t, at: begin, account: rehearsal.New(rehearsal.Options{Seed: 5, Chats: chats})}
	api, err := chatapi.New(s.account, chatapi.Options{Now: s.now, Quirks: quirks})
	if err != nil {
		t.Fatal(err)
	}
	s.api = api
	o.Touch = func(id string) bool {
		i, ok := s.account.ChatNumber(id)
		return ok && api.Touch(i)
	}
	if s.h, err = New(api, o); err != nil {
		t.Fatal(err)
	}
	return s
}

// pipes listens for connections that lead through memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }

func (p *pipes) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve serves h over memory and returns a client for it. stop ends both.
func serve(t *testing.T, h http.Handler) (c *http.Client, p *pipes, stop func()) {
	t.Helper()
	p = newPipes()
	server := &http.Server{Handler: h, ErrorLog: nil}
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := server.Serve(p); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	transport := &http.Transport{DialContext: p.DialContext, DisableKeepAlives: true}
	c = &http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, p, func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		wait.Wait()
	}
}

// reply is what came over a connection, until it ended.
type reply struct {
	raw    []byte
	status int
	header http.Header
	body   []byte // behind the header, as it came
	err    error  // with which the connection ended; nil: in order
}

// dial asks for a path over a connection of its own and takes down what comes.
func dial(t *testing.T, conn net.Conn, path string, header ...string) reply {
	t.Helper()
	defer conn.Close()
	request := "GET " + path + " HTTP/1.1\r\nHost: chat.test\r\nConnection: close\r\nAuthorization: Bearer rehearsal\r\n"
	for _, line := range header {
		request += line + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(conn)
	r := reply{raw: raw, err: err}
	if len(raw) == 0 {
		return r
	}
	head, rest, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("no end of the header in %q", raw)
	}
	answer, readErr := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), bytes.NewReader([]byte("\r\n\r\n")))), nil)
	if readErr != nil {
		t.Fatalf("%v in %q", readErr, head)
	}
	_ = answer.Body.Close()
	r.status, r.header, r.body = answer.StatusCode, answer.Header, rest
	return r
}
