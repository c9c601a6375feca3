package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatferry/extract/rehearsal/chatapi"
)

// ask sends a request without a connection; the answer's status is 0 where a connection would have been broken.
func (s *rehearsed) ask(method, path, token string) (answer *httptest.ResponseRecorder) {
	r := httptest.NewRequest(method, "http://chat.test"+path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			answer = httptest.NewRecorder()
			answer.Code = 0
		default:
			panic(p)
		}
	}()
	s.h.ServeHTTP(w, r)
	return w
}

func (s *rehearsed) get(path string) *httptest.ResponseRecorder {
	return s.ask(http.MethodGet, path, "rehearsal")
}

// Without rules nothing is touched.
func TestWithoutRules(t *testing.T) {
	s := rehearse(t, Options{}, chatapi.Quirks{})
	for _, path := range []string{exportPath, listPath, searchPath, "/api/v2/agents", "/api/v2/account", "/nowhere", "/api/v2/chats?ids=x"} {
		direct := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "http://chat.test"+path, nil)
		r.Header.Set("Authorization", "Bearer rehearsal")
		s.api.ServeHTTP(direct, r)
		if got := s.get(path); got.Code != direct.Code || !bytes.Equal(got.Body.Bytes(), direct.Body.Bytes()) {
			t.Errorf("%s: %d instead of %d", path, got.Code, direct.Code)
		}
	}
	if got := s.h.Stats(); got.Spoiled() != 0 || got.Requests != 7 || got.Pages["incremental/chats"] != 1 {
		t.Errorf("told as %+v", got)
	}
}

// The page before comes once more: for a client that follows the links, and for one that counts ids by itself.
func TestPageRepeated(t *testing.T) {
	for name, next := range map[string]func(body []byte) string{
		exportPath: func(body []byte) string {
			var e envelope
			if err := json.Unmarshal(body, &e); err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(*e.NextPage)
			if err != nil {
				t.Fatal(err)
			}
			return u.RequestURI()
		},
		listPath: func(body []byte) string {
			var e envelope
			if err := json.Unmarshal(body, &e); err != nil {
				t.Fatal(err)
			}
			return strings.TrimPrefix(*e.NextURL, "http://chat.test")
		},
		"/api/v2/agents?limit=3": func(body []byte) string {
			var agents []struct{ ID int64 }
			if err := json.Unmarshal(body, &agents); err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("/api/v2/agents?limit=3&since_id=%d", agents[2].ID+1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := rehearse(t, Options{Rules: []Rule{{Kind: PageRepeated, Page: 2}}}, chatapi.Quirks{})
			first := s.get(name).Body.Bytes()
			path := next(first)
			if second := s.get(path).Body.Bytes(); !bytes.Equal(first, second) {
				t.Errorf("the second page is %.200s", second)
			}
			if again := s.get(path).Body.Bytes(); bytes.Equal(first, again) {
				t.Error("it is repeated twice")
			}
			if got := s.h.Stats().Injected; !maps.Equal(got, map[Kind]int64{PageRepeated: 1}) {
				t.Errorf("told as %v", got)
			}
		})
	}
}

