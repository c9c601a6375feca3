package chatapi

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// TestTouch: a chat that was delivered comes again when it is touched, changed, and nowhere twice.
func TestTouch(t *testing.T) {
	s, clock, c := serve(t, rehearsal.Options{Seed: 3, Chats: 100, Bad: -1}, Options{})
	e := c.export(exportURL(chatferry.Chats, "0", "1000"), chatferry.Chats)
	for k := range 3 {
		if !s.Touch(7) {
			t.Fatal("chat 7 cannot be touched")
		}
		clock.pass(time.Hour)
		next := c.export(e.NextPage, chatferry.Chats)
		if next.Count != 1 {
			t.Fatalf("%d chats after touch %d", next.Count, k)
		}
		r := read(t, next.records[0])
		want := ledger(t, s, chatferry.Chats)[r.id]
		if want.SHA256 != r.sum || len(want.Versions) != k+2 || string(s.account.AppendChatID(nil, 7, 0)) != r.id {
			t.Fatalf("%s: %+v", r.id, want)
		}
		e = next
	}
	if n := len(c.follow(chatferry.Chats, "0", 1000)); n != 100 {
		t.Errorf("%d chats", n)
	}
	if s.Touch(100) || s.Touch(-1) || s.Delete(100) {
		t.Error("a chat that is not there was changed")
	}
}

// TestTouchTwice: two changes in one second bear two seconds, or nobody could tell which is the newer.
func TestTouchTwice(t *testing.T) {
	s, clock, c := serve(t, rehearsal.Options{Seed: 3, Chats: 100, Bad: -1}, Options{})
	s.Touch(7)
	s.Touch(7)
	id := string(s.account.AppendChatID(nil, 7, 0))
	before := read(t, c.get("/chats/"+id, nil))
	clock.pass(time.Second)
	after := read(t, c.get("/chats/"+id, nil))
	if before.updated != "2022-06-01T12:00:00Z" || after.updated != "2022-06-01T12:00:01Z" || before.sum == after.sum {
		t.Errorf("%s, then %s", before.updated, after.updated)
	}
}

// TestDeleted: a deleted chat is marked in the export and gone everywhere else.
func TestDeleted(t *testing.T) {
	s, clock, c := serve(t, rehearsal.Options{Seed: 3, Chats: 100, Bad: -1}, Options{})
	id := string(s.account.AppendChatID(nil, 3, 0))
	since := strconv.FormatInt(clock.at.Unix(), 10)
	c.get("/chats/"+id, nil)
	if !s.Delete(3) || s.Delete(3) || s.Touch(3) {
		t.Error("a chat can be deleted once, and not changed afterwards")
	}
	clock.pass(time.Hour)
	e := c.export(exportURL(chatferry.Chats, since, "10"), chatferry.Chats)
	if e.Count != 1 || read(t, e.records[0]).id != id || !bytes.Contains(e.records[0], []byte(`"deleted":true`)) {
		t.Errorf("the export has %s", e.records)
	}
	if status, _ := c.status("/chats/" + id); status != 404 {
		t.Errorf("status %d", status)
	}
	for _, path := range []string{"/chats", "/chats?ids=" + id, "/chats/search?q=timestamp:[*+TO+*]"} {
		if bytes.Contains(c.get(path, nil), []byte(`"`+id+`"`)) {
			t.Errorf("%s has it", path)
		}
	}
}

// TestInsert: chats that come to light now are everywhere, and are found by their ids and visitors.
func TestInsert(t *testing.T) {
	s, clock, c := serve(t, rehearsal.Options{Seed: 3, Chats: 100, Bad: -1}, Options{})
	since := strconv.FormatInt(clock.at.Unix(), 10)
	s.Insert(30)
	clock.pass(time.Hour)
	if s.Chats() != 130 {
		t.Errorf("%d chats", s.Chats())
	}
	e := c.export(exportURL(chatferry.Chats, since, "100"), chatferry.Chats)
	if e.Count != 30 {
		t.Fatalf("%d new chats", e.Count)
	}
	last := ""
	for _, raw := range e.records {
		r := read(t, raw)
		if r.id <= last || r.updated != begin.Format(time.RFC3339) {
			t.Fatalf("%s of %s behind %s", r.id, r.updated, last)
		}
		last = r.id
		if got := c.get("/chats/"+r.id, nil); !bytes.Equal(got, raw) {
			t.Fatalf("%s alone differs", r.id)
		}
		var known struct {
			Visitor      struct{ ID any }
			EndTimestamp time.Time `json:"end_timestamp"`
		}
		decode(t, raw, &known)
		c.get("/visitors/"+fmt.Sprint(known.Visitor.ID), nil)
		if known.EndTimestamp.After(begin) {
			t.Errorf("%s ended in the future, at %s", r.id, known.EndTimestamp)
		}
	}
	if n := len(ledger(t, s, chatferry.Chats)); n != 130 {
		t.Errorf("the ledger has %d", n)
	}
}

