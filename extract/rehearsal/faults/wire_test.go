package faults

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatferry/extract/rehearsal/chatapi"
)

// exportPath is a page that is neither the first nor the last, in so far as a raw client can ask for one.
const (
	exportPath = "/api/v2/incremental/chats?start_time=1500000000&limit=50&fields=chats(*)"
	listPath   = "/api/v2/chat/chats"
	searchPath = "/api/v2/chats/search?q=type:chat"
)

// seenOnWire is what tells a Kind on the wire: given the answer without the fault, and that with it.
type seenOnWire struct {
	path   string
	header []string
	check  func(t *testing.T, good, bad reply)
}

func is(status int, header, value, body string) func(*testing.T, reply, reply) {
	return func(t *testing.T, _, bad reply) {
		if bad.status != status || !strings.Contains(string(bad.body), body) || bad.err != nil {
			t.Errorf("status %d, %v, body %.200q", bad.status, bad.err, bad.body)
		}
		if got := bad.header.Get(header); got != value {
			t.Errorf("%s is %q, want %q", header, got, value)
		}
		if bad.header.Get("Date") != begin.Format(http.TimeFormat) {
			t.Errorf("Date is %q, which is not the server's clock", bad.header.Get("Date"))
		}
	}
}

// length is what Content-Length says; -1: nothing.
func (r *reply) length() int {
	n, err := strconv.Atoi(r.header.Get("Content-Length"))
	if err != nil {
		return -1
	}
	return n
}

// envelope is any page.
type envelope struct {
	Chats, Results []json.RawMessage
	Docs           map[string]json.RawMessage
	Count          *int
	EndTime        *int64  `json:"end_time"`
	EndID          *string `json:"end_id"`
	NextPage       *string `json:"next_page"`
	NextURL        *string `json:"next_url"`
	all            map[string]json.RawMessage
}

func (e *envelope) ids() []string {
	var ids []string
	for _, raw := range append(slices.Clone(e.Chats), e.Results...) {
		var x struct{ ID string }
		if err := json.Unmarshal(raw, &x); err != nil {
			panic(err)
		}
		ids = append(ids, x.ID)
	}
	return ids
}

// envelopes decodes the bodies of two whole answers.
func envelopes(f func(t *testing.T, good, bad envelope)) func(*testing.T, reply, reply) {
	return func(t *testing.T, good, bad reply) {
		var e [2]envelope
		for k, r := range []reply{good, bad} {
			if r.status != 200 || r.err != nil || r.length() != len(r.body) {
				t.Fatalf("status %d, %v, length %d of %d", r.status, r.err, r.length(), len(r.body))
			}
			if err := json.Unmarshal(r.body, &e[k]); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(r.body, &e[k].all); err != nil {
				t.Fatal(err)
			}
		}
		f(t, e[0], e[1])
	}
}

func cutBody(proto string, reset bool) func(*testing.T, reply, reply) {
	return func(t *testing.T, good, bad reply) {
		if !bytes.HasPrefix(bad.raw, []byte(proto+" 200 ")) || !bytes.HasPrefix(good.body, bad.body) || len(bad.body) >= len(good.body) {
			t.Errorf("%d of %d bytes, %.40q", len(bad.body), len(good.body), bad.raw)
		}
		if (bad.err != nil) != reset {
			t.Errorf("the connection ended with %v", bad.err)
		}
	}
}

func link(status string, spoiled func(e *envelope) bool) func(*testing.T, reply, reply) {
	return envelopes(func(t *testing.T, good, bad envelope) {
		if good.NextPage == nil || !spoiled(&bad) {
			t.Errorf("the link is %s", bad.all["next_page"])
		}
		if !slices.Equal(good.ids(), bad.ids()) || *good.EndID != *bad.EndID || *good.EndTime != *bad.EndTime || *good.Count != *bad.Count {
			t.Errorf("%s changed more than the link", status)
		}
	})
}

// changed checks that one record is another, which f looks at, and the others keep their bytes.
func changed(f func(t *testing.T, good, bad map[string]json.RawMessage)) func(*testing.T, reply, reply) {
	return envelopes(func(t *testing.T, good, bad envelope) {
		n := 0
		for k := range good.Chats {
			if bytes.Equal(good.Chats[k], bad.Chats[k]) {
				continue
			}
			n++
			var x [2]map[string]json.RawMessage
			for i, raw := range [][]byte{good.Chats[k], bad.Chats[k]} {
				if err := json.Unmarshal(raw, &x[i]); err != nil {
					t.Fatal(err)
				}
			}
			f(t, x[0], x[1])
		}
		if n != 1 || len(good.Chats) != len(bad.Chats) {
			t.Errorf("%d records of %d are others", n, len(good.Chats))
		}
	})
}

