//go:build unix

package api

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatferry"
)

// The environment of a process that a test starts to have it killed.
const (
	killAt   = "CHATFERRY_TEST_KILL_AT"
	killFile = "CHATFERRY_TEST_TOKEN_FILE"
	killRoot = "CHATFERRY_TEST_ROOT"
)

// TestRotationIsKilled is one such process as well: it renews the pair and kills itself at a step.
func TestRotationIsKilled(t *testing.T) {
	if step := os.Getenv(killAt); step != "" {
		s := FileToken(os.Getenv(killFile)).(*fileToken)
		s.step = func(name string) {
			if name == step {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
		c, err := Dial(t.Context(), Options{Roots: []string{os.Getenv(killRoot)}, Token: s, PerMinute: 6000, Share: 1, Patience: 10 * time.Second})
		t.Fatalf("lived on: %v, %v", c, err)
	}
	for _, c := range []struct {
		step  string
		posts int  // in both lives together
		lost  bool // the new pair cannot be known
	}{
		{"locked", 1, false},
		{"reserved", 1, false},
		{"granted", 2, true},
		{"written", 1, false},
		{"published", 1, false},
	} {
		t.Run(c.step, func(t *testing.T) {
			a := newAuthority(t, time.Hour)
			path := tokenFile(t, a.file())
			a.expires = time.Now()
			server := httptest.NewServer(a)
			defer server.Close()
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}

			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRotationIsKilled$")
			cmd.Env = append(os.Environ(), killAt+"="+c.step, killFile+"="+path, killRoot+"="+server.URL+"/api/v2")
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("it was not killed: %v\n%s", err, out)
			}

			o := Options{Roots: []string{server.URL + "/api/v2"}, Token: FileToken(path), PerMinute: 6000, Share: 1, Patience: 10 * time.Second}
			client, err := Dial(t.Context(), o)
			if c.lost {
				wantKind(t, err, chatferry.KindEnvironment)
				if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
					t.Errorf("the file changed: %v", err)
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				get(t, client)
				client.Close()
				if p := held(t, path); p.access.Reveal() != a.access || p.refresh.Reveal() != a.refresh {
					t.Error("the file holds another pair than the server")
				}
			}
			if a.posts != c.posts {
				t.Errorf("the endpoint was asked %d times, want %d", a.posts, c.posts)
			}
			tidy(t, path)
		})
	}
}

// A new pair that was left beside the file is taken up only if it is whole and was got with the very pair that the file
// holds: a person may have authorised again since.
func TestSettleNew(t *testing.T) {
	old, err := parsePair([]byte(`{"access_token":"a1","refresh_token":"r1","note":1}`))
	if err != nil {
		t.Fatal(err)
	}
	next, err := old.succeededBy(&grant{access: NewSecret("a2"), refresh: NewSecret("r2")})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, file, beside, want string }{
		{"nothing beside", `{"access_token":"a1","refresh_token":"r1"}`, "", "a1"},
		{"its successor", `{"access_token":"a1","refresh_token":"r1"}`, string(next), "a2"},
		{"its successor, with the room that was made", `{"access_token":"a1","refresh_token":"r1"}`, string(next) + "      ", "a2"},
		{"the successor of another", `{"access_token":"a9","refresh_token":"r9"}`, string(next), "a9"},
		{"of one that a person wrote by hand", `a9`, string(next), "a9"},
		{"half a successor", `{"access_token":"a1","refresh_token":"r1"}`, string(next[:len(next)/2]), "a1"},
		{"room only", `{"access_token":"a1","refresh_token":"r1"}`, "        ", "a1"},
		{"zeros", `{"access_token":"a1","refresh_token":"r1"}`, "\x00\x00\x00", "a1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := tokenFile(t, c.file)
			if c.beside != "" {
				if err := os.WriteFile(path+newEnding, []byte(c.beside), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if err := settleNew(path); err != nil {
					t.Fatal(err)
				}
			}
			if got := held(t, path).access.Reveal(); got != c.want {
				t.Errorf("the file holds %s, want %s", got, c.want)
			}
			tidy(t, path)
		})
	}
}

// One lock, whoever asks for it, process or not.
func TestTokenLock(t *testing.T) {
	s := FileToken(tokenFile(t, "x")).(*fileToken)
	mu, all := sync.Mutex{}, sync.WaitGroup{}
	holders := 0
	for range 4 {
		all.Go(func() {
			unlock, err := s.lock(t.Context(), s.path)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			if holders++; holders > 1 {
				t.Error("two hold it")
			}
			mu.Unlock()
			time.Sleep(5 * time.Millisecond)
			mu.Lock()
			holders--
			mu.Unlock()
			unlock()
		})
	}
	all.Wait()
	unlock, err := s.lock(t.Context(), s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := contextUntil(t, 20*time.Millisecond)
	defer cancel()
	if _, err := s.lock(ctx, s.path); !errors.Is(err, errStop) {
		t.Errorf("got %v", err)
	}
}
