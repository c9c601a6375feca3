package api

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"chatferry"
)

func TestGet(t *testing.T) {
	bubble(t, "answer", func(t *testing.T) {
		c, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.URL.String(); got != "/api/v2/chat/incremental/chats?fields=chats%28%2A%29&start_time=5" {
				t.Errorf("asked for %s", got)
			}
			if got := r.Header.Get("Authorization"); got != "Bearer "+testToken {
				t.Errorf("authorised by %q", got)
			}
			_, _ = w.Write([]byte(`{"chats":[]}`))
		})
		a, err := c.Get(t.Context(), "incremental/chats", url.Values{"start_time": {"5"}, "fields": {"chats(*)"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if string(a.Body) != `{"chats":[]}` || a.Requests != 1 || a.Date.IsZero() || a.Throttled <= 0 {
			t.Errorf("got %+v", a)
		}
	})
	for _, status := range []int{400, 403, 404, 405, 406, 410, 413, 422, 451, 501, 304} {
		bubble(t, http.StatusText(status)+" is final", func(t *testing.T) {
			c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				if status != 304 {
					_, _ = w.Write([]byte(`{"error":"nope","description":"no ` + testToken + ` for jane@example.com"}`))
				}
			})
			before := c.Stats().Requests
			_, err := c.Get(t.Context(), "bans", nil, nil)
			wantStatus(t, err, status)
			if n := c.Stats().Requests - before; n != 1 {
				t.Errorf("%d requests", n)
			}
			if text := err.Error(); strings.Contains(text, testToken) || strings.Contains(text, "jane") {
				t.Errorf("the error quotes too much: %s", text)
			}
		})
	}
	bubble(t, "401 of a token that cannot be renewed", func(t *testing.T) {
		c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
		before := c.Stats().Requests
		_, err := c.Get(t.Context(), "chats", nil, nil)
		wantKind(t, err, chatferry.KindEnvironment)
		wantStatus(t, err, 401)
		if hint := chatferry.HintOf(err); !strings.Contains(hint, "CHATFERRY_TOKEN") || !strings.Contains(hint, "resume ROOT") {
			t.Errorf("the hint is %q", hint)
		}
		if n := c.Stats().Requests - before; n != 1 {
			t.Errorf("%d requests", n)
		}
	})
	bubble(t, "no path leads out of the root", func(t *testing.T) {
		c, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) })
		for _, path := range []string{"", "/chats", "../x", "a/../../x", "a//b", "chats/", `a\b`, "a\r\nb", "."} {
			if _, err := c.Get(t.Context(), path, nil, nil); err == nil {
				t.Errorf("%q was asked for", path)
			}
		}
	})
	bubble(t, "what stands for itself in a path is escaped", func(t *testing.T) {
		c, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v2/chat/shortcuts/a?b#c%2f" || r.URL.RawQuery != "" {
				t.Errorf("asked for %s", r.URL)
			}
			_, _ = w.Write([]byte("{}"))
		})
		if _, err := c.Get(t.Context(), "shortcuts/a?b#c%2f", nil, nil); err != nil {
			t.Fatal(err)
		}
	})
	bubble(t, "a refused body is asked for again", func(t *testing.T) {
		n := 0
		c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n < 3 {
				_, _ = w.Write([]byte(`{"wrong":1}`))
				return
			}
			_, _ = w.Write([]byte(`{"right":1}`))
		})
		a, err := c.Get(t.Context(), "chats", nil, func(b []byte) error {
			if !strings.Contains(string(b), "right") {
				return errors.New("no member right")
			}
			return nil
		})
		if err != nil || a.Requests != 3 {
			t.Errorf("%+v, %v", a, err)
		}
	})
	bubble(t, "the same refused body again and again ends it", func(t *testing.T) {
		c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"wrong":1}`)) })
		refusal := errors.New("no member right")
		before := c.Stats().Requests
		_, err := c.Get(t.Context(), "chats", nil, func([]byte) error { return refusal })
		wantKind(t, err, chatferry.KindTemporary)
		if !errors.Is(err, refusal) || !strings.Contains(err.Error(), "chats") {
			t.Errorf("got %v", err)
		}
		if n := c.Stats().Requests - before; n != sameAnswers {
			t.Errorf("%d requests", n)
		}
	})
}
