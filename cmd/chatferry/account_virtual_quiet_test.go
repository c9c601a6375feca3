package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// An account at rest is carried whole, in three runs of which two are cut short: every record of every Stream once, and
// of the requests that are permitted nearly all are used and never one more.
func TestAccountAtRest(t *testing.T) {
	const (
		seed      = 11
		permitted = 100
		used      = 0.98
	)
	var log arrivals
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 4_000}, chatapi.Options{
			Rate: permitted, Quirks: chatapi.Quirks{PageCap: 20},
		}, func(h http.Handler) http.Handler { return log.before(slow(time.Second, h)) })

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
		if e := v.carry(ctx, rate...); e.code == exitDone {
			t.Fatalf("seed %d: the run that was cut short came to its end", seed)
		}
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
