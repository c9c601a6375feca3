package faults

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"time"
)

// farewell is how long a client may take to read what comes before a connection breaks.
const farewell = 10 * time.Second

// breakOff sends an answer over the bare connection and closes it: head is the status line with what the answer's own
// header lacks. Where the connection is not to be had, as with HTTP/2 and in recorders, otherwise takes its place.
func (t *turn) breakOff(proto, head string, body []byte, reset bool, otherwise func(http.ResponseWriter)) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			otherwise(w)
			return
		}
		defer closeConn(conn, reset)
		if head == "" {
			return
		}
		if t.answer.header.Get("Date") == "" {
			t.answer.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s %d %s\r\n", proto, t.answer.status, http.StatusText(t.answer.status))
		// Writing to memory does not fail; and a client that does not listen any more is the worse off anyway.
		_ = t.answer.header.Write(&b)
		b.WriteString(head + "\r\n")
		b.Write(body)
		_ = conn.SetDeadline(time.Now().Add(farewell))
		_, _ = conn.Write(b.Bytes())
	}
}

// closeConn closes a connection, with a reset where it can.
func closeConn(conn net.Conn, reset bool) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// abort is how the server of net/http is told to break a connection off.
func abort() { panic(http.ErrAbortHandler) }

// cutAt draws how much of a body comes.
func (t *turn) cutAt(body []byte) int {
	return t.rng.IntN(max(1, len(bytes.TrimRight(body, " \t\r\n"))))
}

func contentLength(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }

func resetHeaders(t *turn) bool {
	t.send = t.breakOff("", "", nil, true, func(http.ResponseWriter) { abort() })
	return true
}

func resetBody(t *turn) bool {
	body := t.answer.pack(t.r)
	if len(body) == 0 {
		return false
	}
	cut := t.cutAt(body)
	t.send = t.breakOff("HTTP/1.1", contentLength(len(body)), body[:cut], true, t.promise(len(body), body[:cut]))
	return true
}

func lengthLong(t *turn) bool {
	body := t.answer.pack(t.r)
	n := len(body) + 1 + t.rng.IntN(4096)
	t.send = t.breakOff("HTTP/1.1", contentLength(n), body, false, t.promise(n, body))
	return true
}

// promise sends less than the length says.
func (t *turn) promise(length int, body []byte) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		t.answer.start(w, length)
		_, _ = w.Write(body)
		_ = http.NewResponseController(w).Flush()
		abort()
	}
}

func lengthShort(t *turn) bool {
	body := t.answer.pack(t.r)
	if len(body) == 0 {
		return false
	}
	n := t.cutAt(body)
	t.send = t.breakOff("HTTP/1.1", contentLength(n), body, false, func(w http.ResponseWriter) { t.answer.sendBytes(w, body[:n]) })
	return true
}

// http10Cut ends the body by closing the connection, too early: nothing but the JSON tells. It is not compressed, or the
// checksum would tell.
func http10Cut(t *turn) bool {
	if len(t.answer.body) == 0 {
		return false
	}
	body := t.answer.body[:t.cutAt(t.answer.body)]
	t.send = t.breakOff("HTTP/1.0", "Connection: close\r\n", body, false, func(w http.ResponseWriter) { t.answer.sendBytes(w, body) })
	return true
}

// gzipCut cuts a compressed body, sometimes by its checksum alone. The length is that of what comes.
func gzipCut(t *turn) bool {
	body := t.answer.pack(t.r)
	if t.answer.header.Get("Content-Encoding") != "gzip" || len(body) < 20 {
		return false
	}
	cut := len(body) - 8
	if t.rng.IntN(2) == 0 {
		cut = 1 + t.rng.IntN(len(body)-1)
	}
	t.send = func(w http.ResponseWriter) { t.answer.sendBytes(w, body[:cut]) }
	return true
}

func jsonCut(t *turn) bool {
	t.settle()
	if !t.answer.json() || len(t.answer.body) == 0 {
		return false
	}
	t.answer.body = t.answer.body[:t.cutAt(t.answer.body)]
	return true
}

func jsonGarbage(t *turn) bool {
	t.settle()
	if !t.answer.json() {
		return false
	}
	t.answer.body = append(t.answer.body[:len(t.answer.body):len(t.answer.body)],
		oneOf(t.rng, "\n<!-- served in 0.031 s -->\n", "}", ",", `{"error":"internal_error"}`, "\x00\x00\x00\x00")...)
	return true
}

// slow sends one byte a second for a while and then the rest.
func slow(t *turn) bool {
	body := t.answer.pack(t.r)
	drops := min(len(body), int(t.h.o.Slow/time.Second))
	t.send = func(w http.ResponseWriter) {
		t.answer.start(w, len(body))
		for k := range drops {
			if _, err := w.Write(body[k : k+1]); err != nil {
				return
			}
			// The next write tells what became of the connection.
			_ = http.NewResponseController(w).Flush()
			if !t.wait(time.Second) {
				abort()
			}
		}
		_, _ = w.Write(body[drops:])
	}
	return true
}

// wait waits, and reports false if the client went away first.
func (t *turn) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.r.Context().Done():
		return false
	case <-timer.C:
		return true
	}
}

func stallHeaders(t *turn) bool {
	t.send = func(http.ResponseWriter) {
		t.wait(t.h.o.Stall)
		abort()
	}
	return true
}

func stallBody(t *turn) bool {
	body := t.answer.pack(t.r)
	if len(body) == 0 {
		return false
	}
	cut := t.cutAt(body)
	t.send = func(w http.ResponseWriter) {
		t.answer.start(w, len(body))
		_, _ = w.Write(body[:cut])
		_ = http.NewResponseController(w).Flush()
		t.wait(t.h.o.Stall)
		abort()
	}
	return true
}