// TestGrowing: with a clock within the account's life, what is to come is not there yet.
func TestGrowing(t *testing.T) {
	clock := &clock{time.Date(2018, 11, 8, 14, 0, 0, 0, time.UTC)}
	s, _, c := serve(t, rehearsal.Options{Seed: 21, Chats: 400}, Options{Now: clock.now})
	last := 0
	for range 4 {
		want := ledger(t, s, chatferry.Chats)
		records := c.follow(chatferry.Chats, "0", 1000)
		if len(want) <= last || len(records) != len(want) {
			t.Fatalf("%d chats, %d in the ledger, %d before", len(records), len(want), last)
		}
		last = len(want)
		for _, stream := range []chatferry.Stream{chatferry.AgentEvents, chatferry.Conversions} {
			n := 0
			for e := range s.Ledger(stream) {
				n++
				if e.Updated > clock.at.UnixMicro() {
					t.Fatalf("%s: %s is of the future", stream, e.Key)
				}
			}
			if got := len(c.follow(stream, "0", 1000)); got < n || n > 0 && got > n+got/1000+1 {
				t.Fatalf("%s: %d records, %d in the ledger", stream, got, n)
			}
		}
		clock.pass(400 * 24 * time.Hour)
	}
}

// TestLate: until a change is visible, the version before is served in its old place; or neither is.
func TestLate(t *testing.T) {
	for _, neither := range []bool{false, true} {
		s, clock, c := serve(t, rehearsal.Options{Seed: 3, Chats: 100, Bad: -1}, Options{Change: Changes{Seed: 1, Late: 4 * time.Minute, Neither: neither}})
		before := c.export(exportURL(chatferry.Chats, "0", "1000"), chatferry.Chats)
		for i := range int64(20) {
			s.Touch(i)
		}
		c.root = "http://chat.test/api/v2"
		now := c.export(exportURL(chatferry.Chats, "0", "1000"), chatferry.Chats)
		if neither && now.Count > 85 || !neither && now.Count != before.Count {
			t.Errorf("Neither=%t: %d chats of %d", neither, now.Count, before.Count)
		}
		seen := map[int]bool{}
		for range 5 {
			e := c.export(exportURL(chatferry.Chats, "0", "1000"), chatferry.Chats)
			newer := 0
			for _, raw := range e.records {
				if read(t, raw).updated == "2022-06-01T12:00:00Z" {
					newer++
				}
			}
			seen[newer] = true
			clock.pass(time.Minute)
		}
		if !seen[20] || len(seen) < 3 {
			t.Errorf("Neither=%t: %v changes became visible in five minutes", neither, seen)
		}
		late := 0
		for _, e := range ledger(t, s, chatferry.Chats) {
			if v := e.Versions[len(e.Versions)-1]; v.Visible.UnixMicro() > v.Updated {
				late++
			}
		}
		if late == 0 {
			t.Error("no version is late")
		}
	}
}

// TestDeterministic: what happens depends on the clock, not on who asks when.
func TestDeterministic(t *testing.T) {
	o := Options{Change: Changes{
		Seed: 5, Touches: 200, Inserts: 30, Deletes: 10, Late: 3 * time.Minute, Storms: []Storm{{Chats: 50, After: 90 * time.Minute}},
	}}
	a := rehearsal.Options{Seed: 3, Chats: 400}
	watched, clockA, c := serve(t, a, o)
	alone, clockB, _ := serve(t, a, o)
	for range 180 {
		clockA.pass(time.Minute)
		c.get("/chats", nil)
	}
	clockB.pass(3 * time.Hour)
	var one, two []Entry
	for e := range watched.Ledger(chatferry.Chats) {
		one = append(one, e)
	}
	for e := range alone.Ledger(chatferry.Chats) {
		two = append(two, e)
	}
	same := slices.EqualFunc(one, two, func(x, y Entry) bool {
		return x.Key == y.Key && x.SHA256 == y.SHA256 && slices.Equal(x.Versions, y.Versions)
	})
	if !same {
		t.Error("the ledgers differ")
	}
	versions, deleted := 0, 0
	for _, e := range one {
		versions += len(e.Versions)
		if e.Deleted {
			deleted++
		}
	}
	if versions < 400+600 || deleted < 25 || len(one) < 470 {
		t.Errorf("%d chats, %d versions, %d deleted", len(one), versions, deleted)
	}
}

