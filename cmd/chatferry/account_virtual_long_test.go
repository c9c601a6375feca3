package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

var (
	longHours = flag.Int("account-hours", longRun, "hours of the long run in virtual time")
	longPage  = flag.Int("account-page", 20, "records of its pages")
)

const (
	longPermitted = 5 // requests a minute
	longToken     = 30 * time.Minute
	mostDials     = 40 // in ten minutes without an answer
)

// weather is what a long run meets. It stands before the server, and keeps count.
type weather struct {
	net *memoryNet

	mu      sync.Mutex
	begun   time.Time
	jumped  time.Duration // of the server's clock
	storm   bool          // every request is one too many
	refused int
	until   time.Time // nothing may come before: a client was told so
	early   int       // requests that came all the same
	recent  []time.Time
	busiest int
	all     int
}

// now is the server's clock.
func (w *weather) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return serverBegin.Add(time.Since(w.begun) + w.jumped)
}

func (w *weather) jump(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jumped += d
}

func (w *weather) setStorm(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.storm = on
}

// stop makes the server unreachable.
func (w *weather) stop() {
	w.net.fail(syscall.ECONNREFUSED)
}

func (w *weather) around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if after, refused := w.arrive(); refused {
			if after != "" {
				rw.Header().Set("Retry-After", after)
			}
			rw.Header().Set("Date", w.now().UTC().Format(http.TimeFormat))
			rw.WriteHeader(http.StatusTooManyRequests)
			return
		}
		h.ServeHTTP(rw, r)
	})
}

// arrive counts a request. In a storm it is refused: with seconds, with a date, or without a word on when to come back.
func (w *weather) arrive() (after string, refused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.all++
	if now.Before(w.until) {
		w.early++
	}
	for len(w.recent) > 0 && now.Sub(w.recent[0]) >= time.Minute {
		w.recent = w.recent[1:]
	}
	w.recent = append(w.recent, now)
	w.busiest = max(w.busiest, len(w.recent))
	if !w.storm {
		return "", false
	}
	w.refused++
	switch w.refused % 3 {
	case 0:
		w.until = now.Add(90 * time.Second)
		return "90", true
	case 1:
		w.until = now.Add(time.Minute)
		return serverBegin.Add(time.Since(w.begun) + w.jumped + time.Minute + time.Second - 1).UTC().Format(http.TimeFormat), true
	}
	return "", true
}

// A run of 30 hours at 5 requests a minute, with tokens that live half an hour, storms of 429s, an outage, a server whose
// clock jumps, and five restarts. It waits as it is told, asks no more than it may, and its memory stays flat.
func TestAccountLongRun(t *testing.T) {
	hours := time.Duration(*longHours)
	const seed = 5
	bubble(t, func(t *testing.T) {
		w := &weather{begun: time.Now()}
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: int64(60 * *longHours * *longPage)}, chatapi.Options{
			Now: w.now, TokenTTL: longToken, RefreshToken: "refresh-" + virtualToken, ClientID: "ferry",
			Quirks: chatapi.Quirks{PageCap: *longPage},
		}, func(h http.Handler) http.Handler { return w.around(slow(time.Second, h)) })
		w.net = v.memoryNet
		file := v.keepToken()
		delete(v.env, "CHATFERRY_TOKEN")
		v.env["CHATFERRY_TOKEN_FILE"] = file

		part := hours * time.Hour / 30
		outage := min(10*time.Minute, part/2) // a restart would forget for how long it was to wait
		var weather sync.WaitGroup
		at := func(d time.Duration, f func()) {
			weather.Go(func() {
				time.Sleep(d)
				f()
			})
		}
		for _, begin := range []time.Duration{2, 9, 20} {
			at(begin*part, func() { w.setStorm(true) })
			at(begin*part+outage, func() { w.setStorm(false) })
		}
		at(5*part, w.stop)
		at(5*part+outage, func() { v.fail(nil) })
		at(7*part, func() { w.jump(40 * time.Minute) })
		at(12*part, func() { w.jump(-25 * time.Minute) })
		at(15*part, func() { w.jump(-2 * time.Minute) })
		at(22*part, func() { w.jump(3 * time.Second) })

		memory := watchMemory(t)
		args := []string{"--rate", "5", "--rate-share", "100%", "--lanes", "1"}
		for i, until := range []time.Duration{3, 8, 13, 18, 24} {
			left := until*part - time.Since(w.begun)
			switch i % 3 {
			case 0:
				e := v.carry(t.Context(), append(args, "--deadline", fmt.Sprint(left.Round(time.Second)))...)
				if e.code != exitStopped {
					t.Fatalf("run %d: exit code %d: %s", i, e.code, e.stderr)
				}
			case 1:
				v.crash(left, args...)
			default:
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(left, cancel)
				if e := v.carry(ctx, args...); e.code != exitStopped {
					t.Fatalf("run %d: exit code %d: %s", i, e.code, e.stderr)
				}
			}
		}
		r := v.mustCarry(args...)
		took := time.Since(w.begun)
		memory()
		weather.Wait()

		stats := v.server.Stats()
		t.Logf("%s, %d requests, %d of the program's count, %d refused, %d in the busiest minute, %d tokens, %d requests with an old one, %d connections tried in the outage",
			took, w.all, r.Requests, w.refused, w.busiest, stats.Rotated, stats.WrongToken, v.refused())
		if took < hours*time.Hour {
			t.Errorf("the run took %s only", took)
		}
		if least := int64(hours) * 48 / 30; stats.Rotated < least {
			t.Errorf("%d tokens were got in %s, at least %d were due", stats.Rotated, took, least)
		}
		if w.busiest > longPermitted {
			t.Errorf("%d requests within a minute", w.busiest)
		}
		if most := int64(took.Minutes()*longPermitted) + 1; int64(w.all) > most {
			t.Errorf("%d requests, more than %d", w.all, most)
		}
		if n := v.refused(); n == 0 || n > mostDials {
			t.Errorf("%d connections were tried in the outage", n)
		}
		if w.refused == 0 || w.early > 0 {
			t.Errorf("%d requests were refused, and %d came before they were told to", w.refused, w.early)
		}
		v.equalsServer()
	})
}

