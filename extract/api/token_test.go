package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatferry"
)

func TestStaticToken(t *testing.T) {
	for text, want := range map[string]string{
		"abc": "abc", "  abc\r\n": "abc", "a-b.c_d~e+f/g==": "a-b.c_d~e+f/g==",
		"": "", " \n": "", "a b": "", "a\nb": "", "a\r\nX-Evil: 1": "", "a\x00b": "", "a\x7f": "", "café": "", "\ufeffabc": "",
	} {
		s, err := StaticToken(NewSecret(text))
		if want == "" {
			wantKind(t, err, chatferry.KindEnvironment)
			if len(text) > 2 && strings.Contains(err.Error(), strings.TrimSpace(text)) {
				t.Errorf("%q is quoted: %v", text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if token, err := s.Token(t.Context()); err != nil || token.Reveal() != want {
			t.Errorf("%q: %q, %v", text, token.Reveal(), err)
		}
	}
}

// tokenFile writes a file that only its owner may read.
func tokenFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	rewrite(t, path, text)
	return path
}

func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
}

func TestFileToken(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		mode             os.FileMode
		hint             string
	}{
		{"plain", "abc\n", "abc", 0o600, ""},
		{"read-only", "abc", "abc", 0o400, ""},
		{"byte order mark", "\ufeffabc\r\n", "abc", 0o600, ""},
		{"pair", `{"access_token":"abc\n","refresh_token":"r"}`, "abc", 0o600, ""},
		{"an object with the token alone", `{"access_token":"abc"}`, "abc", 0o600, ""},
		{"client's id is a number", `{"access_token":"abc","client_id":17,"client_secret":"s"}`, "abc", 0o600, ""},
		{"group may read", "abc", "", 0o640, "chmod 600"},
		{"others may read", "abc", "", 0o604, "chmod 600"},
		{"others may write", "abc", "", 0o602, "chmod 600"},
		{"empty", "", "", 0o600, "put one token"},
		{"two tokens", "abc\ndef", "", 0o600, "put one token"},
		{"control characters", "a\x01b", "", 0o600, "put one token"},
		{"half an object", `{"access_token":"abc"`, "", 0o600, "put one token"},
		{"an object of nothing", `{"access":"abc"}`, "", 0o600, "put one token"},
		{"token is no text", `{"access_token":["abc"]}`, "", 0o600, "put one token"},
		{"token with a line end inside", `{"access_token":"a\r\nb"}`, "", 0o600, "put one token"},
		{"far too long", strings.Repeat("a", mostTokenFile+1), "", 0o600, "nothing else"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := tokenFile(t, c.text)
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			token, err := FileToken(path).Token(t.Context())
			if c.want != "" {
				if err != nil || token.Reveal() != c.want {
					t.Errorf("%q, %v", token.Reveal(), err)
				}
				return
			}
			wantKind(t, err, chatferry.KindEnvironment)
			if !strings.Contains(chatferry.HintOf(err), c.hint) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "abc") {
				t.Errorf("%v (%s)", err, chatferry.HintOf(err))
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		_, err := FileToken(filepath.Join(t.TempDir(), "none")).Token(t.Context())
		wantKind(t, err, chatferry.KindEnvironment)
	})
	t.Run("a folder", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := FileToken(dir).Token(t.Context())
		wantKind(t, err, chatferry.KindEnvironment)
	})
	t.Run("is read again when it changes", func(t *testing.T) {
		path := tokenFile(t, "one")
		s := FileToken(path)
		for _, want := range []string{"one", "two", "six"} {
			rewrite(t, path, want)
			if token, err := s.Token(t.Context()); err != nil || token.Reveal() != want {
				t.Errorf("%q, %v; want %q", token.Reveal(), err, want)
			}
		}
		// What is there for the moment of a change, or gone, does not end a run whose token is good.
		rewrite(t, path, "")
		if token, err := s.Token(t.Context()); err != nil || token.Reveal() != "six" {
			t.Errorf("%q, %v", token.Reveal(), err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if token, err := s.Token(t.Context()); err != nil || token.Reveal() != "six" {
			t.Errorf("%q, %v", token.Reveal(), err)
		}
	})
}

func TestFileTokenIsReplacedInMidRun(t *testing.T) {
	bubble(t, "the file holds a new one", func(t *testing.T) {
		path := tokenFile(t, testToken)
		good := "Bearer " + testToken
		c, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != good {
				w.WriteHeader(401)
				return
			}
			_, _ = w.Write([]byte("{}"))
		}, func(o *Options) { o.Token = FileToken(path) })
		if _, err := c.Get(t.Context(), "chats", nil, nil); err != nil {
			t.Fatal(err)
		}
		good = "Bearer second"
		_, err := c.Get(t.Context(), "chats", nil, nil)
		wantKind(t, err, chatferry.KindEnvironment)
		if hint := chatferry.HintOf(err); !strings.Contains(hint, path) || !strings.Contains(hint, "resume ROOT") {
			t.Errorf("the hint is %q", hint)
		}
		rewrite(t, path, "second\n")
		if a, err := c.Get(t.Context(), "chats", nil, nil); err != nil || a.Requests != 1 || c.Stats().Rotated != 1 {
			t.Errorf("%+v, %v, %+v", a, err, c.Stats())
		}
	})
}

