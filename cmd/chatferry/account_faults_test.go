package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/api"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
	"chatferry/extract/rehearsal/faults"
)

var faultsAll = flag.Bool("account-all", false, "every fault of the API in every share of its answers, instead of a sample")

// faulty is an account whose answers are spoiled, in virtual time.
type faulty struct {
	*virtual
	faults *faults.Handler
}

func newFaulty(t *testing.T, seed uint64, rules string, o chatapi.Options) *faulty {
	t.Helper()
	f := &faulty{}
	log.SetOutput(io.Discard) // net/http tells of answers that go on behind their end
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	// A page on each endpoint that is none of the first and none of the last.
	o.Quirks.PageCap = 60
	account := rehearsal.Options{Seed: seed, Chats: 300, From: serverBegin.AddDate(0, -2, 0), To: serverBegin}
	numbers := rehearsal.New(account)
	parsed, err := faults.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	f.virtual = newVirtual(t, account, o, func(next http.Handler) http.Handler {
		f.faults, err = faults.New(next, faults.Options{Rules: parsed, Seed: seed, Touch: func(id string) bool {
			i, ok := numbers.ChatNumber(id)
			return ok && f.server.Touch(i)
		}})
		if err != nil {
			t.Fatal(err)
		}
		return f.faults
	})
	return f
}

// hold compares the dataset with what is there. odd is how many records may be other than the server has them; listed:
// chats may come from the list or the search, which do not show deleted ones.
func (f *faulty) hold(t *testing.T, odd int, listed bool) {
	t.Helper()
	got, _ := f.holds()
	for _, s := range api.Streams() {
		if s == chatferry.OAuthClients || s == chatferry.RoutingSettings {
			continue
		}
		known, lacks, others := map[digest]bool{}, 0, 0
		for e := range f.server.Ledger(s) {
			known[e.SHA256], known[e.Listed] = true, true
			for _, v := range e.Versions {
				known[v.SHA256] = true
			}
			if got[s][e.SHA256] == 0 && got[s][e.Listed] == 0 && !(listed && e.Deleted) {
				lacks++
			}
		}
		for sum := range got[s] {
			if !known[sum] {
				others++
			}
		}
		if lacks > odd || others > odd {
			t.Errorf("%s: %d records are missing, and %d are not what the server has; %d may be", s, lacks, others, odd)
		}
	}
}

