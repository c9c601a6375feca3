package main

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// switchable answers with one server, and after a change with another one.
type switchable struct{ now atomic.Pointer[http.Handler] }

func (s *switchable) set(h http.Handler) { s.now.Store(&h) }

func (s *switchable) around(h http.Handler) http.Handler {
	s.set(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.now.Load()).ServeHTTP(w, r) })
}

// serve makes a server of another account that takes the place of the one behind v.
func (v *virtual) serve(s *switchable, account rehearsal.Options, o chatapi.Options) {
	v.t.Helper()
	o.Token, o.Now = virtualToken, chatapi.Clock(1, serverBegin)
	server, err := chatapi.New(rehearsal.New(account), o)
	if err != nil {
		v.t.Fatal(err)
	}
	s.set(server)
}

// written are the files of the dataset without the lock, which every run takes.
func (v *virtual) written() map[string]string {
	files := v.files()
	delete(files, checkpoint.Folder+"/lock")
	return files
}

// An account that answers as another one than the dataset was begun with stops the run with a sentence, before anything is
// written. A person who says that it moved is believed, once and for all.
func TestAccountMoved(t *testing.T) {
	const seed = 5
	small := rehearsal.Options{Seed: seed, Chats: 60, Bad: -1}
	upgraded := small
	upgraded.Upgraded = true
	other := small
	other.Seed++
	for _, tt := range []struct {
		name  string
		now   rehearsal.Options
		o     chatapi.Options
		words []string
	}{
		{"another number", other, chatapi.Options{}, []string{"begun with account", strconv.FormatInt(rehearsal.New(other).Number, 10)}},
		{"upgraded", upgraded, chatapi.Options{Kind: chatapi.Phase4}, []string{"the account was legacy and is upgraded now"}},
		{"another address", small, chatapi.Options{Quirks: chatapi.Quirks{NoSubdomain: true}}, []string{"at another address", "127.0.0.1/api/v2/chat"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var s switchable
				v := newVirtual(t, small, chatapi.Options{}, s.around)
				v.mustCarry("--overlap", "0")
				before := v.written()
				v.serve(&s, tt.now, tt.o)

				e := v.carry(t.Context(), "--overlap", "0")
				if e.code != exitIncompatible {
					t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
				}
				for _, word := range append(tt.words, "--account-moved") {
					if !strings.Contains(e.stderr, word) {
						t.Errorf("seed %d: %q is not said: %s", seed, word, e.stderr)
					}
				}
				if !maps.Equal(before, v.written()) {
					t.Errorf("seed %d: a run that was refused wrote something", seed)
				}
				v.mustCarry("--overlap", "0", "--account-moved")
				v.mustCarry("--overlap", "0")
				v.mustCarry("--overlap", "0", "--incremental")
				if e := v.program(t.Context(), "verify", v.root); e.code != exitDone {
					t.Errorf("seed %d: exit code %d: %s%s", seed, e.code, e.stdout, e.stderr)
				}
			})
		})
	}
}

// A root that does not answer for a while is no move, although the account answers at another one meanwhile.
func TestAccountComesBack(t *testing.T) {
	const seed = 5
	bubble(t, func(t *testing.T) {
		var failing atomic.Int64
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 60, Bad: -1}, chatapi.Options{}, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/api/v2/chat/") && failing.Add(-1) >= 0 {
					w.WriteHeader(http.StatusBadGateway)
					return
				}
				h.ServeHTTP(w, r)
			})
		})
		v.mustCarry("--overlap", "0")
		failing.Store(3)
		v.mustCarry("--overlap", "0", "--incremental")
		if failing.Load() >= 0 {
			t.Errorf("seed %d: the root was not asked again", seed)
		}
	})
}

// A chat with another account's number in its id stops the run where it is met. The Parts before it stay.
func TestAccountStrayChat(t *testing.T) {
	const seed = 6
	bubble(t, func(t *testing.T) {
		account := rehearsal.New(rehearsal.Options{Seed: seed, Chats: 60, Bad: -1})
		number := strconv.FormatInt(account.Number, 10)
		id := regexp.MustCompile(`"id":"(\d{4})\.` + number + `\.`)
		v := newVirtual(t, account.Options(), chatapi.Options{}, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "incremental/chats") || !strings.Contains(r.URL.RawQuery, "%2A") {
					h.ServeHTTP(w, r)
					return
				}
				r.Header.Del("Accept-Encoding")
				to := httptest.NewRecorder()
				h.ServeHTTP(to, r)
				body := to.Body.Bytes()
				if first := id.FindIndex(body); first != nil {
					body = append(id.ReplaceAll(body[:first[1]], []byte(`"id":"$1.77.`)), body[first[1]:]...)
				}
				maps.Copy(w.Header(), to.Header())
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				w.WriteHeader(to.Code)
				_, _ = w.Write(body)
			})
		})
		e := v.carry(t.Context(), "--overlap", "0", "--streams", "chats")
		if e.code != exitIncompatible || !strings.Contains(e.stderr, "which is of account 77") {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		if n := e.result(t).Streams[chatferry.Chats].Read; n != 0 {
			t.Errorf("seed %d: %d chats were committed from the page with the stray one", seed, n)
		}
		v.mustCarry("--overlap", "0", "--streams", "chats", "--account-moved")
		if r := v.mustCarry("--overlap", "0", "--streams", "chats"); r.Streams[chatferry.Chats].Loaded == 0 {
			t.Errorf("seed %d: nothing was loaded", seed)
		}
	})
}

