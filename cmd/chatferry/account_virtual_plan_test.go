package main

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/cmd/chatferry/estimate"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// plan runs `plan` over the account and returns the estimate that it wrote.
func (v *virtual) plan(args ...string) (*estimate.Estimate, string, string) {
	v.t.Helper()
	file := filepath.Join(v.t.TempDir(), "estimate.json")
	e := v.program(v.t.Context(), append([]string{"plan", "--from", "http://127.0.0.1:9", "--to", v.root, "--estimate", file}, args...)...)
	if e.code != exitDone {
		v.t.Fatalf("exit code %d: %s", e.code, e.stderr)
	}
	got, err := estimate.Load(file)
	if err != nil {
		v.t.Fatal(err)
	}
	return got, file, e.stdout
}

// within reports whether two lengths of time differ by no more than a share of the second.
func within(got, want, share float64) bool { return math.Abs(got-want) <= share*want }

// The cut-over of an account with 500 agents and 5,000 shortcuts takes, at 200 requests a minute, what plan said, within a
// tenth: when answers come at once, when each takes a second, and when each takes five. Nothing but the estimate is written
// by plan. The run says how it compares.
func TestCutoverTakesWhatWasPlanned(t *testing.T) {
	const seed = 31
	for _, latency := range []time.Duration{0, time.Second, 5 * time.Second} {
		bubble(t, func(t *testing.T) {
			account := rehearsal.Options{Seed: seed, Chats: 100, Agents: 500, Shortcuts: 5000}
			v := newVirtual(t, account, chatapi.Options{Rate: 200}, func(h http.Handler) http.Handler { return slow(latency, h) })
			rate := []string{"--rate", "200", "--rate-share", "100%", "--overlap", "0s"}
			planned, file, text := v.plan(rate...)
			if !strings.Contains(text, "The cut-over fits into 1h00m") || planned.Window.Fits != estimate.FitsYes {
				t.Errorf("seed %d: %s", seed, text)
			}
			if _, err := os.Stat(v.root); !os.IsNotExist(err) {
				t.Errorf("seed %d: plan made the dataset: %v", seed, err)
			}
			for name, n := range map[chatferry.Stream]int64{chatferry.Agents: 500, chatferry.Shortcuts: 5000, chatferry.RoutingSettings: 501} {
				if s := planned.Streams[name]; s.Records != (estimate.Figure{N: n, Known: estimate.Counted}) {
					t.Errorf("seed %d: %s: %+v", seed, name, s.Records)
				}
			}
			asked, begun := v.server.Stats(), time.Now()
			r := v.mustCarry(append(rate, "--phase", "cutover", "--deadline", "1h", "--estimate", file)...)
			took, requests := time.Since(begun), v.server.Stats().Total()-asked.Total()
			t.Logf("answers after %s: %s planned, %s taken; %d requests planned, %d made", latency, planned.Cutover.Took(), took, planned.Cutover.Requests.N, requests)
			if !within(planned.Cutover.Seconds, took.Seconds(), 0.1) || !within(float64(planned.Cutover.Requests.N), float64(requests), 0.1) {
				t.Errorf("seed %d: answers after %s: %s and %d requests were planned, %s and %d came", seed, latency,
					planned.Cutover.Took(), planned.Cutover.Requests.N, took, requests)
			}
			if r.Estimate == nil || len(r.Estimate.Deviations) > 0 || len(r.Estimate.Streams) != 11 || r.Estimate.Actual == 0 {
				t.Errorf("seed %d: %+v", seed, r.Estimate)
			}
			if stats := v.server.Stats(); stats.Busiest > 200 || stats.Refused > 0 || stats.Writes > 0 {
				t.Errorf("seed %d: %+v", seed, stats)
			}
		})
	}
}

// A window that is too short is said beforehand, by plan with what could be left for later and by run; and a run that tries
// all the same stops cleanly, without a trace that readers see.
func TestWindowTooShort(t *testing.T) {
	const seed = 32
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 60, Agents: 500}, chatapi.Options{}, nil)
		rate := []string{"--rate", "20", "--rate-share", "100%", "--overlap", "0s"}
		e, file, text := v.plan(append(rate, "--window", "30s", "--fetch", "visitors")...)
		if visitors := e.Streams[chatferry.Visitors]; visitors.Records.Known != estimate.Assumed || !strings.Contains(text, "at most one a chat") {
			t.Errorf("seed %d: %+v", seed, visitors)
		}
		if e.Window.Fits != estimate.FitsNo || !strings.Contains(text, "The cut-over does NOT fit into 30s") {
			t.Errorf("seed %d: %+v %s", seed, e.Window, text)
		}
		window := time.Duration(e.Cutover.Seconds-7) * time.Second // about two requests less than it takes
		part, _, text := v.plan(append(rate, "--window", window.String())...)
		if w := part.Window; w.Fits != estimate.FitsWithout || len(w.Without) == 0 || slices.Contains(w.Without, chatferry.Agents) || w.Needs > window.Seconds() {
			t.Errorf("seed %d: %+v", seed, w)
		}
		if !strings.Contains(text, "--phase cutover --streams account,agents,") {
			t.Errorf("seed %d: %s", seed, text)
		}
		run := v.carry(t.Context(), append(rate, "--phase", "cutover", "--estimate", file, "--deadline", "30s")...)
		if run.code != exitStopped || !strings.Contains(run.stderr, "the estimate says that this takes about") {
			t.Errorf("seed %d: exit code %d: %s", seed, run.code, run.stderr)
		}
		if r := run.result(t); r.Phase.Written || len(v.seen()) > 0 || r.Estimate == nil {
			t.Errorf("seed %d: %+v, %d files", seed, r.Phase, len(v.seen()))
		}
		// What plan says can be done in the window can.
		args := append(rate, "--phase", "cutover", "--deadline", window.String(), "--streams", kept(part).String())
		if run := v.carry(t.Context(), args...); run.code != exitDone {
			t.Errorf("seed %d: exit code %d: %s", seed, run.code, run.stderr)
		} else if r := run.result(t); r.Phase.NextCommand != "chatferry run --from http://127.0.0.1:9 --to "+v.root {
			t.Errorf("seed %d: %q leaves out what was left out", seed, r.Phase.NextCommand)
		}
	})
}

