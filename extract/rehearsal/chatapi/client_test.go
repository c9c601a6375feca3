package chatapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is one that only tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

// begin is after the end of every account of these tests.
var begin = time.Date(2022, 6, 1, 12, 0, 0, 0, time.UTC)

// client is a naive reader of the API. It follows what the documents say and keeps no rules of its own.
type client struct {
	t      *testing.T
	h      http.Handler
	token  string
	header http.Header
	root   string
	asked  int
}

// serve makes a server of a small account, its clock, and a client.
func serve(t *testing.T, a rehearsal.Options, o Options) (*Server, *clock, *client) {
	t.Helper()
	c := &clock{begin}
	if o.Now == nil {
		o.Now = c.now
	}
	s, err := New(rehearsal.New(a), o)
	if err != nil {
		t.Fatal(err)
	}
	return s, c, &client{t: t, h: s, token: s.o.Token, root: "http://chat.test/api/v2"}
}

func small() rehearsal.Options { return rehearsal.Options{Seed: 21, Chats: 700} }

// ask sends a request to a URL.
func (c *client) ask(u string) *http.Response {
	c.t.Helper()
	r := httptest.NewRequest(http.MethodGet, u, nil)
	r.Header.Set("Authorization", "Bearer "+c.token)
	for k, v := range c.header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	c.asked++
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// status asks for a path below the root and returns the status, and the error's code if it is one.
func (c *client) status(path string) (int, string) {
	c.t.Helper()
	r := c.ask(c.root + path)
	var e struct{ Error, Description string }
	if r.StatusCode != http.StatusOK {
		decode(c.t, body(c.t, r), &e)
		if e.Error == "" || e.Description == "" {
			c.t.Errorf("%s: the error has no code or description", path)
		}
	}
	return r.StatusCode, e.Error
}

// get asks for a path below the root, or a whole URL, and decodes the answer.
func (c *client) get(path string, into any) []byte {
	c.t.Helper()
	u := path
	if path[0] == '/' {
		u = c.root + path
	}
	r := c.ask(u)
	b := body(c.t, r)
	if r.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: status %d: %s", path, r.StatusCode, b)
	}
	if into != nil {
		decode(c.t, b, into)
	}
	return b
}

func decode(t *testing.T, b []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in %.300s", err, b)
	}
}

// envelope is what incremental exports answer, whatever they export.
type envelope struct {
	Count    int
	EndTime  json.Number `json:"end_time"`
	EndID    *string     `json:"end_id"`
	NextPage string      `json:"next_page"`
	records  []json.RawMessage
}

func (c *client) export(u string, stream chatferry.Stream) envelope {
	c.t.Helper()
	var e envelope
	b := c.get(u, nil)
	name, rest, _ := bytes.Cut(b, []byte(":")) // so that a long array is decoded once
	if string(name) != `{"`+string(stream)+`"` {
		c.t.Fatalf("the envelope begins with %s", name)
	}
	d := json.NewDecoder(bytes.NewReader(rest))
	if err := d.Decode(&e.records); err != nil {
		c.t.Fatal(err)
	}
	decode(c.t, append([]byte(`{"count":0`), rest[d.InputOffset():]...), &e)
	if e.Count != len(e.records) {
		c.t.Fatalf("count is %d, the page has %d", e.Count, len(e.records))
	}
	return e
}

// exportURL is the first request of an export.
func exportURL(stream chatferry.Stream, start, limit string) string {
	q := url.Values{"start_time": {start}, "limit": {limit}, "fields": {string(stream) + "(*)"}}
	return "/incremental/" + string(stream) + "?" + q.Encode()
}

// record is what a client needs to know of one.
type record struct {
	id, updated string
	sum         [32]byte
}

func read(t *testing.T, raw json.RawMessage) record {
	t.Helper()
	var known struct {
		ID      json.RawMessage `json:"id"`
		Name    string          `json:"name"`
		Updated string          `json:"update_timestamp"`
	}
	decode(t, raw, &known)
	r := record{id: string(bytes.Trim(known.ID, `"`)), updated: known.Updated, sum: sha256.Sum256(raw)}
	if r.id == "" {
		r.id = known.Name
	}
	return r
}

// ledger returns the entries of a Stream by their keys.
func ledger(t *testing.T, s *Server, stream chatferry.Stream) map[string]Entry {
	t.Helper()
	all := map[string]Entry{}
	for e := range s.Ledger(stream) {
		if _, twice := all[e.Key]; twice {
			t.Fatalf("the ledger of %s has %s twice", stream, e.Key)
		}
		all[e.Key] = e
	}
	if len(all) == 0 {
		t.Fatalf("the ledger of %s is empty", stream)
	}
	return all
}
