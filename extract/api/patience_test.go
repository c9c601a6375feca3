package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatferry"
)

func TestOutage(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
	}{
		{"refused", syscall.ECONNREFUSED},
		{"unreachable", syscall.EHOSTUNREACH},
		{"no such host", &net.DNSError{Err: "no such host", Name: "acme.example", IsNotFound: true}},
		{"dns down", &net.DNSError{Err: "server misbehaving", Name: "acme.example", IsTemporary: true}},
	} {
		bubble(t, "ten minutes "+c.name, func(t *testing.T) {
			h, n := dialed(t, body("{}"), func(o *Options) { o.Patience = 15 * time.Minute })
			n.dialer.CloseIdleConnections()
			n.fail(c.err)
			time.AfterFunc(10*time.Minute, func() { n.fail(nil) })
			begun := time.Now()
			var all sync.WaitGroup
			var requests arrivals
			for i := range 20 {
				all.Go(func() {
					a, err := h.Get(t.Context(), "chats/"+strconv.Itoa(i), nil, nil)
					if err != nil {
						t.Error(err)
						return
					}
					requests.add(time.Now())
					if a.Requests > 60 {
						t.Errorf("%d requests", a.Requests)
					}
				})
			}
			all.Wait()
			if d := time.Since(begun); d < 10*time.Minute || d > 11*time.Minute+15*time.Second {
				t.Errorf("took %s", d)
			}
		})
		bubble(t, "for good "+c.name, func(t *testing.T) {
			h, n := dialed(t, body("{}"))
			n.dialer.CloseIdleConnections()
			n.fail(c.err)
			begun := time.Now()
			_, err := h.Get(t.Context(), "chats", nil, nil)
			wantKind(t, err, chatferry.KindTemporary)
			if !errors.Is(err, c.err) {
				t.Errorf("the cause is gone: %v", err)
			}
			if d := time.Since(begun); d < 10*time.Minute || d > 10*time.Minute+5*time.Second {
				t.Errorf("gave up after %s", d)
			}
		})
	}
}

// Patience is the account's: as long as others succeed, nobody gives up.
func TestPatienceIsShared(t *testing.T) {
	bubble(t, "one endpoint fails for an hour", func(t *testing.T) {
		begun := time.Now()
		c, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "bans") && time.Since(begun) < time.Hour {
				w.WriteHeader(500)
				return
			}
			_, _ = w.Write([]byte("{}"))
		}, func(o *Options) { o.PerMinute = 10 })
		ctx, cancel := context.WithTimeout(t.Context(), 70*time.Minute)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			for ctx.Err() == nil {
				_, _ = c.Get(ctx, "chats", nil, nil)
			}
		})
		if _, err := c.Get(ctx, "bans", nil, nil); err != nil {
			t.Error(err)
		}
		cancel()
		all.Wait()
	})
	bubble(t, "an old failure of a call that ended is forgotten", func(t *testing.T) {
		n := 0
		c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n <= 2 {
				w.WriteHeader(500)
				return
			}
			_, _ = w.Write([]byte("{}"))
		})
		ctx, cancel := context.WithTimeout(t.Context(), 310*time.Millisecond)
		defer cancel()
		if _, err := c.Get(ctx, "chats", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := c.Get(t.Context(), "chats", nil, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestTooLongToWait(t *testing.T) {
	for _, header := range []string{"86400", "9999999999"} {
		bubble(t, header, func(t *testing.T) {
			c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(429)
			})
			begun := time.Now()
			_, err := c.Get(t.Context(), "chats", nil, nil)
			wantKind(t, err, chatferry.KindTemporary)
			if d := time.Since(begun); d > time.Second {
				t.Errorf("took %s", d)
			}
			if header == "86400" {
				until := begun.UTC().Add(24 * time.Hour).Format("2006-01-02T15:04")
				if !strings.Contains(err.Error(), until) || !strings.Contains(chatferry.HintOf(err), until) {
					t.Errorf("%v does not name %s", err, until)
				}
			}
		})
	}
}

