package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

// authority is a token endpoint and an API that honours its tokens. It voids a pair when it gives the next.
type authority struct {
	t    *testing.T
	life time.Duration

	mu      sync.Mutex
	n       int
	access  string
	refresh string
	expires time.Time
	posts   int
	refused int // requests with a token that is not good
	// before may answer in the endpoint's place; after may do so when the pair is already another.
	before, after func(w http.ResponseWriter, r *http.Request) bool
}

func newAuthority(t *testing.T, life time.Duration) *authority {
	a := &authority{t: t, life: life}
	a.next()
	return a
}

func (a *authority) next() {
	a.n++
	a.access, a.refresh = fmt.Sprintf("canary-access-%d", a.n), fmt.Sprintf("canary-refresh-%d", a.n)
	a.expires = time.Now().Add(a.life)
}

func (a *authority) file() string {
	return fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"expires_in":%d,"expires_at":%q,"note":{"kept":[1.50]}}`,
		a.access, a.refresh, int(a.life.Seconds()), a.expires.UTC().Format(time.RFC3339))
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.URL.Path != "/oauth2/token" {
		if r.Header.Get("Authorization") != "Bearer "+a.access || !time.Now().Before(a.expires) {
			a.refused++
			w.WriteHeader(401)
			return
		}
		_, _ = w.Write([]byte("{}"))
		return
	}
	a.posts++
	if r.Method != http.MethodPost || r.Header.Get("Authorization") != "" || r.URL.RawQuery != "" {
		a.t.Errorf("%s %s by %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}
	if a.before != nil && a.before(w, r) {
		return
	}
	good := r.FormValue("grant_type") == "refresh_token" && r.FormValue("refresh_token") == a.refresh ||
		r.FormValue("grant_type") == "client_credentials" && r.FormValue("client_id") == "17" && r.FormValue("client_secret") == "canary-client"
	if !good {
		w.WriteHeader(400)
		fmt.Fprintf(w, `{"error":"invalid_grant","error_description":"%s is used up"}`, r.FormValue("refresh_token"))
		return
	}
	a.next()
	if a.after != nil && a.after(w, r) {
		return
	}
	answer := map[string]any{"access_token": a.access, "token_type": "Bearer"}
	if r.FormValue("grant_type") == "refresh_token" {
		answer["refresh_token"] = a.refresh
	}
	if a.life > 0 {
		answer["expires_in"] = int(a.life.Seconds())
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// authorised is a Client of an authority, with the pair in a file.
func authorised(t *testing.T, a *authority, path string, change ...func(*Options)) *Client {
	t.Helper()
	o := options(serve(t, a.ServeHTTP))
	o.Token = FileToken(path)
	for _, f := range change {
		f(&o)
	}
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return c
}

func get(t *testing.T, c *Client) {
	t.Helper()
	if _, err := c.Get(t.Context(), "chats", nil, nil); err != nil {
		t.Fatal(err)
	}
}

// held is the pair of a file.
func held(t *testing.T, path string) *pair {
	t.Helper()
	p, _, err := readPair(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tidy(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path + newEnding); err == nil {
		t.Errorf("%s is left behind", path+newEnding)
	}
}
