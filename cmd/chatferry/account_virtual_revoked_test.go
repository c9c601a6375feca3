package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// A token that is taken away while it is used ends the run with the code of the environment and the sentence that says how
// to authorise again. With a new one the next run goes on where this one was.
func TestAccountTokenRevoked(t *testing.T) {
	const seed = 3
	for _, tt := range []struct {
		name  string
		after time.Duration // while records are read, or between two sweeps
		pair  bool          // a file with an OAuth pair
	}{
		{"while reading", 40 * time.Second, false},
		{"while reading, a pair", 40 * time.Second, true},
		{"between sweeps", 8 * time.Minute, false},
		{"between sweeps, a pair", 8 * time.Minute, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log arrivals
				o := chatapi.Options{Rate: 100, Quirks: chatapi.Quirks{PageCap: 20}}
				if tt.pair {
					o.RefreshToken, o.TokenTTL = "refresh-"+virtualToken, longToken
				}
				v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 800}, o, func(h http.Handler) http.Handler {
					return log.before(slow(300*time.Millisecond, h))
				})
				file := ""
				if tt.pair {
					file = v.keepToken()
					delete(v.env, "CHATFERRY_TOKEN")
					v.env["CHATFERRY_TOKEN_FILE"] = file
				}
				const renewed, renewal = "another-77e1", "refresh-another-77e1"
				time.AfterFunc(tt.after, v.server.RevokeToken)
				rate := []string{"--rate", "100", "--rate-share", "100%"}
				e := v.carry(t.Context(), rate...)
				revoked := v.begun.Add(tt.after)
				r := e.result(t)
				if e.code != exitEnvironment || r.Error == nil || !strings.Contains(r.Error.Hint, "make a new token ") ||
					!strings.Contains(r.Error.Hint, "chatferry resume") || !strings.Contains(e.stderr, "make a new token ") ||
					r.ResumeCommand != "chatferry resume "+v.root {
					t.Fatalf("seed %d: exit code %d, %+v: %s", seed, e.code, r.Error, e.stderr)
				}
				if n := len(log.since(revoked)); n == 0 || n > accountLanes+2 {
					t.Errorf("seed %d: %d requests with a token that was refused", seed, n)
				}
				all := int64(0)
				for range v.server.Ledger(chatferry.Chats) {
					all++
				}
				if read := r.Streams[chatferry.Chats].Read; read == 0 || (read == all) != (tt.after > time.Minute) {
					t.Errorf("seed %d: %d of %d chats were read", seed, read, all)
				}
				if d := time.Since(revoked); tt.after < time.Minute && d > 10*time.Second {
					t.Errorf("seed %d: the run ended %s after the token", seed, d)
				}

				// With the same token again nothing gets better, or worse.
				if again := v.program(t.Context(), append([]string{"resume", v.root}, rate...)...); again.code != exitEnvironment {
					t.Errorf("seed %d: exit code %d with the token that is refused: %s", seed, again.code, again.stderr)
				}
				if tt.pair {
					v.server.SetTokens(renewed, renewal)
					if err := os.WriteFile(file, []byte(`{"access_token":"`+renewed+`","refresh_token":"`+renewal+`"}`), 0o600); err != nil {
						t.Fatal(err)
					}
				} else {
					v.server.SetToken(renewed)
					v.env["CHATFERRY_TOKEN"] = renewed
				}
				if e := v.program(t.Context(), "resume", v.root); e.code != exitDone {
					t.Fatalf("seed %d: exit code %d with the new token: %s", seed, e.code, e.stderr)
				}
				v.equalsServer()
			})
		})
	}
}