func TestCommandToken(t *testing.T) {
	for _, c := range []struct{ name, line, want, says string }{
		{"prints it", "printf ' abc\n'", "abc", ""},
		{"is a pipe", "printf '%s\n' x abc | tail -1", "abc", ""},
		{"complains but succeeds", "echo oops >&2; echo abc", "abc", ""},
		{"fails", "echo keychain is locked >&2; exit 3", "", "keychain is locked"},
		{"fails after printing it", "echo s3cr3t; echo no use for s3cr3t >&2; exit 1", "", "no use for ***"},
		{"prints nothing", "true", "", "holds no token"},
		{"prints two", "echo a b", "", "white space"},
		{"prints without end", "yes s3cr3t | head -c 200000", "", "far more than a token"},
		{"never ends", "yes s3cr3t", "", "far more than a token"},
		{"does not exist", "no-such-command-here", "", "no-such-command-here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, err := CommandToken(c.line).Token(t.Context())
			if c.want != "" {
				if err != nil || token.Reveal() != c.want {
					t.Errorf("%q, %v", token.Reveal(), err)
				}
				return
			}
			wantKind(t, err, chatferry.KindEnvironment)
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("runs once, and once more when it is refused", func(t *testing.T) {
		count := filepath.Join(t.TempDir(), "count")
		s := CommandToken("echo x >>" + count + "; echo token$(wc -l <" + count + ")")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if token, err := s.Token(t.Context()); err != nil || token.Reveal() != "token1" {
					t.Errorf("%q, %v", token.Reveal(), err)
				}
			})
		}
		all.Wait()
		for range 8 {
			all.Go(func() {
				if token, err := s.Renew(t.Context(), NewSecret("token1")); err != nil || token.Reveal() != "token2" {
					t.Errorf("%q, %v", token.Reveal(), err)
				}
			})
		}
		all.Wait()
	})
	t.Run("ends with the context, and all that it started", func(t *testing.T) {
		alive := filepath.Join(t.TempDir(), "alive")
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("stopped")
		time.AfterFunc(200*time.Millisecond, func() { cancel(why) })
		// The grandchild holds the output open; it would touch the file long before it ended by itself.
		_, err := CommandToken("(sleep 2; touch " + alive + ") & sleep 60").Token(ctx)
		if !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		time.Sleep(2500 * time.Millisecond)
		if _, err := os.Stat(alive); err == nil {
			t.Error("what the command started lives on")
		}
	})
}

