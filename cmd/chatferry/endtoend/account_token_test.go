package endtoend

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A token that is revoked in mid-run ends the run with exit code 3 and says how to go on; a new one finishes it.
func TestAccountTokenRevoked(t *testing.T) {
	for _, c := range []struct {
		name string
		give func(t *testing.T, token string) (flags, env []string)
	}{
		{"from the environment", func(_ *testing.T, token string) (flags, env []string) {
			return nil, []string{"CHATFERRY_TOKEN=" + token}
		}},
		{"from a file", func(t *testing.T, token string) (flags, env []string) {
			return []string{"--token-file", tokenFile(t, token)}, []string{"CHATFERRY_TOKEN="}
		}},
		{"from a command", func(t *testing.T, token string) (flags, env []string) {
			return []string{"--token-command", "cat '" + tokenFile(t, token) + "'"}, []string{"CHATFERRY_TOKEN="}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var a *servedAccount
			var asked atomic.Int64
			a = serveAccount(t, accountOptions{seed: 21, chats: 800, before: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if asked.Add(1) == 30 {
						a.api.RevokeToken()
					}
					next.ServeHTTP(w, r)
				})
			}})
			root := filepath.Join(t.TempDir(), "out")
			carry := func(token string) (outcome, ending) {
				flags, env := c.give(t, token)
				cmd := a.command(t, root, "", flags...)
				cmd.Env = append(cmd.Env, env...)
				return settled(t, root, endOf(t, cmd, cmd.Run()))
			}
			o, e := carry(accountToken)
			if e.code != 3 || o.Error == nil {
				t.Fatalf("exit code %d: %s", e.code, e.stderr)
			}
			t.Logf("%s; %s", o.Error.Message, o.Error.Hint)
			for _, word := range []string{"token", "401"} {
				if !strings.Contains(o.Error.Message, word) {
					t.Errorf("the message does not speak of %s: %s", word, o.Error.Message)
				}
			}
			if !strings.Contains(o.Error.Hint, "token") || !strings.Contains(o.ResumeCommand, "resume") {
				t.Errorf("it does not say how to go on: %q, %q", o.Error.Hint, o.ResumeCommand)
			}
			if s := a.api.Stats(); s.WrongToken > 8*3 {
				t.Errorf("a refused token was used %d times", s.WrongToken)
			}
			before := recordsOf(t, root)
			if _, e := carry(accountToken); e.code != 3 {
				t.Errorf("with the same token again: exit code %d: %s", e.code, e.stderr)
			}
			a.api.SetToken(accountTokenNew)
			if _, e := carry(accountTokenNew); e.code != 0 {
				t.Errorf("with a new token: exit code %d: %s", e.code, e.stderr)
			}
			got := recordsOf(t, root)
			holdRecords(t, "with a new token", got.without(unlisted...), a.served(false))
			if lost, _ := got.differences(before); len(lost) > 0 {
				t.Errorf("of what was there before it lacks %v", lost)
			}
		})
	}
}