// A page of the list that is cut leads to its rest, though opaque cursors know no place inside a page.
func TestSmallerPageOfTheList(t *testing.T) {
	s := rehearse(t, Options{Rules: []Rule{{Kind: PageSmaller, Page: 1}, {Kind: PageEmpty, Page: 3}}}, chatapi.Quirks{})
	whole := rehearse(t, Options{}, chatapi.Quirks{})
	read := func(s *rehearsed) (ids []string, sizes []int) {
		for path := listPath; ; {
			var e envelope
			if err := json.Unmarshal(s.get(path).Body.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			ids, sizes = append(ids, e.ids()...), append(sizes, len(e.Chats))
			if e.NextURL == nil {
				return ids, sizes
			}
			path = strings.TrimPrefix(*e.NextURL, "http://chat.test")
		}
	}
	want, _ := read(whole)
	got, sizes := read(s)
	if !slices.Equal(want, got) || sizes[0] == 40 || sizes[0]+sizes[1] != 40 || sizes[2] != 0 || sizes[3] != 40 {
		t.Errorf("pages of %v; %d ids instead of %d", sizes, len(got), len(want))
	}
}

// A token that is refused for good stays refused everywhere; another one is not.
func TestTokenRefusedForGood(t *testing.T) {
	s := rehearse(t, Options{Rules: []Rule{{Kind: Status401, Path: "incremental", Page: 2}}}, chatapi.Quirks{})
	other := "/api/v2/incremental/chats?start_time=1500000001"
	for k, want := range []struct {
		path   string
		status int
	}{{exportPath, 200}, {"/api/v2/agents", 200}, {other, 401}, {other, 401}, {exportPath, 401}, {"/api/v2/chat/agents", 401}} {
		if got := s.get(want.path); got.Code != want.status {
			t.Errorf("request %d, %s: status %d, want %d", k, want.path, got.Code, want.status)
		}
	}
	s.api.SetToken("new")
	if got := s.ask(http.MethodGet, other, "new"); got.Code != 200 {
		t.Errorf("the new token gives %d", got.Code)
	}
	if got := s.h.Stats().Injected[Status401]; got != 4 {
		t.Errorf("told as %d", got)
	}
}

// What says no takes the place of what would have changed something; what breaks off does not undo it.
func TestTokensAreLostWithTheAnswer(t *testing.T) {
	asked := 0
	behind := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"x"}`)
	})
	for kind, want := range map[Kind]struct{ asked, status int }{Status500: {0, 500}, ResetHeaders: {1, 0}, JSONCut: {1, 200}} {
		t.Run(string(kind), func(t *testing.T) {
			asked = 0
			h, err := New(behind, Options{Rules: []Rule{{Kind: kind, Path: "oauth2/token"}, {Kind: Status403}}})
			if err != nil {
				t.Fatal(err)
			}
			s := &rehearsed{t: t, h: h}
			got := s.ask(http.MethodPost, "/oauth2/token", "")
			if asked != want.asked || got.Code != want.status || got.Body.String() == `{"access_token":"x"}` {
				t.Errorf("status %d after %d requests", got.Code, asked)
			}
		})
	}
}

// What happens to a request follows from the seed and the request, not from when it comes.
func TestTheSameSeedSpoilsTheSame(t *testing.T) {
	rules := []Rule{{Kind: Status500, Share: 0.3}, {Kind: Status502, Share: 0.3}, {Kind: JSONCut, Share: 0.5}}
	var paths []string
	for k := range 60 {
		paths = append(paths, fmt.Sprintf("/api/v2/incremental/chats?limit=1&start_time=%d", 1500000000+k))
	}
	outcome := func(seed uint64, order []int) map[string]string {
		s := rehearse(t, Options{Rules: rules, Seed: seed}, chatapi.Quirks{})
		got := map[string]string{}
		for _, k := range order {
			answer := s.get(paths[k])
			got[paths[k]] += fmt.Sprintf(" %d/%d", answer.Code, answer.Body.Len())
		}
		return got
	}
	var order []int
	for k := range paths {
		order = append(order, k, k, k)
	}
	shuffled := slices.Clone(order)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	one, two, other := outcome(1, order), outcome(1, shuffled), outcome(2, order)
	if !maps.Equal(one, two) {
		t.Error("the order of the requests changes what happens to them")
	}
	if maps.Equal(one, other) {
		t.Error("the seed changes nothing")
	}
}

// A share is that share, of every rule by itself.
func TestShares(t *testing.T) {
	for _, share := range []float64{0.01, 0.1, 0.5} {
		h, err := New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }),
			Options{Seed: 3, Rules: []Rule{{Kind: ClockAhead, Share: share}, {Kind: Status500, Share: share}}})
		if err != nil {
			t.Fatal(err)
		}
		const n = 20000
		s := &rehearsed{t: t, h: h}
		for k := range n {
			s.get(fmt.Sprintf("/api/v2/chats/%d", k%500))
		}
		got := h.Stats()
		for _, k := range []Kind{ClockAhead, Status500} {
			if p := float64(got.Injected[k]) / n; p < share*0.8 || p > share*1.2 {
				t.Errorf("%s: %.4f instead of %.4f", k, p, share)
			}
		}
		if got.Pages["chats/{}"] != 500 {
			t.Errorf("%d pages", got.Pages["chats/{}"])
		}
	}
}

// Which endpoints a rule's path names, whatever the root.
func TestPaths(t *testing.T) {
	all := []string{
		"chats", "chats?ids=1", "chats/search?q=x", "chats/12.3.x", "incremental/chats", "incremental/agent_timeline", "bans", "bans/ip", "bans/3",
		"oauth/clients", "oauth/tokens", "routing_settings/account", "routing_settings/agents/3", "../../oauth2/token", "../../attachments/x",
	}
	for rule, hits := range map[string][]string{
		"":                  all[:13],
		"chats":             all[:4],
		"chats?ids":         all[1:2],
		"chats/search":      all[2:3],
		"incremental":       all[4:6],
		"incremental/chats": all[4:5],
		"bans":              all[6:9],
		"ban":               nil,
		"oauth/clients":     all[9:10],
		"routing_settings":  all[11:13],
		"oauth2/token":      all[13:14],
		"attachments":       all[14:],
	} {
		h, err := New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Options{Rules: []Rule{{Kind: Status500, Path: rule}}})
		if err != nil {
			t.Fatal(err)
		}
		s := &rehearsed{t: t, h: h}
		for _, root := range []string{"/api/v2/", "/api/v2/chat/"} {
			for _, name := range all {
				path, outside := strings.CutPrefix(name, "../../")
				if path = "/" + path; !outside {
					path = root + name
				}
				if got, want := s.get(path).Code == 500, slices.Contains(hits, name); got != want {
					t.Errorf("%q hits %s: %v", rule, path, got)
				}
			}
		}
	}
}

// What hangs ends with the client, and what drips takes its time; both at once over memory.
func TestHangingAnswersEndWithTheClient(t *testing.T) {
	for kind, most := range map[Kind]time.Duration{Slow: 11 * time.Second, StallHeaders: 30 * time.Second, StallBody: 30 * time.Second} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := rehearse(t, Options{Rules: []Rule{{Kind: kind}}}, chatapi.Quirks{})
				handled := make(chan struct{})
				client, _, stop := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer close(handled)
					s.h.ServeHTTP(w, r)
				}))
				defer stop()
				began := time.Now()
				r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://chat.test"+exportPath, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer rehearsal")
				answer, err := client.Do(r)
				var b []byte
				if err == nil {
					b, err = io.ReadAll(answer.Body)
					_ = answer.Body.Close()
				}
				took := time.Since(began)
				if (err == nil && json.Valid(b)) != (kind == Slow) || took > most || took < 9*time.Second {
					t.Errorf("%d bytes, %v, after %s", len(b), err, took)
				}
				<-handled
				if took := time.Since(began); took > most {
					t.Errorf("the server went on for %s", took)
				}
			})
		})
	}
}

// A rule hits as often as it may and no more, also when many ask at once; whatever comes, comes to its end.
func TestManyAtOnce(t *testing.T) {
	const most = 5
	rules := []Rule{{Kind: Status503, Times: most}}
	for _, info := range Kinds() {
		if info.Kind != Slow && info.Kind != StallHeaders && info.Kind != StallBody && info.Kind != Status401 && info.Kind != Status503 {
			rules = append(rules, Rule{Kind: info.Kind, Share: 0.1})
		}
	}
	s := rehearse(t, Options{Rules: rules, Seed: 9}, chatapi.Quirks{})
	const workers, each = 8, 40
	var wait sync.WaitGroup
	for k := range workers {
		wait.Go(func() {
			for n := range each {
				s.get(fmt.Sprintf("/api/v2/incremental/chats?limit=5&start_time=%d", 1500000000+k*n))
				s.get([]string{listPath, searchPath, "/api/v2/bans", "/api/v2/agents?limit=4", "/api/v2/account"}[n%5])
				s.h.Stats()
			}
		})
	}
	wait.Wait()
	if got := s.h.Stats(); got.Injected[Status503] != most || got.Requests != 2*workers*each {
		t.Errorf("told as %+v", got)
	}
}

// An export that serves the records of the last second again serves them once in a page that is larger.
func TestLargerPageOfAnExportWithoutIDs(t *testing.T) {
	s := rehearse(t, Options{Rules: []Rule{{Kind: PageLarger}}}, chatapi.Quirks{})
	var e struct {
		Records []json.RawMessage `json:"agent_events"`
		Count   int
	}
	if err := json.Unmarshal(s.get("/api/v2/incremental/agent_events?limit=20").Body.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, raw := range e.Records {
		seen[string(raw)] = true
	}
	if len(e.Records) <= 20 || len(seen) != len(e.Records) || e.Count != len(e.Records) {
		t.Errorf("%d records, %d of them different, count %d", len(e.Records), len(seen), e.Count)
	}
}

// The record that the cursor names stays: a client would go on behind it.
func TestTheLastRecordIsNotMoved(t *testing.T) {
	for seed := range uint64(40) {
		s := rehearse(t, Options{Rules: []Rule{{Kind: RecordMoved}}, Seed: seed}, chatapi.Quirks{})
		var e envelope
		if err := json.Unmarshal(s.get(strings.Replace(exportPath, "limit=50", "limit=2", 1)).Body.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if len(e.Chats) != 1 || e.ids()[0] != *e.EndID {
			t.Fatalf("seed %d: %v of two, and the cursor is at %s", seed, e.ids(), *e.EndID)
		}
	}
}

// Where a body is cut has nothing to do with whether it is: rare faults cut everywhere.
func TestRareFaultsCutEverywhere(t *testing.T) {
	const size = 10_000
	h, err := New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `["`+strings.Repeat("x", size-4)+`"]`)
	}), Options{Seed: 1, Rules: []Rule{{Kind: JSONCut, Share: 0.05}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &rehearsed{t: t, h: h}
	var quarters [4]int
	for k := range 2000 {
		if n := s.get(fmt.Sprintf("/api/v2/chats/%d", k)).Body.Len(); n < size {
			quarters[n*4/size]++
		}
	}
	if slices.Min(quarters[:]) < 10 {
		t.Errorf("cut in the quarters of the body: %v", quarters)
	}
}