func TestState(t *testing.T) {
	bubble(t, "what is waited for", func(t *testing.T) {
		n := 0
		var states []string
		c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) {
			switch n++; n {
			case 1:
				w.Header().Set("Retry-After", "30")
				w.WriteHeader(429)
			case 2:
				w.WriteHeader(500)
			default:
				_, _ = w.Write([]byte("{}"))
			}
		}, func(o *Options) { o.State = func(s string) { states = append(states, s) } })
		a, err := c.Get(t.Context(), "chats", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(states) != 3 || states[0] != "throttled by the API for 30s (429)" ||
			!strings.HasPrefix(states[1], "the API does not answer, next try in ") || states[2] != "" {
			t.Errorf("told %q", states)
		}
		if a.Throttled < 30*time.Second || a.Throttled > 33*time.Second {
			t.Errorf("throttled for %s", a.Throttled)
		}
		if s := c.Stats(); s.TooMany != 1 || s.Throttled != a.Throttled || s.RatePerMin >= 200 || s.PermittedMin != 200 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestWhatThePersonIsTold(t *testing.T) {
	bubble(t, "nothing of what passes at once, once of what lasts", func(t *testing.T) {
		var told bytes.Buffer
		fail := 3
		n := 0
		c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n <= fail {
				w.WriteHeader(500)
				return
			}
			n = 0
			_, _ = w.Write([]byte("{}"))
		}, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&told, nil)) })
		get(t, c)
		if told.Len() > 0 {
			t.Errorf("told: %s", told.String())
		}
		fail = 12
		get(t, c)
		if lines := strings.Split(strings.TrimSpace(told.String()), "\n"); len(lines) != 2 ||
			!strings.Contains(lines[0], "level=WARN") || !strings.Contains(lines[1], "answers again") {
			t.Errorf("told: %s", told.String())
		}
	})
	bubble(t, "being throttled, now and then", func(t *testing.T) {
		var told bytes.Buffer
		n := 0
		c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n%2 == 0 {
				w.WriteHeader(429)
				return
			}
			_, _ = w.Write([]byte("{}"))
		}, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&told, nil)) })
		begun := time.Now()
		for time.Since(begun) < 29*time.Minute {
			get(t, c)
		}
		if lines := strings.Count(told.String(), "level=WARN"); lines != 3 {
			t.Errorf("told %d times in half an hour", lines)
		}
	})
	bubble(t, "a pause is not over when an earlier request is answered", func(t *testing.T) {
		var states []string
		n := 0
		c, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "slow") {
				time.Sleep(5 * time.Second)
			} else if n++; n == 1 {
				w.Header().Set("Retry-After", "30")
				w.WriteHeader(429)
				return
			}
			_, _ = w.Write([]byte("{}"))
		}, func(o *Options) { o.State = func(s string) { states = append(states, s) } })
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := c.Get(t.Context(), "slow", nil, nil); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second)
		all.Go(func() { get(t, c) })
		all.Wait()
		if len(states) != 2 || states[1] != "" {
			t.Errorf("told %q", states)
		}
	})
}

func TestAllIsWellAgain(t *testing.T) {
	bubble(t, "after an answer that is final", func(t *testing.T) {
		n, last := 0, ""
		c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n == 1 {
				w.WriteHeader(500)
				return
			}
			w.WriteHeader(404)
		}, func(o *Options) { o.State = func(s string) { last = s } })
		c.patience.enter() // another caller, so that it is not the end of the call that forgets
		_, err := c.Get(t.Context(), "chats", nil, nil)
		wantStatus(t, err, 404)
		if last != "" || c.patience.tries != 0 {
			t.Errorf("the state is %q after %d failures", last, c.patience.tries)
		}
	})
	bubble(t, "the rate comes back", func(t *testing.T) {
		n := 0
		c, _ := dialed(t, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n == 1 {
				w.WriteHeader(429)
				return
			}
			_, _ = w.Write([]byte("{}"))
		})
		for range 100 {
			if _, err := c.Get(t.Context(), "chats", nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.Stats().RatePerMin; got != 200 {
			t.Errorf("the rate is %v", got)
		}
	})
}

// Waits end at once when the run does, whatever is waited for.
func TestWaitsEndWithTheContext(t *testing.T) {
	for _, m := range mishaps {
		for _, after := range []time.Duration{0, time.Millisecond, 2 * time.Second, 20 * time.Second} {
			bubble(t, fmt.Sprintf("%s/after=%s", m.name, after), func(t *testing.T) {
				c, _ := dialed(t, m.answer)
				why := errors.New("stopped")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(after, func() { cancel(why) })
				begun := time.Now()
				_, err := c.Get(ctx, "chats", nil, nil)
				if !errors.Is(err, why) && err == nil {
					t.Errorf("got %v", err)
				}
				if d := time.Since(begun); d > after {
					t.Errorf("took %s", d)
				}
			})
		}
	}
}
