package main

import (
	"context"
	"flag"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

var quietChats = flag.Int64("account-chats", 4_000, "chats of the account at rest; from 24,000 on they are read in several windows")

// An account at rest is carried whole, in runs of which all but the last are cut short: every record of every Stream once, and
// of the requests that are permitted nearly all are used and never one more.
func TestAccountAtRest(t *testing.T) {
	const (
		seed      = 11
		permitted = 100
		used      = 0.98
	)
	var log arrivals
	var latency atomic.Int64
	latency.Store(int64(time.Second))
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: *quietChats}, chatapi.Options{
			Rate: permitted, Quirks: chatapi.Quirks{PageCap: 20},
		}, func(h http.Handler) http.Handler {
			return log.before(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				slow(time.Duration(latency.Load()), h).ServeHTTP(w, r)
			}))
		})

		rate := []string{"--rate", "100", "--rate-share", "100%"}
		var begun []time.Time
		begin := func() { begun = append(begun, time.Now()) }
		begin()
		if e := v.carry(t.Context(), append(rate, "--deadline", "3m")...); e.code != exitStopped {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Minute, cancel)
		begin()
		if e := v.carry(ctx, rate...); e.code != exitStopped {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		latency.Store(0)
		for range 12 { // as under a supervisor that starts at once what died
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			if e := v.carry(ctx, rate...); e.code == exitDone {
				t.Fatalf("seed %d: a run of seconds came to its end", seed)
			}
			cancel()
		}
		latency.Store(int64(time.Second))
		begin()
		v.mustCarry(rate...)

		stats := v.server.Stats()
		if stats.Busiest > permitted || stats.Refused > 0 || stats.NoToken+stats.WrongToken+stats.Writes > 0 {
			t.Errorf("seed %d: %d requests in a minute, %d refused, %+v", seed, stats.Busiest, stats.Refused, stats)
		}
		for i, from := range begun {
			share, n := usedOf(log.since(from), from, permitted, i < 2)
			t.Logf("run %d: %d requests, %.1f %% of those that are permitted", i+1, n, 100*share)
			if share < used {
				t.Errorf("seed %d: run %d used %.1f %% of its requests", seed, i+1, 100*share)
			}
		}
		v.equalsServer()
	})
}

// usedOf is the share of permitted requests that a run used from its begin for three minutes, or until it had nine tenths
// of what it read before the sweeps.
func usedOf(list []arrival, from time.Time, permitted float64, cut bool) (share float64, n int) {
	for i := range list {
		if list[i].at.Sub(from) > 3*time.Minute && cut || i > 0 && list[i].at.Sub(list[i-1].at) > 3*time.Minute {
			list = list[:i]
			break
		}
	}
	if !cut {
		list = list[:len(list)*9/10]
	}
	return float64(len(list)) / permitted / list[len(list)-1].at.Sub(from).Minutes(), len(list)
}