// TestWalkMoving reads a source that moves as sweeps with an overlap do, and has everything at its newest.
func TestWalkMoving(t *testing.T) {
	for seed := range uint64(3) {
		for _, neither := range []bool{false, true} {
			late := 4 * time.Minute
			s, clock, c := serve(t, rehearsal.Options{Seed: seed, Chats: 300}, Options{Change: Changes{
				Seed: seed, Touches: 200, Inserts: 60, Deletes: 20, Late: late, Neither: neither,
				Storms: []Storm{{Chats: 120, After: 7 * time.Minute}},
			}})
			got := map[string]record{}
			start := int64(0)
			for range 4 {
				began := clock.at
				for u := exportURL(chatferry.Chats, strconv.FormatInt(start, 10), "100"); ; {
					e := c.export(u, chatferry.Chats)
					for _, raw := range e.records {
						r := read(t, raw)
						if r.updated >= got[r.id].updated {
							got[r.id] = r
						}
					}
					clock.pass(20 * time.Second)
					end, err := e.EndTime.Int64()
					if err != nil {
						t.Fatal(err)
					}
					if u = e.NextPage; e.Count < 100 || end > clock.at.Unix()-300 {
						break
					}
				}
				start = began.Add(-late - 5*time.Minute).Unix()
				clock.pass(10 * time.Minute)
			}
			// What was last changed before the last sweep's overlap must be there as it is; what was changed later, or is new,
			// may be there as it once was.
			settled := 0
			for id, e := range ledger(t, s, chatferry.Chats) {
				newest := e.Versions[len(e.Versions)-1]
				if newest.Updated < start*1_000_000 {
					settled++
					if got[id].sum != newest.SHA256 {
						t.Fatalf("seed %d: %s is there as of %s, not %s", seed, id, got[id].updated, time.UnixMicro(newest.Updated).UTC())
					}
				}
				if got[id].id != "" && !slices.ContainsFunc(e.Versions, func(v Version) bool { return v.SHA256 == got[id].sum }) {
					t.Fatalf("seed %d: %s is as it never was", seed, id)
				}
			}
			if settled < 100 {
				t.Fatalf("seed %d: only %d chats have settled", seed, settled)
			}
		}
	}
}

// TestOrder holds the order of keys against a sorted slice.
func TestOrder(t *testing.T) {
	compare := func(x, y key) int {
		if c := compareSeconds(x, y); c != 0 {
			return c
		}
		return int(x.chat - y.chat)
	}
	o := newOrder(nil, compare)
	var want []key
	for step := range uint64(20_000) {
		k := key{int64(hash(1, step, 0) % 500), int64(hash(1, step, 1) % 50)}
		at, found := slices.BinarySearchFunc(want, k, compare)
		if hash(1, step, 2)%3 == 0 {
			if o.remove(k) != found {
				t.Fatalf("step %d: remove says otherwise", step)
			}
			if found {
				want = slices.Delete(want, at, at+1)
			}
		} else if !found {
			o.insert(k)
			want = slices.Insert(want, at, k)
		}
	}
	for _, second := range []int64{-1, 0, 250, 499, 500} {
		at, _ := slices.BinarySearchFunc(want, key{second: second, chat: -1}, compare)
		got := slices.Collect(o.from(func(k key) bool { return k.second >= second }))
		if !slices.Equal(got, want[at:]) {
			t.Fatalf("from %d: %d keys, not %d", second, len(got), len(want)-at)
		}
	}
	for _, k := range want {
		if !o.remove(k) {
			t.Fatalf("%v is missing", k)
		}
	}
	if len(o.runs) != 0 {
		t.Error("runs are left")
	}
}