func dated(off time.Duration) func(*testing.T, reply, reply) {
	return func(t *testing.T, good, bad reply) {
		if want := begin.Add(off).Format(http.TimeFormat); bad.header.Get("Date") != want {
			t.Errorf("Date is %s, want %s", bad.header.Get("Date"), want)
		}
		if !bytes.Equal(good.body, bad.body) {
			t.Error("the body is another")
		}
	}
}

// onWire says what each Kind looks like to somebody who reads the bytes.
var onWire = map[Kind]seenOnWire{
	Status429Seconds:  {check: is(429, "Retry-After", "5", "too_many_requests")},
	Status429Date:     {check: is(429, "Retry-After", begin.Add(5*time.Second).Format(http.TimeFormat), "too_many_requests")},
	Status429Bare:     {check: is(429, "Retry-After", "", "too_many_requests")},
	Status429Day:      {check: is(429, "Retry-After", "86400", "too_many_requests")},
	Status429Negative: {check: is(429, "Retry-After", "-30", "too_many_requests")},
	Status429Garbage: {check: func(t *testing.T, _, bad reply) {
		after := bad.header.Get("Retry-After")
		_, numberErr := strconv.Atoi(after)
		_, dateErr := http.ParseTime(after)
		if bad.status != 429 || after == "" || numberErr == nil || dateErr == nil {
			t.Errorf("status %d, Retry-After %q", bad.status, after)
		}
	}},
	Status500:     {check: is(500, "Content-Type", "text/plain", "")},
	Status502:     {check: is(502, "Content-Type", "text/html", "<html>")},
	Status503:     {check: is(503, "Content-Type", "application/json", "service_unavailable")},
	Status504:     {check: is(504, "Content-Type", "text/html", "<html>")},
	Status401:     {check: is(401, "Content-Type", "application/json", "invalid_token")},
	Status401Once: {check: is(401, "Content-Type", "application/json", "invalid_token")},
	Status403:     {check: is(403, "Content-Type", "application/json", "forbidden")},
	Status404:     {check: is(404, "Content-Type", "application/json", "not_found")},
	LoginPage:     {check: is(200, "Content-Type", "text/html; charset=utf-8", `type="password"`)},
	Redirect:      {check: is(302, "Location", "https://login.example.com/sign-in", "")},

	ResetHeaders: {check: func(t *testing.T, _, bad reply) {
		if len(bad.raw) > 0 || bad.err == nil {
			t.Errorf("%d bytes, then %v", len(bad.raw), bad.err)
		}
	}},
	ResetBody: {check: func(t *testing.T, good, bad reply) {
		cutBody("HTTP/1.1", true)(t, good, bad)
		if bad.length() != len(good.body) {
			t.Errorf("Content-Length is %d", bad.length())
		}
	}},
	LengthLong: {check: func(t *testing.T, good, bad reply) {
		if !bytes.Equal(good.body, bad.body) || bad.length() <= len(bad.body) || bad.err != nil {
			t.Errorf("%d bytes of %d, %v", len(bad.body), bad.length(), bad.err)
		}
	}},
	LengthShort: {check: func(t *testing.T, good, bad reply) {
		if !bytes.Equal(good.body, bad.body) || bad.length() >= len(bad.body) || bad.length() < 0 || bad.err != nil {
			t.Errorf("%d bytes of %d, %v", len(bad.body), bad.length(), bad.err)
		}
	}},
	HTTP10Cut: {header: []string{"Accept-Encoding: gzip"}, check: func(t *testing.T, good, bad reply) {
		good.body = gunzip(t, good.body)
		cutBody("HTTP/1.0", false)(t, good, bad)
		if bad.length() != -1 || bad.header.Get("Content-Encoding") != "" {
			t.Errorf("the header is %v", bad.header)
		}
	}},
	GzipCut: {header: []string{"Accept-Encoding: gzip"}, check: func(t *testing.T, good, bad reply) {
		if bad.length() != len(bad.body) || bad.header.Get("Content-Encoding") != "gzip" || bad.err != nil {
			t.Errorf("%d bytes of %d, %v", len(bad.body), bad.length(), bad.err)
		}
		z, err := gzip.NewReader(bytes.NewReader(bad.body))
		if err == nil {
			_, err = io.ReadAll(z)
		}
		if err == nil {
			t.Error("it is whole")
		}
	}},
	Slow: {check: func(t *testing.T, good, bad reply) {
		if !bytes.Equal(good.body, bad.body) {
			t.Error("the body is another")
		}
	}},
	StallHeaders: {check: func(t *testing.T, _, bad reply) {
		if len(bad.raw) > 0 {
			t.Errorf("got %.100q", bad.raw)
		}
	}},
	StallBody: {check: func(t *testing.T, good, bad reply) {
		if !bytes.HasPrefix(good.body, bad.body) || bad.length() != len(good.body) || len(bad.body) >= len(good.body) {
			t.Errorf("%d bytes of %d", len(bad.body), bad.length())
		}
	}},
	JSONCut: {check: func(t *testing.T, good, bad reply) {
		cutBody("HTTP/1.1", false)(t, good, bad)
		if bad.length() != len(bad.body) || json.Valid(bad.body) {
			t.Errorf("%d bytes of %d", len(bad.body), bad.length())
		}
	}},
	JSONGarbage: {check: func(t *testing.T, good, bad reply) {
		if !bytes.HasPrefix(bad.body, good.body) || json.Valid(bad.body) || bad.length() != len(bad.body) || bad.err != nil {
			t.Errorf("behind the JSON comes %q", bytes.TrimPrefix(bad.body, good.body))
		}
	}},

	PageEmpty: {check: envelopes(func(t *testing.T, good, bad envelope) {
		var first struct {
			At time.Time `json:"update_timestamp"`
		}
		if err := json.Unmarshal(good.Chats[0], &first); err != nil {
			t.Fatal(err)
		}
		if len(bad.Chats) != 0 || *bad.Count != 0 || *bad.EndTime != first.At.Unix() || bad.EndID != nil ||
			!strings.Contains(*bad.NextPage, "start_time="+strconv.FormatInt(first.At.Unix(), 10)) || strings.Contains(*bad.NextPage, "start_id") {
			t.Errorf("%d records, count %d, end %d %v, next %s", len(bad.Chats), *bad.Count, *bad.EndTime, bad.EndID, *bad.NextPage)
		}
	})},
	PageLarger: {check: envelopes(func(t *testing.T, good, bad envelope) {
		if len(good.Chats) != 50 || len(bad.Chats) != 100 || *bad.Count != 100 || *bad.EndID != bad.ids()[99] ||
			!slices.Equal(good.ids(), bad.ids()[:50]) {
			t.Errorf("%d records, count %d, end %s", len(bad.Chats), *bad.Count, *bad.EndID)
		}
	})},
	PageSmaller: {check: envelopes(func(t *testing.T, good, bad envelope) {
		n := len(bad.Chats)
		if n == 0 || n >= 50 || *bad.Count != n || *bad.EndID != bad.ids()[n-1] || !slices.Equal(good.ids()[:n], bad.ids()) ||
			!strings.Contains(*bad.NextPage, "limit=50") {
			t.Errorf("%d records, count %d, end %s, next %s", n, *bad.Count, *bad.EndID, *bad.NextPage)
		}
	})},
	RecordMoved: {check: envelopes(func(t *testing.T, good, bad envelope) {
		missing := slices.DeleteFunc(good.ids(), func(id string) bool { return slices.Contains(bad.ids(), id) })
		if len(missing) != 1 || missing[0] == good.ids()[49] || len(bad.Chats) != 49 || *bad.Count != 49 || *bad.EndID != *good.EndID {
			t.Errorf("without %v, count %d", missing, *bad.Count)
		}
	})},
	RecordTwice: {check: envelopes(func(t *testing.T, good, bad envelope) {
		if len(bad.Chats) != 51 || *bad.Count != 51 || !bytes.Equal(bad.Chats[50], good.Chats[49]) || !bytes.Equal(bad.Chats[49], good.Chats[49]) {
			t.Errorf("%d records, count %d", len(bad.Chats), *bad.Count)
		}
	})},
	BulkMissing: {path: "bulk", check: envelopes(func(t *testing.T, good, bad envelope) {
		if len(good.Docs) != 20 || len(bad.Docs) >= 20 || len(bad.Docs) < 10 {
			t.Errorf("%d of %d", len(bad.Docs), len(good.Docs))
		}
		for id, raw := range bad.Docs {
			if !bytes.Equal(raw, good.Docs[id]) {
				t.Errorf("%s is another", id)
			}
		}
	})},
	CountWrong: {path: searchPath, check: envelopes(func(t *testing.T, good, bad envelope) {
		if *bad.Count == *good.Count || *bad.Count < 0 || !slices.Equal(good.ids(), bad.ids()) {
			t.Errorf("count %d and %d", *good.Count, *bad.Count)
		}
	})},
	NextNull: {check: link("null", func(e *envelope) bool { return string(e.all["next_page"]) == "null" })},
	NextEmpty: {check: link("empty", func(e *envelope) bool {
		return e.NextPage != nil && *e.NextPage == ""
	})},
	NextAbsent: {check: link("absent", func(e *envelope) bool {
		_, there := e.all["next_page"]
		return !there
	})},
	NextUnchanged: {check: link("unchanged", func(e *envelope) bool {
		return e.NextPage != nil && strings.HasPrefix(*e.NextPage, "http://chat.test/api/v2/incremental/chats?") &&
			strings.Contains(*e.NextPage, "start_time=1500000000") && !strings.Contains(*e.NextPage, "start_id")
	})},
	FieldUnknown: {check: changed(func(t *testing.T, good, bad map[string]json.RawMessage) {
		if len(bad) != len(good)+1 {
			t.Errorf("%d members and %d", len(good), len(bad))
		}
	})},
	FieldRetyped: {check: changed(func(t *testing.T, good, bad map[string]json.RawMessage) {
		n := 0
		for name, value := range good {
			if !bytes.Equal(value, bad[name]) {
				n++
				if value[0] == bad[name][0] || name == "id" || strings.Contains(name, "time") {
					t.Errorf("%s: %s became %s", name, value, bad[name])
				}
			}
		}
		if n != 1 || len(good) != len(bad) {
			t.Errorf("%d members are others", n)
		}
	})},
	ClockAhead:  {check: dated(2 * time.Hour)},
	ClockBehind: {check: dated(-2 * time.Hour)},
}

