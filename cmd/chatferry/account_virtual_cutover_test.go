package main

import (
	"maps"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// seen are the files that a reader of the tables can see.
func (v *virtual) seen() map[string]string {
	if _, err := os.Stat(v.root); err != nil {
		return nil
	}
	files := v.files()
	maps.DeleteFunc(files, func(name, _ string) bool { return !strings.HasPrefix(name, "tables/") })
	return files
}

// streamsOf are the Streams of which the dataset holds records.
func streamsOf(r result) (configuration, history int) {
	for name, s := range r.Streams {
		switch {
		case s.Read == 0:
		case name.Configuration():
			configuration++
		default:
			history++
		}
	}
	return configuration, history
}

// The configuration is moved by the cut-over and the rest by the backfill; together they make what one run makes.
func TestCutoverThenBackfill(t *testing.T) {
	const seed = 13
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 250, Message: -1}, chatapi.Options{}, nil)
		quick := []string{"--rate", "60000", "--overlap", "0s"}
		r := v.mustCarry(append(quick, "--phase", "cutover", "--deadline", "1h")...)
		if c, h := streamsOf(r); c != 11 || h != 0 {
			t.Errorf("seed %d: the cut-over carried %d streams of the configuration and %d of the history", seed, c, h)
		}
		if r.Phase == nil || r.Phase.NextCommand != "chatferry resume "+v.root+" --phase backfill --deadline 0s" ||
			r.Phase.AgainCommand != "chatferry resume "+v.root+" --phase cutover --deadline 1h --incremental" || r.ResumeCommand != "" {
			t.Errorf("seed %d: %+v, %q", seed, r.Phase, r.ResumeCommand)
		}
		asked := v.server.Stats().Total()
		if e := v.program(t.Context(), "resume", v.root, "--json"); e.code != exitDone || len(e.result(t).Streams) != 11 {
			t.Errorf("seed %d: resume forgot that this is a cut-over: %d, %s", seed, e.code, e.stderr)
		} else if n := v.server.Stats().Total() - asked; n > 4 {
			t.Errorf("seed %d: a complete cut-over cost %d requests", seed, n)
		}
		before := v.seen()
		e := v.program(t.Context(), strings.Fields(strings.TrimPrefix(r.Phase.NextCommand, "chatferry "))...)
		if e.code != exitDone {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		for name, was := range before {
			if is := v.seen()[name]; is != was {
				t.Errorf("seed %d: the backfill changed %s", seed, name)
			}
		}
		v.equalsServer()
		if e := v.carry(t.Context(), quick...); e.code != exitDone {
			t.Errorf("seed %d: a run over both: %d %s", seed, e.code, e.stderr)
		}
		v.equalsServer()
	})
}

