package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// noon is after the end of every account of these tests.
var noon = time.Date(2022, 6, 1, 12, 0, 0, 0, time.UTC)

// desk is a Getter over a handler, without a network, with a clock that only tests and waits move.
type desk struct {
	h    http.Handler
	root string

	mu      sync.Mutex
	at      time.Time
	step    time.Duration // that each request takes
	asked   []string      // path and query of every request
	waited  time.Duration
	refused map[int]int // by status
}

func (d *desk) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

func (d *desk) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = d.at.Add(by)
}

func (d *desk) wait(ctx context.Context, by time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.pass(by)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waited += by
	return nil
}

func (d *desk) requests() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked)
}

// deskTries is how often an answer that is refused is asked for.
const deskTries = 4

func (d *desk) Get(ctx context.Context, path string, query url.Values, check func([]byte) error) (*Answer, error) {
	for tries := 1; ; tries++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.mu.Lock()
		d.at = d.at.Add(d.step)
		d.asked = append(d.asked, path+"?"+query.Encode())
		d.mu.Unlock()
		r := httptest.NewRequest(http.MethodGet, d.root+"/"+path+"?"+query.Encode(), nil)
		r.Header.Set("Authorization", "Bearer rehearsal")
		w := httptest.NewRecorder()
		d.h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			d.mu.Lock()
			if d.refused == nil {
				d.refused = map[int]int{}
			}
			d.refused[w.Code]++
			d.mu.Unlock()
			e := &StatusError{Status: w.Code, Path: path}
			e.Code, e.Message = explanation(w.Body.Bytes())
			return nil, e
		}
		var body io.Reader = w.Body
		if w.Header().Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(body); err != nil {
				return nil, err
			}
		}
		b, err := io.ReadAll(body)
		if err != nil {
			return nil, err
		}
		if check != nil {
			if err := check(b); err != nil {
				if tries < deskTries {
					continue
				}
				return nil, &chatferry.Error{Kind: chatferry.KindTemporary, Op: "read", Place: path, Err: err}
			}
		}
		return &Answer{Body: b, Header: w.Header(), Date: d.Now(), Requests: tries}, nil
	}
}

// deskOver makes a desk over a handler.
func deskOver(h http.Handler) *desk {
	return &desk{h: h, root: "http://chat.test/api/v2", at: noon}
}

