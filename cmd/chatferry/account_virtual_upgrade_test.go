package main

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/cmd/chatferry/identity"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
	"chatferry/load"
)

// texts gives columns of every row of a table as text; "" is null.
func (v *virtual) texts(table chatferry.Table, columns ...string) (rows [][]string) {
	v.t.Helper()
	d := v.dataset()
	for _, f := range d.Inventory() {
		if f.Kind != chatferry.FileRows || f.Table != table {
			continue
		}
		err := load.Scan(v.t.Context(), d.store, f.Name, columns, func(rec arrow.Record) error {
			for i := range int(rec.NumRows()) {
				var row []string
				for _, c := range rec.Columns() {
					text := ""
					if c.IsValid(i) {
						text = c.ValueStr(i)
					}
					if list, ok := c.(*array.List); ok && c.IsValid(i) {
						from, to := list.ValueOffsets(i)
						var all []string
						for k := from; k < to; k++ {
							all = append(all, list.ListValues().ValueStr(int(k)))
						}
						text = strings.Join(all, ",")
					}
					row = append(row, text)
				}
				rows = append(rows, row)
			}
			return nil
		})
		if err != nil {
			v.t.Fatal(err)
		}
	}
	return rows
}

// answers are chats by agent and by department, as two ways of joining give them.
type answers struct{ agents, departments map[string]int }

// joined counts chats by the e-mail of each of their agents and by the name of their department. The ids of chats go
// through the maps to those of the legacy or of the upgraded account, and there to the agents and departments of that.
func (v *virtual) joined(upgraded bool) answers {
	v.t.Helper()
	side := map[string]string{} // upgraded id, by which chats are joined, to that of the side
	for _, table := range []chatferry.Table{identity.AgentMap, identity.DepartmentMap} {
		for _, row := range v.texts(table, "legacy_id", "upgraded_id", "status") {
			if side[row[1]] = row[0]; upgraded {
				side[row[1]] = row[1]
			}
		}
	}
	email, name := map[string]string{}, map[string]string{}
	for _, row := range v.texts("agents", "id", "email") {
		email[row[0]] = strings.ToLower(row[1])
	}
	for _, row := range v.texts("departments", "id", "name") {
		name[row[0]] = row[1]
	}
	out := answers{map[string]int{}, map[string]int{}}
	for _, row := range v.texts("chats", "agent_ids_upgraded", "department_id_upgraded") {
		for id := range strings.SplitSeq(row[0], ",") {
			out.agents[email[side[id]]]++
		}
		out.departments[name[side[row[1]]]]++
	}
	return out
}

