package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatferry"
)

func TestPairIsRenewed(t *testing.T) {
	bubble(t, "at 80 % of its life, for 30 hours, with no request refused", func(t *testing.T) {
		a := newAuthority(t, 30*time.Minute)
		path := tokenFile(t, a.file())
		c := authorised(t, a, path, func(o *Options) { o.PerMinute = 5 })
		for begun := time.Now(); time.Since(begun) < 30*time.Hour; {
			get(t, c)
		}
		if a.refused != 0 || a.posts < 74 || a.posts > 76 || c.Stats().Rotated != int64(a.posts) {
			t.Errorf("%d requests refused, %d renewals, %+v", a.refused, a.posts, c.Stats())
		}
		p := held(t, path)
		if p.access.Reveal() != a.access || p.refresh.Reveal() != a.refresh || p.expires.Unix() != a.expires.Unix() || p.life != a.life {
			t.Errorf("the file holds another pair than the server")
		}
		if string(p.members["note"]) != "{\n    \"kept\": [\n      1.50\n    ]\n  }" {
			t.Errorf("a member that is not known became %s", p.members["note"])
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file is %v, %v", info.Mode(), err)
		}
		tidy(t, path)
	})
	bubble(t, "once for all that are refused", func(t *testing.T) {
		a := newAuthority(t, time.Hour)
		path := tokenFile(t, a.file())
		c := authorised(t, a, path)
		a.expires = time.Now() // the server ends it early
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if _, err := c.Get(t.Context(), "chats", nil, nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if a.posts != 1 || a.refused > 30 {
			t.Errorf("%d renewals, %d refused", a.posts, a.refused)
		}
	})
	bubble(t, "through a symbolic link, which stays one", func(t *testing.T) {
		a := newAuthority(t, time.Hour)
		path := tokenFile(t, a.file())
		link := path + "-link"
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		c := authorised(t, a, link)
		a.expires = time.Now()
		get(t, c)
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if held(t, path).access.Reveal() != a.access {
			t.Error("the file holds another token than the server's")
		}
	})
	bubble(t, "by client credentials, the first token too", func(t *testing.T) {
		a := newAuthority(t, time.Hour)
		path := tokenFile(t, `{"client_id":17,"client_secret":"canary-client"}`)
		c := authorised(t, a, path)
		get(t, c)
		time.Sleep(50 * time.Minute)
		get(t, c)
		p := held(t, path)
		if a.posts != 2 || a.refused != 0 || p.access.Reveal() != a.access || !p.refresh.Empty() || string(p.members["client_id"]) != "17" {
			t.Errorf("%d renewals, %d refused, members %d", a.posts, a.refused, len(p.members))
		}
	})
	bubble(t, "of unknown life, when it is refused", func(t *testing.T) {
		a := newAuthority(t, time.Hour)
		path := tokenFile(t, fmt.Sprintf(`{"access_token":%q,"refresh_token":%q}`, a.access, a.refresh))
		c := authorised(t, a, path)
		time.Sleep(2 * time.Hour)
		get(t, c)
		if a.posts != 1 || a.refused != 1 {
			t.Errorf("%d renewals, %d refused", a.posts, a.refused)
		}
	})
	bubble(t, "by another process meanwhile", func(t *testing.T) {
		a := newAuthority(t, time.Hour)
		path := tokenFile(t, a.file())
		one, two := authorised(t, a, path), authorised(t, a, path)
		for range 10 {
			a.expires = time.Now()
			var all sync.WaitGroup
			for _, c := range []*Client{one, two, one, two} {
				all.Go(func() {
					if _, err := c.Get(t.Context(), "chats", nil, nil); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		if a.posts != 10 {
			t.Errorf("%d renewals for 10 ends", a.posts)
		}
	})
	bubble(t, "not while the endpoint is down, as long as it is good", func(t *testing.T) {
		a := newAuthority(t, time.Hour)
		path := tokenFile(t, a.file())
		c := authorised(t, a, path)
		a.before = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }
		time.Sleep(49 * time.Minute)
		for begun := time.Now(); time.Since(begun) < 10*time.Minute; {
			get(t, c)
		}
		if a.posts > 12 || a.refused > 0 {
			t.Errorf("%d renewals tried, %d refused", a.posts, a.refused)
		}
		a.before = nil
		get(t, c)
		time.Sleep(2 * time.Minute)
		get(t, c)
		if held(t, path).access.Reveal() != a.access {
			t.Error("the file holds another token than the server's")
		}
		tidy(t, path)
	})
}

func TestPairThatCannotBeRenewed(t *testing.T) {
	lose := func(w http.ResponseWriter, _ *http.Request) bool { hijack(w, ""); return true }
	for _, c := range []struct {
		name  string
		setup func(a *authority)
		kind  chatferry.Kind // 0: it can
		posts int            // at most
	}{
		{"the refresh token is void", func(a *authority) { a.refresh = "another" }, chatferry.KindEnvironment, 1},
		{"the answer is lost once, before anything was done", func(a *authority) {
			a.before = func(w http.ResponseWriter, r *http.Request) bool { a.before = nil; return lose(w, r) }
		}, 0, 2},
		{"the answer is lost once, and the pair with it", func(a *authority) {
			a.after = func(w http.ResponseWriter, r *http.Request) bool { a.after = nil; return lose(w, r) }
		}, chatferry.KindEnvironment, 2},
		{"the answers are lost", func(a *authority) { a.before = lose }, chatferry.KindEnvironment, 2},
		{"an answer without a token", func(a *authority) {
			a.before = func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte("{}")); return true }
		}, chatferry.KindEnvironment, 2},
		{"a token that no header may hold", func(a *authority) {
			a.before = func(w http.ResponseWriter, _ *http.Request) bool {
				_, _ = w.Write([]byte(`{"access_token":"a\r\nX: y"}`))
				return true
			}
		}, chatferry.KindEnvironment, 2},
		{"a redirect", func(a *authority) {
			a.before = func(w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
				return true
			}
		}, chatferry.KindEnvironment, 1},
		{"busy for five minutes", func(a *authority) {
			begun := time.Now()
			a.before = func(w http.ResponseWriter, _ *http.Request) bool {
				if time.Since(begun) > 5*time.Minute {
					return false
				}
				w.WriteHeader([]int{429, 503, 500, 502}[a.posts%4])
				return true
			}
		}, 0, 40},
		{"busy for good", func(a *authority) {
			a.before = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }
		}, chatferry.KindTemporary, 60},
		{"asks to wait for a day", func(a *authority) {
			a.before = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Retry-After", "86400")
				w.WriteHeader(429)
				return true
			}
		}, chatferry.KindTemporary, 1},
	} {
		bubble(t, c.name, func(t *testing.T) {
			a := newAuthority(t, time.Hour)
			path := tokenFile(t, a.file())
			client := authorised(t, a, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			a.expires = time.Now()
			c.setup(a)
			_, err = client.Get(t.Context(), "chats", nil, nil)
			if a.posts > c.posts {
				t.Errorf("asked the endpoint %d times", a.posts)
			}
			tidy(t, path)
			if c.kind == 0 {
				if err != nil || held(t, path).access.Reveal() != a.access {
					t.Errorf("got %v", err)
				}
				return
			}
			wantKind(t, err, c.kind)
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes a secret: %v", err)
			}
			if errors.Is(err, errVoid) && !strings.Contains(chatferry.HintOf(err), "authorise again") {
				t.Errorf("the hint is %q", chatferry.HintOf(err))
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the file changed: %v", err)
			}
			// Another caller asks the endpoint no more for nothing.
			posts := a.posts
			if _, err := client.Get(t.Context(), "bans", nil, nil); err == nil || errors.Is(err, errVoid) && a.posts > posts {
				t.Errorf("asked %d times more, %v", a.posts-posts, err)
			}
			if c.kind != chatferry.KindEnvironment {
				return
			}
			// A person authorises again; the run goes on.
			a.mu.Lock()
			a.before, a.after = nil, nil
			a.next()
			a.mu.Unlock()
			rewrite(t, path, a.file())
			get(t, client)
		})
	}
	bubble(t, "the endpoint is out of reach for five minutes", func(t *testing.T) {
		a := newAuthority(t, time.Hour)
		path := tokenFile(t, a.file())
		n := serve(t, a.ServeHTTP)
		o := options(n)
		o.Token = FileToken(path)
		c, err := Dial(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		n.dialer.CloseIdleConnections()
		n.fail(syscall.ECONNREFUSED)
		time.AfterFunc(5*time.Minute, func() { n.fail(nil) })
		get(t, c)
		if a.posts != 1 {
			t.Errorf("asked %d times", a.posts)
		}
	})
	for _, mode := range []os.FileMode{0o500, 0o700} {
		bubble(t, fmt.Sprintf("room for the new pair, folder %o", mode), func(t *testing.T) {
			a := newAuthority(t, time.Hour)
			path := tokenFile(t, a.file())
			c := authorised(t, a, path)
			a.expires = time.Now()
			folder := strings.TrimSuffix(path, "/token")
			if mode == 0o700 {
				// Something that cannot be taken away stands where the new pair is to be written.
				if err := os.MkdirAll(path+newEnding+"/x", 0o700); err != nil {
					t.Fatal(err)
				}
			} else if os.Getuid() == 0 {
				t.Skip("rights do not bind this user")
			}
			if err := os.Chmod(folder, mode); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(folder, 0o700)
			_, err := c.Get(t.Context(), "chats", nil, nil)
			wantKind(t, err, chatferry.KindEnvironment)
			if a.posts != 0 {
				t.Error("the old pair was given up although the new one cannot be kept")
			}
		})
	}
}

func TestStoppedInsideARenewal(t *testing.T) {
	bubble(t, "the pair that is under way is kept", func(t *testing.T) {
		a := newAuthority(t, time.Hour)
		path := tokenFile(t, a.file())
		c := authorised(t, a, path)
		a.expires = time.Now()
		ctx, cancel := contextUntil(t, time.Second)
		defer cancel()
		a.after = func(http.ResponseWriter, *http.Request) bool { time.Sleep(3 * time.Second); return false }
		begun := time.Now()
		if _, err := c.Get(ctx, "chats", nil, nil); !errors.Is(err, errStop) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(begun); d > 4*time.Second {
			t.Errorf("stopped after %s", d)
		}
		if a.posts != 1 {
			t.Errorf("%d renewals", a.posts)
		}
		if held(t, path).access.Reveal() != a.access {
			t.Error("the new pair is lost")
		}
		tidy(t, path)
	})
	bubble(t, "but not waited for without end", func(t *testing.T) {
		a := newAuthority(t, time.Hour)
		path := tokenFile(t, a.file())
		c := authorised(t, a, path)
		a.expires = time.Now()
		ctx, cancel := contextUntil(t, time.Second)
		defer cancel()
		asked := make(chan struct{}, 9)
		a.before = func(_ http.ResponseWriter, r *http.Request) bool {
			_ = r.ParseForm() // only then the end of the connection is noticed
			asked <- struct{}{}
			<-r.Context().Done()
			return true
		}
		begun := time.Now()
		if _, err := c.Get(ctx, "chats", nil, nil); !errors.Is(err, errStop) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(begun); d > 7*time.Second || len(asked) != 1 {
			t.Errorf("stopped after %s, %d renewals", d, len(asked))
		}
		tidy(t, path)
	})
}

func TestEndpoint(t *testing.T) {
	for _, c := range []struct{ root, named, want string }{
		{"https://acme.zendesk.com/api/v2/chat", "", "https://www.zopim.com/oauth2/token"},
		{"https://www.zopim.com/api/v2", "", "https://www.zopim.com/oauth2/token"},
		{"http://127.0.0.1:8080/api/v2", "", "http://127.0.0.1:8080/oauth2/token"},
		{"http://127.0.0.1:8080/api/v2", "https://acme.zendesk.com/oauth/tokens", "https://acme.zendesk.com/oauth/tokens"},
		{"https://acme.zendesk.com/api/v2/chat", "http://127.0.0.1:9/token", "http://127.0.0.1:9/token"},
		{"https://acme.zendesk.com/api/v2/chat", "http://acme.zendesk.com/token", ""},
		{"https://acme.zendesk.com/api/v2/chat", "https://user:pass@acme.zendesk.com/token", ""},
		{"https://acme.zendesk.com/api/v2/chat", "ftp://x", ""},
	} {
		root, err := url.Parse(c.root)
		if err != nil {
			t.Fatal(err)
		}
		u, err := endpoint(&pair{tokenURL: c.named}, root)
		if c.want == "" {
			wantKind(t, err, chatferry.KindUsage)
			continue
		}
		if err != nil || u.String() != c.want {
			t.Errorf("%+v: %v, %v", c, u, err)
		}
	}
}

// The refresh token goes to the token endpoint alone, the access token to the API alone.
func TestTokensGoWhereTheyBelong(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		a := newAuthority(t, time.Hour)
		path := tokenFile(t, a.file())
		hosts := map[string]bool{}
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			seen := fmt.Sprint(r.Header, r.URL, r.Form)
			toEndpoint := r.Host == "www.zopim.com"
			if strings.Contains(seen, "canary-access") == toEndpoint || strings.Contains(seen, "canary-refresh") != toEndpoint {
				t.Errorf("%s was sent %s", r.Host, seen)
			}
			hosts[r.Host] = true
			a.ServeHTTP(w, r)
		})
		o := options(n)
		o.Token = FileToken(path)
		o.Roots = []string{"https://acme.zendesk.com/api/v2/chat"}
		c, err := Dial(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		get(t, c)
		if a.posts != 1 || len(hosts) != 2 {
			t.Errorf("%d renewals, hosts %v", a.posts, hosts)
		}
	})
}