// The history is estimated too: chats by month as they are, the other Streams from samples; and a run of both phases takes
// about what was planned. What came otherwise is named.
func TestHistoryIsPlanned(t *testing.T) {
	const seed = 33
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 1200, Bad: -1}, chatapi.Options{Quirks: chatapi.Quirks{PageCap: 30}}, func(h http.Handler) http.Handler {
			return slow(time.Second, h)
		})
		rate := []string{"--rate", "100", "--rate-share", "100%"}
		planned, file, _ := v.plan(rate...)
		byMonth := map[string]int64{}
		for e := range v.server.Ledger(chatferry.Chats) {
			byMonth[e.Key[:2]+"-"+e.Key[2:4]]++ // a chat's id begins with its month
		}
		chats := planned.Streams[chatferry.Chats]
		if chats.Records.Known != estimate.Counted || !within(float64(chats.Records.N), float64(v.server.Chats()), 0.01) {
			t.Errorf("seed %d: %+v of %d chats", seed, chats.Records, v.server.Chats())
		}
		if len(chats.Months) != len(byMonth) {
			t.Errorf("seed %d: %d months instead of %d", seed, len(chats.Months), len(byMonth))
		}
		for month, n := range chats.Months {
			if want := byMonth[month[2:]]; math.Abs(float64(n-want)) > 2 {
				t.Errorf("seed %d: %s: %d chats instead of %d", seed, month, n, want)
			}
		}
		begun := time.Now()
		r := v.mustCarry(append(rate, "--estimate", file)...)
		took := time.Since(begun).Seconds()
		t.Logf("%.0f s planned, %.0f s taken", planned.Phase(phaseAll).Seconds, took)
		if !within(planned.Phase(phaseAll).Seconds, took, 0.25) {
			t.Errorf("seed %d: %.0f s were planned, %.0f s taken", seed, planned.Phase(phaseAll).Seconds, took)
		}
		if r.Estimate == nil || len(r.Estimate.Deviations) > 0 {
			t.Errorf("seed %d: %+v", seed, r.Estimate)
		}
		was := chats.Records.N
		v.server.Insert(120)
		time.Sleep(time.Hour)
		r = v.mustCarry(append(rate, "--estimate", file, "--incremental")...)
		if r.Estimate == nil || len(r.Estimate.Deviations) == 0 || !strings.HasPrefix(r.Estimate.Deviations[0], fmt.Sprintf("chats: 1320 records instead of %d (counted), 11 %% more", was)) {
			t.Errorf("seed %d: %+v", seed, r.Estimate)
		}
		if e := v.program(t.Context(), "status", v.root); !strings.Contains(e.stdout, "Other than planned: chats: 1320 records") {
			t.Errorf("seed %d: status does not tell: %s", seed, e.stdout)
		}
	})
}

// An account without the export of chats is planned by the way in which it is then read, and one that the token may not read whole
// without what it does not give.
func TestPlanWithoutExports(t *testing.T) {
	const seed, chats = 34, 300
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: chats, Bad: -1}, chatapi.Options{
			Quirks: chatapi.Quirks{NoIncremental: true, NoTimeline: true, Limited: http.StatusForbidden, AccountForbidden: true},
		}, nil)
		how := []string{"--rate", "600", "--rate-share", "100%", "--overlap", "0s"}
		planned, file, text := v.plan(how...)
		s := planned.Streams
		if got := s[chatferry.Chats]; got.Endpoint != "chats" || !within(float64(got.Records.N), chats, 0.02) || got.Records.Known != estimate.Counted ||
			!within(float64(got.Requests.N), chats/40, 0.3) || got.Bytes.N == 0 || len(got.Months) < 30 {
			t.Errorf("seed %d: %+v", seed, got)
		}
		for name, why := range map[chatferry.Stream]chatferry.Availability{
			chatferry.Account: chatferry.Forbidden, chatferry.AgentEvents: chatferry.Forbidden, chatferry.AgentTimeline: chatferry.Missing,
		} {
			if s[name].Absent != why || s[name].Records.N != 0 {
				t.Errorf("seed %d: %s: %+v", seed, name, s[name])
			}
		}
		if !strings.Contains(text, "forbidden") || !strings.Contains(text, "the list gives 40 chats a request") {
			t.Errorf("seed %d: %s", seed, text)
		}
		e := v.carry(t.Context(), append(how, "--estimate", file)...)
		if r := e.result(t); e.code != exitPartial || r.Estimate == nil || len(r.Estimate.Deviations) > 0 {
			t.Errorf("seed %d: exit code %d, %+v", seed, e.code, r.Estimate)
		}
	})
}