func gunzip(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Each kind, as somebody sees it who reads the bytes of a TCP connection.
func TestEachKindOnTheWire(t *testing.T) {
	for _, info := range Kinds() {
		if info.Kind == PageRepeated {
			continue // needs the page before: TestPageRepeated
		}
		t.Run(string(info.Kind), func(t *testing.T) {
			want, ok := onWire[info.Kind]
			if !ok {
				t.Fatal("nobody looked at it")
			}
			s := rehearse(t, Options{Slow: time.Second, Stall: 50 * time.Millisecond}, chatapi.Quirks{})
			server := httptest.NewServer(s.h)
			defer server.Close()
			ask := func(path string, header ...string) reply {
				conn, err := net.Dial("tcp", server.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				return dial(t, conn, path, header...)
			}
			path := want.path
			switch path {
			case "":
				path = exportPath
			case "bulk":
				path = listPath + "?ids=" + strings.Join(s.someIDs(20), ",")
			}
			good := ask(path, want.header...)
			if err := s.h.SetRules([]Rule{{Kind: info.Kind, Times: 1}}); err != nil {
				t.Fatal(err)
			}
			bad := ask(path, want.header...)
			want.check(t, good, bad)
			if got := s.h.Stats(); got.Injected[info.Kind] != 1 || got.Spoiled() != 1 || got.Requests != 2 {
				t.Errorf("told as %+v", got)
			}
			again := ask(path, want.header...)
			switch info.Kind {
			case Status401:
				if again.status != 401 {
					t.Errorf("the token is valid again: %d", again.status)
				}
			case RecordMoved:
			default:
				if again.status != 200 || !bytes.Equal(good.body, again.body) {
					t.Errorf("it is still spoiled: status %d, %.100q", again.status, again.body)
				}
			}
		})
	}
}

func (s *rehearsed) someIDs(n int) []string {
	var e envelope
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, exportPath, nil)
	r.Header.Set("Authorization", "Bearer rehearsal")
	s.api.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		s.t.Fatal(err)
	}
	ids := e.ids()
	var alive []string
	for k, raw := range e.Chats {
		var x struct{ Deleted bool }
		if err := json.Unmarshal(raw, &x); err != nil {
			s.t.Fatal(err)
		}
		if !x.Deleted && len(alive) < n {
			alive = append(alive, ids[k])
		}
	}
	return alive
}

// Where the connection cannot be had, a client must notice all the same.
func TestWireWithoutTheConnection(t *testing.T) {
	for _, k := range []Kind{ResetHeaders, ResetBody, LengthLong, LengthShort, HTTP10Cut, GzipCut, StallHeaders, StallBody, JSONCut} {
		t.Run(string(k), func(t *testing.T) {
			s := rehearse(t, Options{Rules: []Rule{{Kind: k}}, Stall: 50 * time.Millisecond}, chatapi.Quirks{})
			server := httptest.NewUnstartedServer(s.h)
			server.EnableHTTP2 = true
			server.StartTLS()
			defer server.Close()
			r, err := http.NewRequest(http.MethodGet, server.URL+exportPath, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer rehearsal")
			answer, err := server.Client().Do(r)
			if err != nil {
				return
			}
			defer answer.Body.Close()
			if answer.ProtoMajor != 2 {
				t.Fatalf("%s was spoken", answer.Proto)
			}
			if b, err := io.ReadAll(answer.Body); err == nil && json.Valid(b) {
				t.Errorf("the client got a whole answer of %d bytes", len(b))
			}
			if s.h.Stats().Injected[k] == 0 {
				t.Error("it is not counted")
			}
		})
	}
}