// An account is upgraded while it is read: half of its chats have the ids of before, half those of since. The run that
// meets this stops and says so. The one that goes on makes the maps of what it read before and behind; then chats join with
// agents and departments by the ids of either account, with the same answers, which are those of the account.
func TestUpgradeWhileReading(t *testing.T) {
	const seed = 9
	bubble(t, func(t *testing.T) {
		var s switchable
		legacy := rehearsal.Options{Seed: seed, Chats: 400, Bad: -1, Message: -1}
		v := newVirtual(t, legacy, chatapi.Options{Rate: 100, Quirks: chatapi.Quirks{PageCap: 20}}, func(h http.Handler) http.Handler {
			return slow(300*time.Millisecond, s.around(h))
		})
		v.halfDone(32 * time.Second)
		upgraded := legacy
		upgraded.Upgraded = true
		v.serve(&s, upgraded, chatapi.Options{Kind: chatapi.Phase4})
		if e := v.program(t.Context(), "resume", v.root); e.code != exitIncompatible || !strings.Contains(e.stderr, "the account was legacy and is upgraded now") {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		e := v.program(t.Context(), "resume", v.root, "--account-moved", "--json")
		if e.code != exitDone {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		r := e.result(t)
		for of, n := range r.Identities {
			if n.Matched == 0 || n.Ambiguous+n.Missing+n.New > 0 || len(n.Unresolved) > 0 {
				t.Errorf("seed %d: %s: %+v", seed, of, n)
			}
		}
		v.halves(seed)
		byLegacy, byUpgraded := v.joined(false), v.joined(true)
		want := v.truth(legacy)
		for _, got := range []answers{byLegacy, byUpgraded} {
			if !maps.Equal(got.agents, want.agents) || !maps.Equal(got.departments, want.departments) {
				t.Errorf("seed %d: the joins say\n%v\n%v\nthe account\n%v\n%v", seed, got.agents, got.departments, want.agents, want.departments)
			}
		}
		if e := v.program(t.Context(), "verify", v.root); e.code != exitDone {
			t.Errorf("seed %d: exit code %d: %s%s", seed, e.code, e.stdout, e.stderr)
		}
		// What was read before the upgrade has other ids than the account gives now, which is no difference.
		if d, e := v.deepened(); e.code != exitDone || d.Deep == nil || d.Deep.Account == nil || d.Deep.Account.Renumbered == 0 || d.Deep.Account.Equal == 0 {
			t.Errorf("seed %d: exit code %d: %s%s", seed, e.code, e.stdout, e.stderr)
		}
	})
}

// An upgrade that leaves the token as it was is noticed before the run says that all was read.
func TestUpgradeKeepsToken(t *testing.T) {
	const seed = 11
	bubble(t, func(t *testing.T) {
		var s switchable
		legacy := rehearsal.Options{Seed: seed, Chats: 400, Bad: -1}
		v := newVirtual(t, legacy, chatapi.Options{Rate: 100, Quirks: chatapi.Quirks{PageCap: 20}}, func(h http.Handler) http.Handler {
			return slow(300*time.Millisecond, s.around(h))
		})
		upgraded := legacy
		upgraded.Upgraded = true
		time.AfterFunc(20*time.Second, func() { v.serve(&s, upgraded, chatapi.Options{Kind: chatapi.Phase4}) })
		rate := []string{"--rate", "100", "--rate-share", "100%", "--overlap", "0"}
		if e := v.carry(t.Context(), rate...); e.code != exitIncompatible || !strings.Contains(e.stderr, "was legacy when the run began and is upgraded now") {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		r := v.mustCarry(append(rate, "--account-moved")...)
		for of, n := range r.Identities {
			if n.Matched == 0 || n.Ambiguous+n.Missing+n.New > 0 || len(n.Unresolved) > 0 {
				t.Errorf("seed %d: %s: %+v", seed, of, n)
			}
		}
	})
}

// halves sees that chats were read on both sides of the upgrade.
func (v *virtual) halves(seed int) {
	v.t.Helper()
	before, behind := 0, 0
	for _, row := range v.texts("chats", "agent_ids") {
		switch first, _, _ := strings.Cut(row[0], ","); {
		case len(first) == 0:
		case len(first) < 9:
			before++
		default:
			behind++
		}
	}
	v.t.Logf("%d chats name agents by the ids of before the upgrade, %d by those of since", before, behind)
	if before < 50 || behind < 50 {
		v.t.Errorf("seed %d: %d chats from before the upgrade, %d from since", seed, before, behind)
	}
}

// truth counts chats as the legacy account itself names their agents and departments.
func (v *virtual) truth(o rehearsal.Options) answers {
	v.t.Helper()
	var s switchable
	whole := newVirtual(v.t, o, chatapi.Options{}, s.around)
	whole.mustCarry("--overlap", "0")
	email := map[string]string{}
	for _, row := range whole.texts("agents", "id", "email") {
		email[row[0]] = strings.ToLower(row[1])
	}
	out := answers{map[string]int{}, map[string]int{}}
	for _, row := range whole.texts("chats", "agent_ids", "department_name") {
		for id := range strings.SplitSeq(row[0], ",") {
			out.agents[email[id]]++
		}
		out.departments[row[1]]++
	}
	return out
}

// The upgraded side comes when all is read. It is asked, and compact fills what is there; the digests of records stay. What
// the maps say is kept, so that later runs need not ask.
func TestUpgradeComesLater(t *testing.T) {
	const seed = 10
	bubble(t, func(t *testing.T) {
		var s switchable
		legacy := rehearsal.Options{Seed: seed, Chats: 80, Bad: -1}
		v := newVirtual(t, legacy, chatapi.Options{}, s.around)
		first := v.mustCarry("--overlap", "0")
		records, _ := v.holds()
		upgraded := legacy
		upgraded.Upgraded = true
		v.serve(&s, upgraded, chatapi.Options{Kind: chatapi.Phase4})
		fill := []string{"compact", v.root, "--fill-identities", "--upgraded", "http://127.0.0.1:9", "--json"}
		e := v.program(t.Context(), fill...)
		if e.code != exitDone {
			t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		r := e.result(t)
		if n := r.Identities[chatferry.Agents]; n.Matched != first.Streams[chatferry.Agents].Loaded || n.Ambiguous+n.Missing+n.New > 0 {
			t.Errorf("seed %d: %+v", seed, n)
		}
		now, _ := v.holds()
		for stream, want := range records {
			if !maps.Equal(want, now[stream]) {
				t.Errorf("seed %d: the records of %s have changed", seed, stream)
			}
		}
		if e := v.program(t.Context(), "verify", v.root); e.code != exitDone {
			t.Errorf("seed %d: exit code %d: %s%s", seed, e.code, e.stdout, e.stderr)
		}
		before := v.written()
		if e := v.program(t.Context(), "compact", v.root); e.code != exitDone {
			t.Errorf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
		after := v.written()
		for name := range before {
			if strings.HasPrefix(name, "tables/") && after[name] != before[name] {
				t.Errorf("seed %d: %s was exchanged again", seed, name)
			}
		}
		// The legacy account is none to ask.
		v.serve(&s, legacy, chatapi.Options{})
		if e := v.program(t.Context(), fill...); e.code != exitUsage || !strings.Contains(e.stderr, "is a legacy one") {
			t.Errorf("seed %d: exit code %d: %s", seed, e.code, e.stderr)
		}
	})
}
