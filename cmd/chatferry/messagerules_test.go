package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/load"
)

// The books of an account with Zendesk Message conversations are exact, with and without an export of its tickets, whatever
// becomes of what is only suspected: every exclusion is counted by its reason, and stands in the ledger by the id of its chat.
func TestMessageConversations(t *testing.T) {
	const seed = 4
	account := rehearsal.New(rehearsal.Options{Seed: seed, Chats: 1200, Message: 0.1})
	dump, export := filepath.Join(t.TempDir(), "dump"), filepath.Join(t.TempDir(), "tickets.csv")
	if _, err := account.WriteDump(t.Context(), dump, rehearsal.Uniform(rehearsal.Form{}, rehearsal.Split{Records: 1000})); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(export)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := account.WriteTickets(file); err != nil {
		t.Fatal(err)
	}
	type books struct {
		read, loaded, quarantined, flagged int64
		excluded                           map[string]int64 // by the reason without what is suspected
		ids                                map[string]string
	}
	truth := func(rule string, tickets bool) books {
		b := books{excluded: map[string]int64{}, ids: map[string]string{}}
		for r := range account.Records(chatferry.Chats) {
			b.read++
			reason := r.Outcome.Excluded
			if reason == "" && tickets {
				reason = r.Outcome.Ticketed
			}
			if reason == "" && r.Outcome.Suspect && rule == "exclude" {
				reason = "message_suspect"
			}
			switch {
			case r.Outcome.Code != "":
				b.quarantined++
			case reason != "":
				b.excluded[reason]++
				b.ids[string(r.ID)] = reason
			case r.Outcome.Suspect && rule == "quarantine":
				b.quarantined++
			default:
				if b.loaded++; r.Outcome.Suspect {
					b.flagged++
				}
			}
		}
		return b
	}
	for _, rule := range []string{"include", "quarantine", "exclude"} {
		for _, tickets := range []bool{false, true} {
			v := &virtual{t: t, root: filepath.Join(t.TempDir(), "data"), memoryNet: &memoryNet{}, env: map[string]string{"CHATFERRY_PROGRESS": "none", "CHATFERRY_MIN_FREE": "0"}}
			args := []string{"run", "--from", "chats=" + filepath.Join(dump, "chats"), "--to", v.root, "--json", "--message-suspects", rule, "--max-bad-records", "100%"}
			if tickets {
				args = append(args, "--tickets", export)
			}
			e := v.program(t.Context(), args...)
			if e.code != exitPartial {
				t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
			}
			want, r := truth(rule, tickets), e.result(t)
			got := books{excluded: map[string]int64{}, ids: map[string]string{}}
			s := r.Streams[chatferry.Chats]
			got.read, got.loaded, got.quarantined = s.Read, s.Loaded, s.Quarantined
			for reason, n := range r.Excluded {
				got.excluded[plainReason(reason)] += n
			}
			d := v.dataset()
			for _, f := range d.Inventory() {
				if f.Kind == chatferry.FileLedger {
					v.columns(d.target, f, []string{load.LedgerKey, load.LedgerReason}, func(row [][]byte) { got.ids[string(row[0])] = plainReason(string(row[1])) })
				}
			}
			for _, row := range v.texts("chats", "message_suspect") {
				if row[0] != "" {
					got.flagged++
				}
			}
			if got.read != want.read || got.loaded != want.loaded || got.quarantined != want.quarantined || got.flagged != want.flagged ||
				!maps.Equal(got.excluded, want.excluded) || !maps.Equal(got.ids, want.ids) {
				t.Errorf("seed %d: %s, tickets %v:\n got %+v\nwant %+v", seed, rule, tickets, got, want)
			}
			if rule == "include" && !tickets && (want.flagged < 3 || len(want.excluded) < 5) {
				t.Fatalf("seed %d: there is little to tell: %+v", seed, want)
			}
			if e := v.program(t.Context(), "verify", v.root); e.code != exitDone {
				t.Errorf("seed %d: %s, tickets %v: exit code %d: %s%s", seed, rule, tickets, e.code, e.stdout, e.stderr)
			}
		}
	}
}

// plainReason is a reason without what was suspected.
func plainReason(reason string) string {
	if plain, _, ok := strings.Cut(reason, ":"); ok && plain == "message_suspect" {
		return plain
	}
	return reason
}