// Faults that take long are waited out, or end the run with what is documented; then it goes on. No request is sent
// while nothing can come of it.
func TestAccountFaultsThatLast(t *testing.T) {
	const seed = 41
	for i, c := range []struct {
		name     string
		rules    string
		quirks   chatapi.Quirks
		args     []string
		exit     int
		says     string        // a part of the sentence or of what to do
		from, to time.Duration // how long the run lasts, without the sweeps at its end
		spent    int64         // requests beyond those of a run without faults, at most
	}{
		{name: "no answer, first page", rules: "stall-headers@first@incremental/chats", from: 90 * time.Second, to: 2 * time.Minute, spent: 2},
		{name: "no answer, middle page", rules: "stall-headers@4@incremental/chats", from: 90 * time.Second, to: 2 * time.Minute, spent: 2},
		{name: "no answer, last page", rules: "stall-headers@last@incremental/chats", from: 90 * time.Second, to: 2 * time.Minute, spent: 2},
		{name: "half an answer", rules: "stall-body@4@incremental/chats", from: 30 * time.Second, to: time.Minute, spent: 2},
		{name: "half an answer of every endpoint", rules: "stall-body@50%@x60", from: time.Minute, to: 45 * time.Minute, spent: 60},
		{name: "a byte a second", rules: "slow@4@incremental/chats", from: 10 * time.Second, to: 40 * time.Second, spent: 2},
		{name: "a day, with patience", rules: "429-day@4@incremental/chats", args: []string{"--patience", "48h"}, from: 24 * time.Hour, to: 25 * time.Hour, spent: 2},
		{name: "a day", rules: "429-day@4@incremental/chats", exit: exitTemporary, says: "resume after", to: time.Minute},
		{name: "for ever 429", rules: "429-bare@always@incremental", exit: exitTemporary, says: "429", from: 59 * time.Minute, to: 62 * time.Minute, spent: 200},
		{name: "for ever 500", rules: "500@always", exit: exitTemporary, says: "500", from: 59 * time.Minute, to: 62 * time.Minute, spent: 300},
		{name: "for ever reset", rules: "reset-body@always@incremental/chats", exit: exitTemporary, says: "connection", from: 59 * time.Minute, to: 62 * time.Minute, spent: 400},
		{name: "for ever no answer", rules: "stall-headers@always", exit: exitTemporary, says: "no answer", from: 59 * time.Minute, to: 70 * time.Minute, spent: 100},
		{name: "for ever a login page", rules: "login-page@always@incremental", exit: exitEnvironment, says: "login", from: time.Second, to: 5 * time.Minute, spent: 60},
		{name: "for ever a redirect", rules: "redirect@always@incremental", exit: exitEnvironment, says: "moved", from: time.Second, to: 5 * time.Minute, spent: 60},
		{name: "for ever cut JSON", rules: "json-cut@always@incremental/chats", exit: exitTemporary, says: "cannot be used", from: time.Second, to: time.Hour, spent: 60},
		{name: "for ever the same page", rules: "next-unchanged@always@incremental/chats", to: time.Minute, spent: 20},
		{
			name: "for ever the same page of the list", rules: "next-unchanged@always@chats", quirks: chatapi.Quirks{NoIncremental: true},
			exit: exitTemporary, says: "next_url", to: time.Minute, spent: 5,
		},
	} {
		if !*faultsAll && i%faultStride > 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				quiet := newFaulty(t, seed, "", chatapi.Options{Quirks: c.quirks})
				rate := []string{"--rate", "6000", "--rate-share", "100%", "--until", "2022-03-02"}
				quiet.mustCarry(rate...)
				ideal := quiet.server.Stats().Total()

				f := newFaulty(t, seed, c.rules, chatapi.Options{Quirks: c.quirks})
				begun := time.Now()
				e := f.carry(t.Context(), append(rate, c.args...)...)
				took := time.Since(begun)
				if e.code != c.exit {
					t.Fatalf("exit code %d, want %d: %s", e.code, c.exit, e.stderr)
				}
				if e.code != exitDone {
					r := e.result(t)
					if !strings.Contains(r.Error.Message+" "+r.Error.Hint, c.says) {
						t.Errorf("it says %q and %q, but not %q", r.Error.Message, r.Error.Hint, c.says)
					}
				}
				if took < c.from || took > c.to {
					t.Errorf("it took %v, want %v to %v", took, c.from, c.to)
				}
				spent := f.faults.Stats().Requests - ideal
				t.Logf("%v, %d requests beyond %d", took, spent, ideal)
				if spent > c.spent {
					t.Errorf("%d requests beyond the %d of a run without faults, want at most %d", spent, ideal, c.spent)
				}
				if err := f.faults.SetRules(nil); err != nil {
					t.Fatal(err)
				}
				f.mustCarry(rate...)
				f.hold(t, 0, c.quirks.NoIncremental)
			})
		})
	}
}

// As noise on all that the API answers, sweeps included, no fault loses or changes a record: the run comes to its end, or
// ends as documented and goes on when the noise does not.
func TestAccountUnderNoise(t *testing.T) {
	shares := []string{"@1%", "@10%", "@50%"}
	for i, info := range faults.Kinds() {
		for k, share := range shares {
			if !*faultsAll && ((i+k)%3 > 0 || i%faultStride > 0) {
				continue
			}
			t.Run(string(info.Kind)+share, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					seed := *movingFirst + uint64(100*i+k)
					f := newFaulty(t, seed, string(info.Kind)+share, chatapi.Options{RefreshToken: "refresh"})
					rate := []string{"--rate", "6000", "--rate-share", "100%"}
					e := f.carry(t.Context(), rate...)
					injected := f.faults.Stats().Injected[info.Kind]
					if codes := noiseCodes(&info, injected); !slices.Contains(codes, e.code) {
						t.Errorf("seed %d: exit code %d after %d faults, want one of %v: %s", seed, e.code, injected, codes, e.stderr)
					}
					if e.code != exitDone {
						if err := f.faults.SetRules(nil); err != nil {
							t.Fatal(err)
						}
						f.mustCarry(rate...)
					}
					odd := 0
					if info.Ends == faults.SameFields {
						odd = int(injected)
					}
					// Where the export of chats seems not to be there they are read in another way.
					f.hold(t, odd, info.Ends == faults.Unavailable)
				})
			})
		}
	}
}

// noiseCodes are the exit codes that a run may end with after so many faults.
func noiseCodes(info *faults.Info, injected int64) []int {
	switch {
	case injected == 0:
		return []int{exitDone}
	case info.Ends == faults.Later:
		return []int{exitTemporary}
	case info.Ends == faults.Authorise:
		return []int{exitEnvironment}
	case info.Ends == faults.Unavailable:
		return []int{exitDone, exitPartial, exitEnvironment}
	case info.Kind == faults.LoginPage, info.Kind == faults.Redirect:
		return []int{exitDone, exitEnvironment, exitTemporary}
	}
	return []int{exitDone, exitTemporary}
}