// halfDone carries a part of the account, until its token is refused, and returns what goes on.
func (v *virtual) halfDone(after time.Duration) {
	v.t.Helper()
	time.AfterFunc(after, v.server.RevokeToken)
	e := v.carry(v.t.Context(), "--rate", "100", "--rate-share", "100%", "--overlap", "0")
	if e.code != exitEnvironment {
		v.t.Fatalf("exit code %d: %s", e.code, e.stderr)
	}
	if read := e.result(v.t).Streams[chatferry.Chats].Read; read == 0 || read >= 400 {
		v.t.Fatalf("%d of 400 chats were read", read)
	}
	v.server.SetToken(virtualToken)
}

// A dataset that a later version of chatferry has written to is refused by the name of the first file that it cannot read,
// and goes on with what can.
func TestNewerVersionIsNamed(t *testing.T) {
	const seed = 7
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 400, Bad: -1},
			chatapi.Options{Rate: 100, Quirks: chatapi.Quirks{PageCap: 20}}, func(h http.Handler) http.Handler { return slow(300*time.Millisecond, h) })
		v.halfDone(20 * time.Second)
		logs := filepath.Join(v.root, filepath.FromSlash(checkpoint.Folder), "log", "dataset")
		names, err := os.ReadDir(logs)
		if err != nil {
			t.Fatal(err)
		}
		last := filepath.Join(logs, names[len(names)-1].Name())
		format := filepath.Join(v.root, filepath.FromSlash(checkpoint.Folder), "FORMAT")
		for _, tt := range []struct {
			name, file string
			change     func(text string) string
			words      string
		}{
			{"format", format, func(s string) string { return strings.Replace(s, `"format":1`, `"format":2`, 1) }, "format version 2"},
			{"record of a later format", last, func(s string) string { return sealed(strings.Replace(s, `"format":1`, `"format":2`, 1)) }, "format version is 2"},
			{"kind", last, func(s string) string { return sealed(strings.Replace(s, `"kind":"`, `"kind":"later-`, 1)) }, `"later-`},
			{"member", last, func(s string) string { return sealed(strings.Replace(s, `"format":1`, `"format":1,"later":1`, 1)) }, `"later"`},
		} {
			was, err := os.ReadFile(tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(tt.file, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(tt.file, []byte(tt.change(string(was))), 0o600); err != nil {
				t.Fatal(err)
			}
			e := v.program(t.Context(), "resume", v.root, "--json")
			if e.code != exitIncompatible || !strings.Contains(e.stderr, tt.words) || !strings.Contains(e.stderr, filepath.Base(tt.file)) ||
				!strings.Contains(e.stderr, "use the version of chatferry that wrote it") {
				t.Errorf("seed %d: %s: exit code %d: %s", seed, tt.name, e.code, e.stderr)
			}
			if err := os.WriteFile(tt.file, was, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if e := v.program(t.Context(), "resume", v.root); e.code != exitDone {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		v.equalsServer()
	})
}

// sealed gives a record that was changed the checksum of what it says now.
func sealed(record string) string {
	body, _, _ := strings.Cut(record, `,"sum":"`)
	return fmt.Sprintf("%s,\"sum\":\"%x\"}\n", body, sha256.Sum256([]byte(body)))
}

// A dataset that was moved or copied half done goes on in either place.
func TestRootIsMovedOrCopied(t *testing.T) {
	const seed = 8
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 400, Bad: -1},
			chatapi.Options{Rate: 100, Quirks: chatapi.Quirks{PageCap: 20}}, func(h http.Handler) http.Handler { return slow(300*time.Millisecond, h) })
		v.halfDone(20 * time.Second)
		copied, moved := filepath.Join(t.TempDir(), "copied"), filepath.Join(t.TempDir(), "moved")
		if err := os.CopyFS(copied, os.DirFS(v.root)); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(v.root, moved); err != nil {
			t.Fatal(err)
		}
		for _, v.root = range []string{copied, moved} {
			if e := v.program(t.Context(), "resume", v.root); e.code != exitDone {
				t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
			}
			if e := v.program(t.Context(), "verify", v.root); e.code != exitDone {
				t.Fatalf("seed %d: exit code %d: %s%s", seed, e.code, e.stdout, e.stderr)
			}
			v.equalsServer()
		}
	})
}