// keepToken writes the first pair of tokens to a file.
func (v *virtual) keepToken() string {
	v.t.Helper()
	text, err := json.Marshal(map[string]string{
		"access_token": virtualToken, "refresh_token": "refresh-" + virtualToken, "client_id": "ferry",
		"expires_at": time.Now().Add(longToken).Format(time.RFC3339),
	})
	if err != nil {
		v.t.Fatal(err)
	}
	file := filepath.Join(v.t.TempDir(), "token.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		v.t.Fatal(err)
	}
	return file
}

// crash carries for a while and then goes on with what a kill at that moment would have left of the dataset.
func (v *virtual) crash(after time.Duration, args ...string) {
	v.t.Helper()
	ctx, cancel := context.WithCancel(v.t.Context())
	var carrying sync.WaitGroup
	carrying.Go(func() {
		if e := v.carry(ctx, args...); e.code != exitStopped {
			v.t.Errorf("the run that was to be killed ended before, with exit code %d: %s", e.code, e.stderr)
		}
	})
	time.Sleep(after)
	synctest.Wait()
	left := filepath.Join(v.t.TempDir(), "dataset")
	if err := os.CopyFS(left, os.DirFS(v.root)); err != nil {
		v.t.Fatal(err)
	}
	cancel()
	carrying.Wait()
	if err := os.RemoveAll(v.root); err != nil {
		v.t.Fatal(err)
	}
	v.root = left
}

// watchMemory notes every hour what is live. The function it returns ends that, and judges: at the end it is no more
// than at the beginning, but for what is on its way.
func watchMemory(t *testing.T) (judge func()) {
	const onItsWay = 8 << 20
	ctx, end := context.WithCancel(t.Context())
	var heap []uint64
	var routines []int
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(time.Hour)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				heap = append(heap, m.HeapAlloc)
				routines = append(routines, runtime.NumGoroutine())
			}
		}
	})
	return func() {
		end()
		watching.Wait()
		t.Log("live MiB, by the hour:", inMiB(heap), "goroutines:", routines)
		quarter := (len(heap) + 3) / 4
		first, last := slices.Max(heap[:quarter]), slices.Min(heap[len(heap)-quarter:])
		if last > first+onItsWay || slices.Max(heap) > 4*first {
			t.Errorf("memory grew: %s MiB", inMiB(heap))
		}
		if n := routines[len(routines)-1]; n > 2*routines[0] {
			t.Errorf("%d goroutines, and %d at first", n, routines[0])
		}
	}
}

func inMiB(bytes []uint64) (list []string) {
	for _, b := range bytes {
		list = append(list, strconv.FormatFloat(float64(b)/(1<<20), 'f', 1, 64))
	}
	return list
}
