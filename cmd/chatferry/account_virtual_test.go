package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chatferry/checkpoint/atomicfile"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// serverBegin is the time by the server's clock when a test begins; this machine's clock shows another one.
var serverBegin = time.Date(2022, 3, 2, 9, 0, 0, 0, time.UTC)

const virtualToken = "virtual-4f7d0b21"

// virtual is an account behind connections in memory, and a dataset that the whole program makes of it.
type virtual struct {
	t      *testing.T
	server *chatapi.Server
	begun  time.Time
	root   string
	env    map[string]string
	disk   func(atomicfile.FS) (atomicfile.FS, error) // of the next calls
	now    func() time.Time                           // of this machine; nil is time.Now
	listen func(ctx context.Context, address string) (net.Listener, error)
	*memoryNet
}

// newVirtual serves an account. around may be nil; it sees every request before the account does.
func newVirtual(t *testing.T, account rehearsal.Options, o chatapi.Options, around func(http.Handler) http.Handler) *virtual {
	t.Helper()
	if o.Token == "" {
		o.Token = virtualToken
	}
	if o.Now == nil {
		o.Now = chatapi.Clock(1, serverBegin)
	}
	server, err := chatapi.New(rehearsal.New(account), o)
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler = server
	if around != nil {
		handler = around(handler)
	}
	v := &virtual{t: t, server: server, begun: time.Now(), root: filepath.Join(t.TempDir(), "dataset"), memoryNet: listenInMemory(handler)}
	t.Cleanup(v.shut)
	v.env = map[string]string{"CHATFERRY_TOKEN": o.Token, "CHATFERRY_MIN_FREE": "0", "CHATFERRY_PROGRESS": "none"}
	return v
}

// mostSaid is how much is kept of what a call says.
const mostSaid = 64 << 10

// ended is how a call of the program ended.
type ended struct {
	code           int
	stdout, stderr string
}

// result is the object of --json.
func (e ended) result(t *testing.T) result {
	t.Helper()
	var r result
	if err := json.Unmarshal([]byte(e.stdout), &r); err != nil {
		t.Fatalf("the result is not JSON: %v\n%s\n%s", err, e.stdout, e.stderr)
	}
	return r
}

// program runs the whole program with these arguments.
func (v *virtual) program(ctx context.Context, args ...string) ended {
	v.t.Helper()
	var stdout, stderr safeBuffer
	now := v.now
	if now == nil {
		now = time.Now
	}
	code := run(ctx, &environment{
		program: "chatferry", args: args, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
		getenv: func(name string) string { return v.env[name] },
		environ: func() []string {
			var list []string
			for name, value := range v.env {
				list = append(list, name+"="+value)
			}
			return list
		},
		isTerminal: func(any) bool { return false },
		size:       func() (int, int) { return 80, 24 },
		now:        now,
		transport:  &v.transport,
		disk:       v.disk,
		listen:     v.listen,
		die:        func(sig os.Signal) { v.t.Errorf("died by %v", sig) },
	})
	said := stderr.String()
	if len(said) > mostSaid {
		said = "…" + said[len(said)-mostSaid:]
	}
	return ended{code, stdout.String(), said}
}

// carry carries the account into the dataset, or goes on with it.
func (v *virtual) carry(ctx context.Context, args ...string) ended {
	v.t.Helper()
	return v.program(ctx, append([]string{"run", "--from", "http://127.0.0.1:9", "--to", v.root, "--json"}, args...)...)
}

// mustCarry is carry to the end.
func (v *virtual) mustCarry(args ...string) result {
	v.t.Helper()
	e := v.carry(v.t.Context(), args...)
	if e.code != exitDone {
		v.t.Fatalf("exit code %d: %s", e.code, e.stderr)
	}
	return e.result(v.t)
}

// ask asks the server itself, while no run works, and returns a member of its answer.
func (v *virtual) ask(path, member string) []byte {
	v.t.Helper()
	const token = "of the test"
	v.server.SetToken(token)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9/api/v2/"+path, http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	v.server.ServeHTTP(w, r)
	v.server.SetToken(v.env["CHATFERRY_TOKEN"])
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		v.t.Fatalf("%s: %v", path, err)
	}
	return answer[member]
}

// memoryNet is a server and the connections to it, all in memory.
type memoryNet struct {
	transport http.Transport
	listener  http.Server
	conns     chan net.Conn
	closed    chan struct{}
	close     sync.Once
	serving   sync.WaitGroup

	mu    sync.Mutex
	down  error // what dialling answers instead
	tries int   // that were answered so
}

func listenInMemory(handler http.Handler) *memoryNet {
	n := &memoryNet{conns: make(chan net.Conn), closed: make(chan struct{})}
	n.listener.Handler = handler
	n.transport.DialContext = n.dial
	n.transport.MaxIdleConnsPerHost = 64
	n.serving.Go(func() { _ = n.listener.Serve(n) })
	return n
}

// shut ends the server. All clients have gone.
func (n *memoryNet) shut() {
	n.transport.CloseIdleConnections()
	_ = n.listener.Shutdown(context.Background())
	n.serving.Wait()
}

func (n *memoryNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	down := n.down
	if down != nil {
		n.tries++
	}
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

// fail makes all further connections fail; nil ends that.
func (n *memoryNet) fail(err error) {
	n.mu.Lock()
	n.down = err
	n.mu.Unlock()
	n.transport.CloseIdleConnections()
}

// refused is how many connections failed.
func (n *memoryNet) refused() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tries
}

func (n *memoryNet) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *memoryNet) Close() error {
	n.close.Do(func() { close(n.closed) })
	return nil
}

func (n *memoryNet) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9} }