// sequence is a TokenSource whose renewals give one token after the other.
type sequence struct {
	mu      sync.Mutex
	tokens  []string
	renewed int
}

func (s *sequence) Token(context.Context) (Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return NewSecret(s.tokens[0]), nil
}

func (s *sequence) Renew(_ context.Context, refused Secret) (Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused.Reveal() == s.tokens[0] && len(s.tokens) > 1 {
		s.tokens = s.tokens[1:]
		s.renewed++
	}
	return NewSecret(s.tokens[0]), nil
}

func (s *sequence) Advice() string { return "advice" }

func TestRefusals(t *testing.T) {
	many := func(n int) (tokens []string) {
		for i := range n {
			tokens = append(tokens, fmt.Sprintf("token%d", i))
		}
		return tokens
	}
	for _, c := range []struct {
		name    string
		refuses func(r *http.Request, token string) bool
		ok      bool
		renewed int
	}{
		{"the old token", func(_ *http.Request, token string) bool { return token == "token0" }, true, 1},
		{"all tokens", func(*http.Request, string) bool { return true }, false, 1},
		{"one endpoint", func(r *http.Request, _ string) bool { return strings.HasSuffix(r.URL.Path, "clients") }, false, 1},
	} {
		bubble(t, c.name, func(t *testing.T) {
			s := &sequence{tokens: many(50)}
			var refused atomic.Int64
			h, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "clients") {
					time.Sleep(5 * time.Second) // so that others prove a token between two refusals
				}
				if c.refuses(r, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
					refused.Add(1)
					w.WriteHeader(401)
					return
				}
				_, _ = w.Write([]byte("{}"))
			}, func(o *Options) { o.Token = s })
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					path := "chats"
					if i == 0 {
						path = "oauth/clients"
					}
					_, err := h.Get(t.Context(), path, nil, nil)
					for n := 0; n < 20 && err == nil && i > 0; n++ {
						_, err = h.Get(t.Context(), path, nil, nil)
					}
					switch {
					case err == nil && (c.ok || c.name == "one endpoint" && i > 0):
					case err != nil && !c.ok:
						wantKind(t, err, chatferry.KindEnvironment)
						wantStatus(t, err, 401)
						if chatferry.HintOf(err) != "advice" {
							t.Errorf("the hint is %q", chatferry.HintOf(err))
						}
					default:
						t.Errorf("caller %d: %v", i, err)
					}
				})
			}
			all.Wait()
			if s.renewed < c.renewed || s.renewed > c.renewed+1 {
				t.Errorf("renewed %d times, want %d", s.renewed, c.renewed)
			}
			if refused.Load() > 41 {
				t.Errorf("asked %d times in vain", refused.Load())
			}
		})
	}
}

// Nothing that the client says holds the token, whatever the server quotes.
func TestServerThatQuotesTheToken(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 429, 500, 502} {
		bubble(t, http.StatusText(code), func(t *testing.T) {
			var told bytes.Buffer
			c, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Token", r.Header.Get("Authorization"))
				w.WriteHeader(code)
				fmt.Fprintf(w, `{"error":%q,"description":"you sent %s to %s"}`, r.Header.Get("Authorization"), r.Header.Get("Authorization"), r.URL)
			}, func(o *Options) {
				o.Log = slog.New(slog.NewJSONHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
				o.State = func(s string) { fmt.Fprintln(&told, s) }
			})
			_, err := c.Get(t.Context(), "agents/email/jane@example.com", map[string][]string{"q": {"visitor_name:Jane"}}, nil)
			fmt.Fprintf(&told, "%v %+v %#v %s", err, err, err, chatferry.HintOf(err))
			for _, leak := range []string{testToken, "jane@", "Jane"} {
				if strings.Contains(told.String(), leak) {
					t.Errorf("%q was told: %s", leak, told.String())
				}
			}
		})
	}
}