// tokenFile is a file with a token that its owner alone can read.
func tokenFile(t *testing.T, token string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A server that gives the token back in all that it says: in the bodies and the headers of refusals, behind JSON, as the
// place of a redirect and as a query. The token shows nowhere; what else a run leaves behind is looked through by every
// test of accounts.
func TestAccountThatEchoesTheToken(t *testing.T) {
	type echo struct {
		name   string
		answer func(w http.ResponseWriter, token string)
		exit   int
	}
	refuse := func(status int) func(w http.ResponseWriter, token string) {
		return func(w http.ResponseWriter, token string) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", token)
			w.Header().Set("X-Token", token)
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"error":"refused %s","description":"Bearer %s is not liked","message":%q}`, token, token, token)
		}
	}
	text := func(format string) func(w http.ResponseWriter, token string) {
		return func(w http.ResponseWriter, token string) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, format, token)
		}
	}
	for _, c := range []echo{
		{"400", refuse(400), 1},
		{"401", refuse(401), 3},
		{"403", refuse(403), 4},
		{"404", refuse(404), 4},
		{"409", refuse(409), 0},
		{"429", refuse(429), 0},
		{"500", refuse(500), 0},
		{"503", refuse(503), 0},
		{"599", refuse(599), 0},
		{"a web page", text("<html>%s</html>"), 0},
		{"behind JSON", text(`{"agent_timeline":[],"count":0} %s`), 0},
		{"a body that is the token", text("%s"), 0},
		{"a member's name", text(`{"%s":1}`), 0},
		{"end_time", text(`{"agent_timeline":[{"id":1}],"count":1,"end_time":"%s"}`), 0},
		{"a redirect elsewhere", func(w http.ResponseWriter, token string) {
			w.Header().Set("Location", "https://"+token+".example/"+token+"?t="+token)
			w.WriteHeader(302)
		}, 0},
		{"a redirect with a password", func(w http.ResponseWriter, token string) {
			w.Header().Set("Location", "http://"+token+":"+token+"@127.0.0.1/")
			w.WriteHeader(307)
		}, 0},
		{"a redirect that cannot be parsed", func(w http.ResponseWriter, token string) {
			w.Header().Set("Location", "http://[::1/%zz"+token)
			w.WriteHeader(301)
		}, 0},
		{"a status that is no number", func(w http.ResponseWriter, token string) { raw(w, "HTTP/1.1 "+token+" "+token+"\r\n\r\n") }, 0},
		{"a header that is none", func(w http.ResponseWriter, token string) {
			raw(w, "HTTP/1.1 200 OK\r\n"+token+"\r\n: "+token+"\r\n\r\n")
		}, 0},
		{"not HTTP", func(w http.ResponseWriter, token string) { raw(w, token+"\n"+token+"\n") }, 0},
		{"a chunk that is none", func(w http.ResponseWriter, token string) {
			raw(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+token+"\r\n"+token)
		}, 0},
		{"an encoding that is none", func(w http.ResponseWriter, token string) {
			raw(w, "HTTP/1.1 200 OK\r\nContent-Encoding: "+token+"\r\nContent-Length: 2\r\n\r\n{}")
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			a := serveAccount(t, accountOptions{seed: 22, chats: 300, before: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.HasSuffix(r.URL.Path, "/incremental/agent_timeline") && asked.Add(1) == 2 {
						c.answer(w, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
						return
					}
					next.ServeHTTP(w, r)
				})
			}})
			root := filepath.Join(t.TempDir(), "out")
			o, e := a.carry(t, root, accountToken)
			if e.code != c.exit {
				t.Errorf("exit code %d, want %d: %s", e.code, c.exit, e.stderr)
			}
			if e.code != 0 && o.Error == nil {
				t.Errorf("exit code %d without a sentence", e.code)
			}
			if _, e := a.carry(t, root, accountToken); e.code != 0 {
				t.Errorf("after that it ended with %d: %s", e.code, e.stderr)
			}
			holdRecords(t, c.name, recordsOf(t, root).without(unlisted...), a.served(false))
		})
	}
}

// raw answers with bytes that net/http would not send.
func raw(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte(text))
	_ = conn.Close()
}

// While the program runs no process shows the token among its arguments, whether it comes from the environment or from a
// command.
func TestAccountTokenIsNoArgument(t *testing.T) {
	for _, from := range []string{"environment", "command", "file"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			hold, reached := make(chan struct{}), make(chan struct{})
			a := serveAccount(t, accountOptions{seed: 23, chats: 300, before: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.HasSuffix(r.URL.Path, "/goals") {
						close(reached) // it is asked for once
						<-hold         // so that there is time to look
					}
					next.ServeHTTP(w, r)
				})
			}})
			root := filepath.Join(t.TempDir(), "out")
			token, flags := accountToken, []string(nil)
			switch from {
			case "command":
				token, flags = "", []string{"--token-command", "sleep 0.1; cat '" + tokenFile(t, accountToken) + "'"}
			case "file":
				token, flags = "", []string{"--token-file", tokenFile(t, accountToken)}
			}
			cmd := a.command(t, root, token, flags...)
			ended := make(chan error, 1)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			go func() { ended <- cmd.Wait() }()
			looked := 0
			for last := 10; last > 0; time.Sleep(10 * time.Millisecond) {
				select {
				case <-reached:
					last--
				case err := <-ended: // it did not come that far
					ended <- err
					last = 0
				default:
				}
				lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range lines {
					line, err := os.ReadFile(name)
					if err != nil {
						continue // it ended meanwhile
					}
					if strings.Contains(string(line), root) {
						looked++
					}
					if bytes.Contains(line, []byte(tokenCanary)) {
						t.Errorf("%s holds the token: %q", name, line)
					}
				}
			}
			close(hold)
			if _, e := settled(t, root, endOf(t, cmd, <-ended)); e.code != 0 {
				t.Errorf("exit code %d: %s", e.code, e.stderr)
			}
			if looked == 0 {
				t.Errorf("the process was never seen")
			}
		})
	}
}
