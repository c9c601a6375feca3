package chatapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatferry/extract/rehearsal"
)

// oauth asks for a token.
func (c *client) oauth(form url.Values) (status int, code, access, refresh string) {
	c.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://chat.test/oauth2/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	var got struct {
		Error        string
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		c.t.Fatal(err)
	}
	return w.Code, got.Error, got.AccessToken, got.RefreshToken
}

func TestTokens(t *testing.T) {
	s, _, c := serve(t, rehearsal.Options{Seed: 3, Chats: 30}, Options{})
	for _, x := range []struct {
		name, authorization string
		status              int
	}{
		{"none", "", 401},
		{"wrong", "Bearer nonsense", 401},
		{"empty", "Bearer ", 401},
		{"another form", "Token rehearsal", 401},
		{"password", "Basic aW5ncmlkLnNvbGhlaW1AZmVybndlaC5leGFtcGxlLmNvbTp4", 401},
		{"right", "Bearer rehearsal", 200},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := &client{t: t, h: s, root: c.root, header: http.Header{"Authorization": {x.authorization}}}
			if status, _ := c.status("/agents"); status != x.status {
				t.Errorf("status %d", status)
			}
		})
	}
	if got := s.Stats(); got.NoToken != 3 || got.WrongToken != 2 {
		t.Errorf("%d without a token, %d with a wrong one", got.NoToken, got.WrongToken)
	}
}

// TestBasic: a password is accepted by accounts that are chat only, if at all, and tells who asks.
func TestBasic(t *testing.T) {
	for kind, want := range map[Kind]int{LegacyChatOnly: 200, LegacyLinked: 401, Phase3: 401, Phase4: 401} {
		s, _, _ := serve(t, rehearsal.Options{Seed: 3, Chats: 30}, Options{Kind: kind, Quirks: Quirks{BasicAllowed: true}})
		r := httptest.NewRequest(http.MethodGet, "http://chat.test/api/v2/agents/me", nil)
		r.SetBasicAuth("marcus.whitfield@fernweh.example.com", "secret")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want || want == 200 && !strings.Contains(w.Body.String(), "Whitfield") {
			t.Errorf("%s: status %d, %s", kind, w.Code, w.Body)
		}
	}
}

// TestRevoked: a token that is taken away in mid-run is refused until there is a new one.
func TestRevoked(t *testing.T) {
	s, _, c := serve(t, rehearsal.Options{Seed: 3, Chats: 30}, Options{RefreshToken: "first"})
	c.get("/agents", nil)
	s.RevokeToken()
	if status, code := c.status("/agents"); status != 401 || code != "invalid_token" {
		t.Errorf("%d %s", status, code)
	}
	if status, code, _, _ := c.oauth(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"first"}}); status != 400 || code != "invalid_grant" {
		t.Errorf("refresh: %d %s", status, code)
	}
	s.SetToken("again")
	c.token = "again"
	c.get("/agents", nil)
	s.SetTokens("third", "fourth")
	c.token = "third"
	c.get("/agents", nil)
	if status, _, _, _ := c.oauth(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"fourth"}}); status != 200 {
		t.Errorf("refresh with the new pair: %d", status)
	}
}

// TestRotation: tokens expire by the server's clock; a refresh gives a new pair and destroys the old one.
func TestRotation(t *testing.T) {
	s, clock, c := serve(t, rehearsal.Options{Seed: 3, Chats: 30}, Options{
		TokenTTL: 30 * time.Minute, RefreshToken: "r0", ClientID: "id", ClientSecret: "secret",
	})
	refresh := "r0"
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"id"}, "client_secret": {"secret"}}
	for k := range 5 {
		clock.pass(29 * time.Minute)
		c.get("/agents", nil)
		if k%2 == 0 {
			clock.pass(time.Minute)
			if status, _ := c.status("/agents"); status != 401 {
				t.Fatalf("an expired token: status %d", status)
			}
		}
		old, oldRefresh := c.token, refresh
		form.Set("refresh_token", oldRefresh)
		status, _, access, next := c.oauth(form)
		if status != 200 || access == old || next == oldRefresh {
			t.Fatalf("status %d, %s, %s", status, access, next)
		}
		if status, _ := c.status("/agents"); status != 401 {
			t.Fatalf("the token before the refresh: status %d", status)
		}
		if status, code, _, _ := c.oauth(form); status != 400 || code != "invalid_grant" {
			t.Fatalf("a refresh token used twice: %d %s", status, code)
		}
		c.token, refresh = access, next
		c.get("/agents", nil)
	}
	if got := s.Stats(); got.Rotated != 5 {
		t.Errorf("%d rotations", got.Rotated)
	}
	form.Set("client_secret", "wrong")
	if status, code, _, _ := c.oauth(form); status != 401 || code != "invalid_client" {
		t.Errorf("a wrong secret: %d %s", status, code)
	}
}

