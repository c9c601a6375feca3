package api

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatferry"
)

func TestDial(t *testing.T) {
	const sub, alone = "https://acme.zendesk.com/api/v2/chat", "https://www.zopim.com/api/v2"
	refuse := func(w http.ResponseWriter, code int) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"error":"no"}`))
	}
	for _, c := range []struct {
		name   string
		roots  []string
		answer func(w http.ResponseWriter, r *http.Request, n int) // n counts the requests from 1 on
		root   string                                              // "": an error
		kind   chatferry.Kind
		status int // that the error holds
		hint   string
		asked  int // 0: any number
	}{
		{"the first answers", []string{sub, alone}, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.URL.String() != "/api/v2/chat/agents?limit=1" {
				t.Errorf("asked for %s", r.URL)
			}
			_, _ = w.Write([]byte("[]"))
		}, sub, 0, 0, "", 1},
		{"a stand-alone account", []string{sub, alone}, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Host != "www.zopim.com" {
				refuse(w, 404)
				return
			}
			_, _ = w.Write([]byte("[]"))
		}, alone, 0, 0, "", 0},
		{"the token is for the second", []string{sub, alone}, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Host != "www.zopim.com" {
				refuse(w, 401)
				return
			}
			_, _ = w.Write([]byte("[]"))
		}, alone, 0, 0, "", 2},
		{"agents are forbidden, departments are not", []string{sub}, func(w http.ResponseWriter, r *http.Request, _ int) {
			if strings.HasSuffix(r.URL.Path, "agents") {
				refuse(w, 403)
				return
			}
			_, _ = w.Write([]byte("[]"))
		}, sub, 0, 0, "", 2},
		{"no path given", []string{"http://127.0.0.1:8080"}, func(w http.ResponseWriter, r *http.Request, _ int) {
			if !strings.HasPrefix(r.URL.Path, "/api/v2/agents") {
				refuse(w, 404)
				return
			}
			_, _ = w.Write([]byte("[]"))
		}, "http://127.0.0.1:8080/api/v2", 0, 0, "", 0},
		{
			"refused everywhere",
			[]string{sub, alone},
			func(w http.ResponseWriter, _ *http.Request, _ int) { refuse(w, 401) },
			"", chatferry.KindEnvironment, 401, "make a new token", 2,
		},
		{"refused here, not there", []string{sub, alone}, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Host == "www.zopim.com" {
				refuse(w, 404)
				return
			}
			refuse(w, 401)
		}, "", chatferry.KindEnvironment, 401, "make a new token", 0},
		{
			"all is forbidden",
			[]string{sub},
			func(w http.ResponseWriter, _ *http.Request, _ int) { refuse(w, 403) },
			"", chatferry.KindEnvironment, 403, "scope read", len(probes),
		},
		{
			"nothing there",
			[]string{sub, alone},
			func(w http.ResponseWriter, _ *http.Request, _ int) { refuse(w, 404) },
			"", chatferry.KindEnvironment, 404, "subdomain", 2 * len(probes),
		},
		{"one endpoint forbidden, no other there", []string{sub}, func(w http.ResponseWriter, r *http.Request, _ int) {
			if strings.HasSuffix(r.URL.Path, "account") {
				refuse(w, 403)
				return
			}
			refuse(w, 404)
		}, "", chatferry.KindEnvironment, 403, "scope read", 0},
		{"moved to another origin", []string{sub}, func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, "https://www.zendesk.com/", http.StatusMovedPermanently)
		}, "", chatferry.KindEnvironment, 0, "address", 1},
		{"busy at first", []string{sub}, func(w http.ResponseWriter, _ *http.Request, n int) {
			if n < 4 {
				refuse(w, []int{0, 429, 503, 502}[n])
				return
			}
			_, _ = w.Write([]byte("[]"))
		}, sub, 0, 0, "", 4},
		{"the first has a bad hour", []string{sub, alone}, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Host != "www.zopim.com" {
				refuse(w, 503)
				return
			}
			_, _ = w.Write([]byte("[]"))
		}, alone, 0, 0, "", 2},
		{
			"down",
			[]string{sub, alone},
			func(w http.ResponseWriter, _ *http.Request, _ int) { refuse(w, 503) },
			"", chatferry.KindTemporary, 503, "resume", 0,
		},
		{"refused here, down there", []string{sub, alone}, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Host == "www.zopim.com" {
				refuse(w, 503)
				return
			}
			refuse(w, 401)
		}, "", chatferry.KindEnvironment, 401, "make a new token", 2 * mostUnclear},
		{
			"a web page",
			[]string{sub},
			func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = w.Write([]byte("<html>")) },
			"", chatferry.KindEnvironment, 0, "login", sameAnswers,
		},
	} {
		bubble(t, c.name, func(t *testing.T) {
			asked := 0
			n := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer "+testToken || r.Method != http.MethodGet {
					t.Errorf("%s by %q", r.Method, r.Header.Get("Authorization"))
				}
				asked++
				c.answer(w, r, asked)
			})
			o := options(n)
			o.Roots = c.roots
			var told bytes.Buffer
			o.Log = slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
			client, err := Dial(t.Context(), o)
			if c.asked > 0 && asked != c.asked {
				t.Errorf("asked %d times, want %d", asked, c.asked)
			}
			if strings.Contains(told.String(), testToken) {
				t.Errorf("the token was told:\n%s", told.String())
			}
			if c.root != "" {
				if err != nil || client.Root() != c.root {
					t.Errorf("got %v, %v", client, err)
				}
				return
			}
			wantKind(t, err, c.kind)
			if c.status != 0 {
				wantStatus(t, err, c.status)
			}
			if !strings.Contains(chatferry.HintOf(err), c.hint) {
				t.Errorf("the hint is %q, for %v", chatferry.HintOf(err), err)
			}
		})
	}
}

func TestDialUnknownHost(t *testing.T) {
	bubble(t, "is told at once", func(t *testing.T) {
		n := serve(t, func(http.ResponseWriter, *http.Request) {})
		n.fail(&net.DNSError{Err: "no such host", Name: "acme.zendesk.com", IsNotFound: true})
		o := options(n)
		o.Roots = []string{"https://acme.zendesk.com/api/v2/chat"}
		begun := time.Now()
		_, err := Dial(t.Context(), o)
		wantKind(t, err, chatferry.KindEnvironment)
		if !strings.Contains(err.Error(), "acme.zendesk.com is not known") || time.Since(begun) > time.Second {
			t.Errorf("got %v after %s", err, time.Since(begun))
		}
	})
	bubble(t, "a resolver that is down is waited for", func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) })
		n.fail(&net.DNSError{Err: "server misbehaving", Name: "acme.zendesk.com", IsTemporary: true})
		time.AfterFunc(5*time.Minute, func() { n.fail(nil) })
		if _, err := Dial(t.Context(), options(n)); err != nil {
			t.Error(err)
		}
	})
}

func TestDialOptions(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no root":           func(o *Options) { o.Roots = nil },
		"no token":          func(o *Options) { o.Token = nil },
		"a negative rate":   func(o *Options) { o.PerMinute = -1 },
		"a share above one": func(o *Options) { o.Share = 1.5 },
		"no patience":       func(o *Options) { o.Patience = -time.Second },
		"plain http":        func(o *Options) { o.Roots = []string{"http://acme.zendesk.com"} },
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Roots: []string{testRoot}, Token: static(testToken)}
			change(&o)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := Dial(ctx, o)
			wantKind(t, err, chatferry.KindUsage)
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	if _, err := Dial(ctx, Options{Roots: []string{testRoot}, Token: static(testToken)}); err == nil || err.Error() != "stopped" {
		t.Errorf("got %v", err)
	}
}

// Another API than that of chats is found by the path that its caller names, and by no other.
func TestDialProbe(t *testing.T) {
	bubble(t, "it answers", func(t *testing.T) {
		var asked []string
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if asked = append(asked, r.URL.Path); r.URL.Path != "/api/v2/users/me" {
				http.Error(w, "{}", http.StatusNotFound)
				return
			}
			_, _ = w.Write([]byte("{}"))
		})
		o := options(n)
		o.Roots, o.Probe = []string{"https://acme.zendesk.com/api/v2"}, "users/me"
		c, err := Dial(t.Context(), o)
		if err != nil || c.Root() != o.Roots[0] || len(asked) != 1 || !c.Dated() {
			t.Errorf("got %v, %v, after %q", c, err, asked)
		}
	})
	bubble(t, "it is not there", func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusNotFound) })
		o := options(n)
		o.Probe = "users/me"
		_, err := Dial(t.Context(), o)
		wantStatus(t, err, 404)
	})
}
