package chatapi

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// TestOverTLS: links lead back to where the request came from.
func TestOverTLS(t *testing.T) {
	s, _, c := serve(t, rehearsal.Options{Seed: 3, Chats: 100}, Options{})
	for _, start := range []func(*httptest.Server){(*httptest.Server).Start, (*httptest.Server).StartTLS} {
		server := httptest.NewUnstartedServer(s)
		start(server)
		client := server.Client()
		read := func(method, u string) (*http.Response, []byte) {
			r, err := http.NewRequest(method, u, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+c.token)
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			b, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			return answer, b
		}
		_, b := read(http.MethodGet, server.URL+"/api/v2/chats")
		var list struct {
			NextURL string `json:"next_url"`
		}
		decode(t, b, &list)
		if !strings.HasPrefix(list.NextURL, server.URL+"/api/v2/chats?cursor=") {
			t.Errorf("next_url is %s", list.NextURL)
		}
		if answer, b := read(http.MethodGet, list.NextURL); answer.StatusCode != 200 || answer.Header.Get("Date") != begin.Format(http.TimeFormat) || len(b) == 0 {
			t.Errorf("status %d, Date %s", answer.StatusCode, answer.Header.Get("Date"))
		}
		if answer, b := read(http.MethodHead, list.NextURL); answer.StatusCode != 200 || len(b) != 0 || answer.Header.Get("Content-Length") == "" {
			t.Errorf("HEAD: status %d, %d bytes", answer.StatusCode, len(b))
		}
		if transport, ok := client.Transport.(*http.Transport); ok {
			transport.CloseIdleConnections()
		}
		server.Close()
	}
}

// TestConcurrent: many clients at once while the account changes. The race detector does the judging.
func TestConcurrent(t *testing.T) {
	s, err := New(rehearsal.New(rehearsal.Options{Seed: 3, Chats: 300}), Options{
		Now: Clock(10_000, begin), Rate: 1_000_000, Change: Changes{Touches: 100, Inserts: 20, Deletes: 5, Late: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	var faults []string
	for k := range 6 {
		wait.Go(func() {
			for n := range 40 {
				path := Endpoints()[(k*7+n)%len(Endpoints())]
				r := httptest.NewRequest(http.MethodGet, "http://chat.test/api/v2"+strings.ReplaceAll(path, "{}", "1")+"?q=rating:good&fields=", nil)
				r.Header.Set("Authorization", "Bearer rehearsal")
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code >= 500 || w.Code == 429 || w.Code == 401 {
					mu.Lock()
					faults = append(faults, fmt.Sprint(path, w.Code))
					mu.Unlock()
				}
				s.Touch(int64(n))
				if n%20 == 0 {
					s.Insert(2)
					s.Storm(10)
					for range s.Ledger(chatferry.Chats) {
						break
					}
					s.Stats()
				}
			}
		})
	}
	wait.Wait()
	if len(faults) > 0 {
		t.Error(faults)
	}
	if n := s.Stats().Total(); n != 240 {
		t.Errorf("%d requests were counted", n)
	}
}

// TestEmptyAccount: an account without a chat has empty lists, and grows.
func TestEmptyAccount(t *testing.T) {
	_, clock, c := serve(t, rehearsal.Options{Seed: 3}, Options{Change: Changes{Inserts: 6, Touches: 6, Storms: []Storm{{After: -time.Hour}}}})
	if e := c.export(exportURL(chatferry.Chats, "0", "10"), chatferry.Chats); e.Count != 0 {
		t.Errorf("%d chats", e.Count)
	}
	for _, path := range Endpoints() {
		if !strings.Contains(path, "{}") && path != "/chats/search" {
			c.get(path, nil)
		}
	}
	clock.pass(2 * time.Hour)
	if e := c.export(exportURL(chatferry.Chats, "0", "100"), chatferry.Chats); e.Count != 12 {
		t.Errorf("%d chats after two hours", e.Count)
	}
}

// FuzzRequest: whatever is asked, the answer is JSON, or a file.
func FuzzRequest(f *testing.F) {
	for _, path := range Endpoints() {
		f.Add(path, "start_time=0&limit=3&fields=chats(*)&q=type:chat&ids=1,2")
	}
	f.Add("/chats/search", `q=type:chat AND timestamp:[2019-01-01 TO *] AND "Ana"&page=2`)
	f.Add("/chats", "cursor=Y2hhdHM6OTk5OTk5OTk5OTk5OTk5OTk5OQ")
	f.Add("/incremental/agent_timeline", "start_time=-9223372036854775808&limit=9")
	f.Add("/incremental/department_events", "start_time=-9223372036854775808")
	f.Add("/incremental/conversions", "start_time=-1e18")
	f.Add("/visitors/99999999999999", "")
	f.Add("/chats/1704.1.zzzzzzzzzzzzz", "")
	s, err := New(rehearsal.New(rehearsal.Options{Seed: 3, Chats: 200}), Options{Now: (&clock{begin}).now})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		u := &url.URL{Scheme: "http", Host: "chat.test", Path: "/api/v2" + path, RawQuery: query}
		r := &http.Request{Method: http.MethodGet, URL: u, Host: "chat.test", Header: http.Header{"Authorization": {"Bearer rehearsal"}}, TLS: &tls.ConnectionState{}}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 400 && w.Code != 404 {
			t.Errorf("%s?%s: status %d", path, query, w.Code)
		}
		var v any
		decode(t, w.Body.Bytes(), &v)
		if n := w.Header().Get("Content-Length"); n != strconv.Itoa(w.Body.Len()) || bytes.HasSuffix(w.Body.Bytes(), []byte("\n")) {
			t.Errorf("%s?%s: length %s of %d", path, query, n, w.Body.Len())
		}
	})
}