func TestClientCredentials(t *testing.T) {
	for _, confidential := range []bool{false, true} {
		_, _, c := serve(t, rehearsal.Options{Seed: 3, Chats: 30}, Options{Confidential: confidential})
		status, code, access, refresh := c.oauth(url.Values{"grant_type": {"client_credentials"}})
		if confidential != (status == 200) || confidential == (code == "unauthorized_client") || refresh != "" {
			t.Errorf("confidential %t: %d %s", confidential, status, code)
		}
		if confidential {
			c.token = access
			c.get("/agents", nil)
		}
	}
}

// TestQuota: so many requests a minute and no more, counted together or by endpoint.
func TestQuota(t *testing.T) {
	for _, per := range []bool{false, true} {
		s, clock, c := serve(t, rehearsal.Options{Seed: 3, Chats: 30}, Options{Rate: 60, Burst: 10, PerEndpoint: per})
		for range 10 {
			c.get("/agents", nil)
		}
		r := c.ask(c.root + "/agents")
		if r.StatusCode != 429 || r.Header.Get("Retry-After") != "1" {
			t.Errorf("status %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
		}
		if status, _ := c.status("/roles"); (status == 200) != per {
			t.Errorf("another endpoint: status %d", status)
		}
		clock.pass(time.Second)
		c.get("/agents", nil)
		clock.pass(-2 * time.Hour) // a clock that is set back
		if status, _ := c.status("/agents"); status != 429 {
			t.Errorf("status %d", status)
		}
		clock.pass(time.Second)
		c.get("/agents", nil)
		clock.pass(time.Hour)
		for range 10 {
			c.get("/agents", nil)
		}
		if status, _ := c.status("/agents"); status != 429 {
			t.Errorf("an hour's rest allows more than the burst: status %d", status)
		}
		if got := s.Stats(); got.Refused < 3 || got.Requests["/agents"][200] != 22 {
			t.Errorf("%+v", got)
		}
	}
}

// TestQuotaPaced: a client that keeps to the rate is never refused, and the busiest minute says so.
func TestQuotaPaced(t *testing.T) {
	s, clock, c := serve(t, rehearsal.Options{Seed: 3, Chats: 30}, Options{Rate: 200, Burst: 1})
	for range 1000 {
		c.get("/roles", nil)
		clock.pass(300 * time.Millisecond)
	}
	if got := s.Stats(); got.Busiest != 200 || got.Refused != 0 || got.Total() != 1000 {
		t.Errorf("%d in the busiest minute, %d refused, %d in all", got.Busiest, got.Refused, got.Total())
	}
}

// TestRetryAfter: waiting as told is enough.
func TestRetryAfter(t *testing.T) {
	for form, name := range map[RetryAfter]string{RetryAfterSeconds: "seconds", RetryAfterDate: "date", RetryAfterAbsent: "absent"} {
		_, clock, c := serve(t, rehearsal.Options{Seed: 3, Chats: 30}, Options{Rate: 7, Burst: 1, RetryAfter: form})
		clock.pass(900 * time.Millisecond)
		c.get("/roles", nil)
		r := c.ask(c.root + "/roles")
		told := r.Header.Get("Retry-After")
		var wait time.Duration
		switch form {
		case RetryAfterSeconds:
			n, err := strconv.Atoi(told)
			if err != nil {
				t.Fatal(err)
			}
			wait = time.Duration(n) * time.Second
		case RetryAfterDate:
			at, err := http.ParseTime(told)
			if err != nil {
				t.Fatal(err)
			}
			wait = at.Sub(clock.at)
		default:
			if told != "" {
				t.Errorf("Retry-After: %s", told)
			}
			wait = 9 * time.Second
		}
		if wait < 8*time.Second || wait > 10*time.Second {
			t.Errorf("%s: %s is %s", name, told, wait)
		}
		clock.pass(wait)
		c.get("/roles", nil)
	}
}

// TestReadOnly: what would change something is refused and counted.
func TestReadOnly(t *testing.T) {
	s, _, _ := serve(t, rehearsal.Options{Seed: 3, Chats: 30}, Options{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		r := httptest.NewRequest(method, "http://chat.test/api/v2/bans", nil)
		r.Header.Set("Authorization", "Bearer rehearsal")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: status %d", method, w.Code)
		}
	}
	if n := s.Stats().Writes; n != 3 {
		t.Errorf("%d writes", n)
	}
}

// TestBubble: the server lives by the clock it is given, also one that nothing but a test moves.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(rehearsal.New(rehearsal.Options{Seed: 3, Chats: 500}), Options{
			Now: Clock(60, begin), TokenTTL: time.Hour, Change: Changes{Touches: 10},
		})
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t: t, h: s, token: "rehearsal", root: "http://chat.test/api/v2"}
		time.Sleep(59 * time.Second)
		c.get("/agents", nil)
		time.Sleep(time.Second) // an hour of the server's
		if status, _ := c.status("/agents"); status != 401 {
			t.Errorf("status %d after an hour", status)
		}
		changed := 0
		for e := range s.Ledger("chats") {
			changed += len(e.Versions) - 1
		}
		if changed != 10 {
			t.Errorf("%d changes in an hour", changed)
		}
	})
}
