package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatferry"
)

func TestRetryAfter(t *testing.T) {
	date := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, header string
		want         time.Duration
		ok           bool
	}{
		{"seconds", "30", 30 * time.Second, true},
		{"with white space", " 30 ", 30 * time.Second, true},
		{"part of a second", "0.5", 500 * time.Millisecond, true},
		{"a day", "86400", 24 * time.Hour, true},
		{"zero", "0", 0, false},
		{"negative", "-5", 0, false},
		{"absent", "", 0, false},
		{"words", "soon", 0, false},
		{"not a number", "NaN", 0, false},
		{"infinite", "Inf", 0, false},
		{"hexadecimal", "0x1p4", 0, false},
		{"more than time can hold", "99999999999999999999999", farthest, true},
		{"date", "Sun, 01 Mar 2026 12:00:45 GMT", 45 * time.Second, true},
		{"date of 1850 style", "Sunday, 01-Mar-26 12:00:45 GMT", 45 * time.Second, true},
		{"date past", "Sun, 01 Mar 2026 11:00:00 GMT", 0, false},
		{"date now", "Sun, 01 Mar 2026 12:00:00 GMT", 0, false},
		{"date in words", "Sun, 45 Mar 2026 12:00:45 GMT", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{}
			if c.header != "" {
				h.Set("Retry-After", c.header)
			}
			if got, ok := retryAfter(h, date); got != c.want || ok != c.ok {
				t.Errorf("got %s, %v; want %s, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	for n, most := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 3: 8 * time.Second, 6: time.Minute, 500: time.Minute} {
		var longest time.Duration
		for range 2000 {
			d := backoff(n)
			if d <= 0 || d > most {
				t.Fatalf("failure %d waits %s", n, d)
			}
			longest = max(longest, d)
		}
		if longest < most*9/10 {
			t.Errorf("failure %d: the longest of 2000 waits is %s, of up to %s", n, longest, most)
		}
	}
}

// hijack answers a request with raw bytes and ends the connection.
func hijack(w http.ResponseWriter, text string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

func zipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.Bytes()
}

// mishaps are answers after which the same request is to be sent again.
var mishaps = []struct {
	name   string
	answer func(w http.ResponseWriter, r *http.Request)
}{
	{"429 with seconds", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(429) }},
	{"429 with a date", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(7*time.Second).UTC().Format(http.TimeFormat))
		w.WriteHeader(429)
	}},
	{"429 alone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }},
	{"429 negative", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "-7"); w.WriteHeader(429) }},
	{"429 cut, with seconds", func(w http.ResponseWriter, _ *http.Request) {
		hijack(w, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 50\r\n\r\nx")
	}},
	{"408", status(408)},
	{"409", status(409)},
	{"425", status(425)},
	{"500", status(500)},
	{"502 web page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(502)
		_, _ = w.Write([]byte("<html><h1>Bad gateway</h1></html>"))
	}},
	{"503", status(503)},
	{"504", status(504)},
	{"520", status(520)},
	{"204", status(204)},
	{"202", status(202)},
	{"503 with seconds", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(503) }},
	{"reset before headers", func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") }},
	{"reset inside headers", func(w http.ResponseWriter, _ *http.Request) { hijack(w, "HTTP/1.1 200 OK\r\nContent-Le") }},
	{"reset inside the body", func(w http.ResponseWriter, _ *http.Request) {
		hijack(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"cha\r\n")
	}},
	{"length too long", func(w http.ResponseWriter, _ *http.Request) {
		hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"chats\":[]}")
	}},
	{"length too short", func(w http.ResponseWriter, _ *http.Request) {
		hijack(w, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n{\"chats\":[]}")
	}},
	{"HTTP/1.0 cut", func(w http.ResponseWriter, _ *http.Request) {
		hijack(w, "HTTP/1.0 200 OK\r\n\r\n{\"chats\":[{\"id\":\"1\"}")
	}},
	{"no HTTP", func(w http.ResponseWriter, _ *http.Request) { hijack(w, "jane@example.com says "+testToken+"\r\n\r\n") }},
	{"cut JSON", body(`{"chats":[{"id":"1`)},
	{"JSON, then garbage", body(`{"chats":[]}{"x":1}`)},
	{"web page", body(`<!DOCTYPE html><form action="/login">`)},
	{"text", body(`OK`)},
	{"nothing", body(``)},
	{"null", body(`null`)},
	{"crossed brackets", body(`{"chats":[}]`)},
	{"gzip cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		b := zipped(`{"chats":[{"id":"1"},{"id":"2"}]}`)
		_, _ = w.Write(b[:len(b)-9])
	}},
	{"gzip with a wrong checksum", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		b := zipped(`{"chats":[{"id":"1"},{"id":"2"}]}`)
		b[len(b)-6] ^= 1
		_, _ = w.Write(b)
	}},
	{"no headers for ever", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	{"a byte a second", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Second)
		}
	}},
	{"silence inside the body", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte(" "), 100<<10))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}},
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func body(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func TestMishapsAreTriedAgain(t *testing.T) {
	for _, m := range mishaps {
		bubble(t, m.name, func(t *testing.T) {
			var n atomic.Int64
			var log arrivals
			c, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
				log.add(time.Now())
				if n.Add(1) <= 2 {
					m.answer(w, r)
					return
				}
				_, _ = w.Write([]byte(`{"chats":[]}`))
			})
			begun := time.Now()
			a, err := c.Get(t.Context(), "incremental/chats", nil, nil)
			if err != nil || string(a.Body) != `{"chats":[]}` || a.Requests != 3 {
				t.Fatalf("%+v, %v", a, err)
			}
			d := time.Since(begun)
			if strings.HasSuffix(m.name, "seconds") && (d < 14*time.Second || d > 16*time.Second) {
				t.Errorf("took %s, was asked to wait twice 7 s", d)
			}
			if d < 300*time.Millisecond || d > 5*time.Minute {
				t.Errorf("took %s", d)
			}
			// Also what net/http sends again by itself keeps its distance.
			if log.most(); log.count() != 3 || log.times[1].Sub(log.times[0]) < 300*time.Millisecond || log.times[2].Sub(log.times[1]) < 300*time.Millisecond {
				t.Errorf("the requests came at %v", log.times)
			}
		})
	}
}