// A cut-over that fails while it reads, by its deadline, by a token that is refused or by a server that is gone, leaves readers
// what they had, and its command for the new date reads what the account has then. So on a dataset that is new as on one that
// is complete.
func TestFailedCutover(t *testing.T) {
	const seed = 14
	bubble(t, func(t *testing.T) {
		var refuse, gone atomic.Bool
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 200, Message: -1, Agents: 300}, chatapi.Options{}, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch late := strings.HasSuffix(r.URL.Path, "/oauth/clients"); {
				case late && refuse.Load():
					w.WriteHeader(http.StatusUnauthorized)
				case late && gone.Load():
					w.WriteHeader(http.StatusBadGateway)
				default:
					h.ServeHTTP(w, r)
				}
			})
		})
		quick := []string{"--rate", "600", "--overlap", "0s", "--patience", "2m"}
		cutover := append(quick, "--phase", "cutover", "--incremental")
		fail := func(code int, how ...string) {
			t.Helper()
			before := v.seen()
			e := v.carry(t.Context(), append(cutover, how...)...)
			if e.code != code {
				t.Fatalf("seed %d: %v: exit code %d instead of %d: %s", seed, how, e.code, code, e.stderr)
			}
			r := e.result(t)
			if r.Phase == nil || r.Phase.Written || !maps.Equal(before, v.seen()) {
				t.Errorf("seed %d: %v: readers see something else: %+v", seed, how, r.Phase)
			}
			if again := "chatferry resume " + v.root + " --phase cutover"; !strings.HasPrefix(r.ResumeCommand, again) || !strings.HasSuffix(r.ResumeCommand, " --incremental") {
				t.Errorf("seed %d: %v: the command for the new date is %q", seed, how, r.ResumeCommand)
			}
			if text := r.Phase.sentence(&r); !strings.Contains(text, "The cut-over was not made.") {
				t.Errorf("seed %d: %q", seed, text)
			}
		}
		all := func() {
			fail(exitStopped, "--deadline", "1s")
			refuse.Store(true)
			fail(exitEnvironment)
			refuse.Store(false)
			gone.Store(true)
			fail(exitTemporary)
			gone.Store(false)
		}
		all()
		v.server.Remove(chatferry.Triggers, 1) // between the failure and the new date
		v.server.Remove(chatferry.Shortcuts, 0)
		// resume knows by itself that this is a cut-over, and forgets no setting.
		if e := v.program(t.Context(), "resume", v.root, "--incremental", "--json"); e.code != exitDone {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		} else if c, h := streamsOf(e.result(t)); c != 11 || h != 0 {
			t.Errorf("seed %d: %d and %d streams", seed, c, h)
		}
		v.mustCarry(quick...)
		v.equalsServer()

		v.server.Remove(chatferry.Agents, 7)
		v.server.Remove(chatferry.Shortcuts, 0)
		all()
		v.mustCarry(cutover...)
		v.equalsServer()
		if e := v.program(t.Context(), "verify", v.root); e.code != exitDone {
			t.Errorf("seed %d: verify ended with %d: %s%s", seed, e.code, e.stdout, e.stderr)
		}
	})
}

// A cut-over in the middle of a backfill ends with 0, and the backfill still has its sweeps, its rejects and its watermark to
// account for.
func TestCutoverAmidBackfill(t *testing.T) {
	const seed = 15
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 700}, chatapi.Options{
			Quirks: chatapi.Quirks{PageCap: 50, Broken: true}, Change: chatapi.Changes{Seed: seed, Touches: 60},
		}, nil)
		quick := []string{"--rate", "600", "--max-bad-records", "50%"}
		for _, deadline := range []string{"3s", "12m"} { // among the windows, between the sweeps
			if e := v.carry(t.Context(), append(quick, "--phase", "backfill", "--deadline", deadline)...); e.code != exitStopped {
				t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
			}
			e := v.carry(t.Context(), append(quick, "--phase", "cutover", "--incremental")...)
			if e.code != exitDone || e.result(t).Watermark != "" {
				t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
			}
			if e := v.program(t.Context(), "status", v.root); !strings.Contains(e.stdout, "resume "+v.root+" --phase all") {
				t.Errorf("seed %d: status says nothing of the rest: %s", seed, e.stdout)
			}
		}
		e := v.carry(t.Context(), quick...)
		r := e.result(t)
		if e.code != exitPartial || r.Watermark == "" || r.quarantinedTotal() == 0 {
			t.Errorf("seed %d: exit code %d, watermark %q, %d in quarantine: %s", seed, e.code, r.Watermark, r.quarantinedTotal(), e.stderr)
		}
		at, err := time.Parse(time.RFC3339, r.Watermark)
		if err != nil || at.Before(serverBegin.Add(12*time.Minute)) {
			t.Errorf("seed %d: the watermark is %s: the sweeps are missing", seed, r.Watermark)
		}
		if e := v.carry(t.Context(), append(quick, "--phase", "cutover")...); e.code != exitDone || e.result(t).Watermark != r.Watermark {
			t.Errorf("seed %d: another cut-over: %d, %q", seed, e.code, e.stdout)
		}
	})
}