// handler makes a desk over a function that answers with a body.
func answering(f func(path string, q url.Values) (int, string)) *desk {
	return deskOver(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body := f(r.URL.Path[len("/api/v2/"):], r.URL.Query())
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
}

// rehearse makes a server of a made-up account and a desk over it.
func rehearse(t testing.TB, chats int64, o chatapi.Options) (*chatapi.Server, *desk) {
	t.Helper()
	d := deskOver(nil)
	o.Now = d.Now
	s, err := chatapi.New(rehearsal.New(rehearsal.Options{Seed: 21, Chats: chats}), o)
	if err != nil {
		t.Fatal(err)
	}
	d.h = s
	return s, d
}

func sourceOver(t testing.TB, d *desk, o SourceOptions) *Source {
	t.Helper()
	if o.Wait == nil {
		o.Wait = d.wait
	}
	if os.Getenv("CHATFERRY_TEST_LOG") != "" {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return NewSource(d, o)
}

// haul is what was read of a Shard.
type haul struct {
	records  []string
	pages    int
	doubts   []chatferry.Doubt
	absent   []string
	position []chatferry.Position // After of every Page
	err      error
}

// read reads a Shard from a Position to its end, and holds every Page against the contract.
func read(t testing.TB, s *Source, shard *chatferry.Shard, from chatferry.Position) *haul {
	t.Helper()
	return readSome(t, s, shard, from, -1)
}

// readSome reads at most so many Pages.
func readSome(t testing.TB, s *Source, shard *chatferry.Shard, from chatferry.Position, most int) *haul {
	t.Helper()
	h := &haul{}
	r, err := s.Open(t.Context(), shard, from)
	if err != nil {
		h.err = err
		return h
	}
	defer r.Close()
	next := chatferry.Offset(-1)
	for h.pages != most {
		p, err := r.Next(t.Context())
		if err != nil {
			if err != io.EOF {
				h.err = err
			}
			return h
		}
		h.pages++
		if h.pages > 20_000 {
			t.Fatal("20,000 pages: it does not end")
		}
		if p.From != from || p.After == from {
			t.Fatalf("page from %q to %q, at %q", p.From, p.After, from)
		}
		from = p.After
		var raw int64
		for _, rec := range p.Records {
			if next >= 0 && rec.Offset != next {
				t.Fatalf("record %d follows record %d", rec.Offset, next-1)
			}
			next = rec.Offset + 1
			if rec.Fault == nil {
				raw += int64(len(rec.Raw))
			} else {
				raw += max(rec.Fault.RawLen, int64(len(rec.Raw)))
			}
			h.records = append(h.records, string(rec.Raw))
		}
		if raw != p.RawBytes {
			t.Fatalf("%d raw bytes, not %d", p.RawBytes, raw)
		}
		if p.Requests < 1 || p.StoredBytes < 1 {
			t.Fatalf("a page of %d requests and %d bytes", p.Requests, p.StoredBytes)
		}
		h.doubts = append(h.doubts, p.Doubts...)
		h.absent = append(h.absent, p.Absent...)
		h.position = append(h.position, p.After)
		p.Release()
	}
	return h
}

// ok fails the test if the reading failed or left a doubt.
func (h *haul) ok(t testing.TB) *haul {
	t.Helper()
	if h.err != nil {
		t.Fatal(h.err)
	}
	if len(h.doubts) > 0 {
		t.Fatalf("doubts: %v", h.doubts)
	}
	return h
}

func shardOf(stream chatferry.Stream, r chatferry.Range) *chatferry.Shard {
	if r.Endpoint == "" {
		way, _ := usualEndpoint(stream)
		r.Endpoint = way.name
	}
	if r.Begun.IsZero() {
		r.Begun = noon
	}
	return &chatferry.Shard{ID: 1, Stream: stream, API: &r}
}

// wants compares what was read with the server's ledger: nothing missing, nothing else.
func wants(t testing.TB, s *chatapi.Server, stream chatferry.Stream, listed bool, records []string) {
	t.Helper()
	have := map[[32]byte]int{}
	for _, r := range records {
		have[sha256.Sum256([]byte(r))]++
	}
	n, missing := 0, 0
	for e := range s.Ledger(stream) {
		sum := e.SHA256
		if listed {
			if e.Deleted {
				continue
			}
			sum = e.Listed
		}
		n++
		if have[sum] == 0 {
			if missing++; missing <= 5 {
				t.Errorf("%s %s of %s is missing", stream, e.Key, time.UnixMicro(e.Updated).UTC())
			}
		}
		delete(have, sum)
	}
	if missing > 0 || len(have) > 0 {
		t.Fatalf("%s: %d of %d missing, %d others read", stream, missing, n, len(have))
	}
	if n == 0 {
		t.Fatalf("%s: the account has none", stream)
	}
}

// unique fails the test if a record came twice.
func unique(t testing.TB, records []string) {
	t.Helper()
	sorted := slices.Sorted(slices.Values(records))
	if n := len(sorted) - len(slices.Compact(sorted)); n > 0 {
		t.Fatalf("%d of %d records came twice", n, len(records))
	}
}

// exportBody writes an answer of an export.
func exportBody(key string, records []string, end any, endID, next string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{%q:[`, key)
	for i, r := range records {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r)
	}
	fmt.Fprintf(&b, `],"count":%d`, len(records))
	if end != nil {
		fmt.Fprintf(&b, `,"end_time":%v`, end)
	}
	if endID != "" {
		fmt.Fprintf(&b, `,"end_id":%q`, endID)
	}
	if next != "" {
		q, _ := json.Marshal(next)
		fmt.Fprintf(&b, `,"next_page":%s`, q)
	}
	return b.String() + "}"
}

func isKind(t testing.TB, err error, k chatferry.Kind) {
	t.Helper()
	if err == nil || chatferry.KindOf(err) != k {
		t.Fatalf("error %v of kind %d, not of %d", err, chatferry.KindOf(err), k)
	}
}

func isUnavailable(t testing.TB, err error, why chatferry.Availability) {
	t.Helper()
	var u *chatferry.UnavailableError
	if !errors.As(err, &u) || u.Why != why {
		t.Fatalf("error %v, not %s", err, why)
	}
}