// No answer, however often it comes, makes the client ask without end, or quickly, or tell what it must not.
func TestMishapsEnd(t *testing.T) {
	for _, m := range mishaps {
		bubble(t, m.name, func(t *testing.T) {
			var told bytes.Buffer
			var n arrivals
			c, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
				n.add(time.Now())
				m.answer(w, r)
			}, func(o *Options) {
				o.Log = slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
				o.State = func(s string) { fmt.Fprintln(&told, s) }
			})
			begun := time.Now()
			_, err := c.Get(t.Context(), "incremental/chats", map[string][]string{"q": {"visitor_email:jane@example.com"}}, nil)
			kind := chatferry.KindOf(err)
			if kind != chatferry.KindTemporary && !(kind == chatferry.KindEnvironment && m.name == "web page") {
				t.Errorf("got %v of kind %d", err, kind)
			}
			if d := time.Since(begun); d > 13*time.Minute {
				t.Errorf("took %s, patience is 10 min", d)
			}
			if n.count() > 200 {
				t.Errorf("%d requests", n.count())
			}
			fmt.Fprintln(&told, err, chatferry.HintOf(err))
			for _, s := range []string{testToken, "jane", "Bearer"} {
				if strings.Contains(told.String(), s) {
					t.Errorf("%q was told:\n%s", s, told.String())
				}
			}
			if !strings.Contains(err.Error(), "incremental/chats") {
				t.Errorf("the error does not name the endpoint: %v", err)
			}
		})
	}
}
