package rehearsal

import (
	"bytes"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatferry"
)

// TestSingleChats: a chat asked for by its number, in any order, is the one that the account gives, and its id leads
// back to its number.
func TestSingleChats(t *testing.T) {
	a := New(Options{Seed: 11, Chats: 2000})
	var raws, ids [][]byte
	for r := range a.Records(chatferry.Chats) {
		raws, ids = append(raws, bytes.Clone(r.Raw)), append(ids, bytes.Clone(r.ID))
	}
	r := a.Reader("")
	for k := range raws {
		i := (k*7919 + 13) % len(raws)
		if got := r.Chat(int64(i), State{}); !bytes.Equal(got.Raw, raws[i]) || !bytes.Equal(got.ID, ids[i]) {
			t.Fatalf("chat %d differs:\n%s\n%s", i, got.Raw, raws[i])
		}
		if n, ok := a.ChatNumber(string(ids[i])); !ok || n != int64(i) {
			t.Fatalf("the id %s of chat %d is said to be of chat %d, %t", ids[i], i, n, ok)
		}
	}
	for _, id := range []string{"", "x", "1704.1.", "0123456789abc", ".0123456789abc", string(ids[3]) + "0", "1704" + string(ids[3][4:]), string(ids[3][:len(ids[3])-1]) + "!"} {
		if n, ok := a.ChatNumber(id); ok && n < 2000 && string(a.AppendChatID(nil, n, 0)) != string(ids[3]) {
			t.Errorf("%q is taken for the id of chat %d", id, n)
		}
	}
}

// TestSingleState: a state shows in the record, and only where it should.
func TestSingleState(t *testing.T) {
	a := New(Options{Seed: 11, Chats: 2000, Bad: -1})
	r := a.Reader("https://files.test/f/")
	late := int64(1_700_000_000_000)
	for _, c := range []struct {
		name  string
		state State
		has   []string
		lacks []string
	}{
		{"nothing", State{}, nil, []string{`"update_timestamp"`, `audited`}},
		{"stamped", State{Stamped: true}, []string{`"update_timestamp":"20`}, []string{`audited`}},
		{"touched twice", State{Touches: 2, Updated: late}, []string{`"audited"`, `"audited_2"`, `"update_timestamp":"2023-11-14T22:13:20Z"`}, []string{`"deleted"`}},
		{"deleted", State{Deleted: true, Updated: late}, []string{`"deleted":true`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range int64(100) { // all of the first era
				facts := r.Facts(i, 0)
				if facts.Type == "offline_msg" || a.quirk(quirkEscaped, i) {
					continue
				}
				raw := r.Chat(i, c.state).Raw
				for _, s := range c.has {
					if !bytes.Contains(raw, []byte(s)) {
						t.Fatalf("chat %d lacks %s: %s", i, s, raw)
					}
				}
				for _, s := range c.lacks {
					if bytes.Contains(raw, []byte(s)) {
						t.Fatalf("chat %d has %s: %s", i, s, raw)
					}
				}
			}
		})
	}
}

// TestSingleLater: chats that came after the account was made up end before they are said to have changed, differ, and
// are found by their ids; making them leaves those of the account as they are.
func TestSingleLater(t *testing.T) {
	a := New(Options{Seed: 12, Chats: 900})
	r := a.Reader("")
	before := bytes.Clone(r.Chat(17, State{}).Raw)
	seen := map[string]bool{}
	updated := a.Options().To.UnixMilli() + 900*day
	for i := int64(900); i < 2500; i++ {
		made := r.Latest(i, updated)
		f := r.Facts(i, made)
		if f.Updated > updated || f.End > updated || f.Code != "" || f.Deleted || len(f.Conversions) > 0 {
			t.Fatalf("chat %d: %+v", i, f)
		}
		c := r.Chat(i, State{Made: made, Updated: updated})
		if bytes.Contains(c.Raw, []byte(`"deleted":true`)) {
			t.Fatalf("chat %d is deleted from the start", i)
		}
		if seen[string(c.ID)] || c.Outcome.Code != "" {
			t.Fatalf("chat %d occurs twice or is broken", i)
		}
		seen[string(c.ID)] = true
		if n, ok := a.ChatNumber(string(c.ID)); !ok || n != i {
			t.Fatalf("the id of chat %d is said to be of chat %d, %t", i, n, ok)
		}
	}
	if after := r.Chat(17, State{}).Raw; !bytes.Equal(after, before) {
		t.Error("a chat of the account changed")
	}
}

func TestSingleVisitors(t *testing.T) {
	a := New(Options{Seed: 13, Chats: 1500, Bad: -1})
	r := a.Reader("")
	n := 0
	for v := range a.Records(chatferry.Visitors) {
		i, ok := a.VisitorNumber(string(v.ID))
		if !ok {
			t.Fatalf("no visitor %s", v.ID)
		}
		if got := r.Visitor(i, 0); !bytes.Equal(got.Raw, v.Raw) || !bytes.Equal(got.ID, v.ID) {
			t.Fatalf("visitor %d differs:\n%s\n%s", i, got.Raw, v.Raw)
		}
		n++
	}
	if n == 0 {
		t.Fatal("no visitors")
	}
}

// TestSingleDays: the days together are what the account gives, in the order of time.
func TestSingleDays(t *testing.T) {
	a := New(Options{Seed: 14, Chats: 3000})
	r := a.Reader("")
	for _, s := range []chatferry.Stream{chatferry.AgentTimeline, chatferry.AgentEvents, chatferry.DepartmentEvents} {
		var want, got []string
		for v := range a.Records(s) {
			want = append(want, string(v.Raw))
		}
		from, to := a.Days()
		last := int64(0)
		for d := from; d < to; d++ {
			first, latest := int64(0), last
			for v := range r.Day(s, d, 0) {
				got = append(got, string(v.Raw))
				if first == 0 || v.Micros < first {
					first = v.Micros
				}
				latest = max(latest, v.Micros)
				if at := a.DayOf(v.Time); at != d && at != d+1 {
					t.Fatalf("%s: day %d has a record of day %d", s, d, at)
				}
			}
			if first != 0 && first <= last {
				t.Fatalf("%s: day %d begins before the end of the one before", s, d)
			}
			last = latest
		}
		if !slices.Equal(want, got) {
			t.Errorf("%s: %d records, by days %d, or they differ", s, len(want), len(got))
		}
	}
}

// TestSingleOpenInterval: what has not ended lasts until now.
func TestSingleOpenInterval(t *testing.T) {
	a := New(Options{Seed: 14, Chats: 700})
	r := a.Reader("")
	_, to := a.Days()
	now := a.Options().To.UnixMicro() + 3_600_000_000
	open := 0
	for v := range r.Day(chatferry.AgentTimeline, to-1, now) {
		if v.Open {
			open++
		}
	}
	if open == 0 {
		t.Error("no interval is open on the last day")
	}
}

func TestFiles(t *testing.T) {
	a := New(Options{Seed: 15, Chats: 10})
	name := string(a.appendFileName(nil, 12345, 2, 70_001))
	content, mediaType, ok := a.File(name)
	if !ok || len(content) != 70_001 || mediaType != "image/png" {
		t.Fatalf("%d bytes of %s, %t", len(content), mediaType, ok)
	}
	if again, _, _ := a.File(name); !bytes.Equal(content, again) {
		t.Error("the file changes")
	}
	other := New(Options{Seed: 16, Chats: 10})
	for _, bad := range []string{"", "x", name[1:], name[:9] + "z" + name[10:], name[:len(name)-1] + "!"} {
		if _, _, ok := a.File(bad); ok {
			t.Errorf("%q is a file", bad)
		}
	}
	if _, _, ok := other.File(name); ok {
		t.Error("another account has the same file")
	}
}

// TestUpgraded: the upgrade changes the ids of agents and departments everywhere, and nothing else.
func TestUpgraded(t *testing.T) {
	old, now := New(Options{Seed: 17, Chats: 700}), New(Options{Seed: 17, Chats: 700, Upgraded: true})
	var names []string
	for i := range old.agents {
		names = append(names, fmt.Sprint(now.agents[i].id), fmt.Sprint(old.agents[i].id))
		if n := len(fmt.Sprint(now.agents[i].id)); n != 12 {
			t.Errorf("an agent's id of %d digits", n)
		}
	}
	for d := range old.departments {
		names = append(names, fmt.Sprint(now.departments[d].id), fmt.Sprint(old.departments[d].id))
	}
	back := strings.NewReplacer(names...)
	for _, s := range []chatferry.Stream{chatferry.Chats, chatferry.Agents, chatferry.Departments, chatferry.AgentEvents, chatferry.Visitors} {
		next, stop := iter.Pull(now.Records(s))
		changed := 0
		for r := range old.Records(s) {
			n, ok := next()
			if !ok {
				t.Fatalf("%s: records are missing", s)
			}
			text := regexp.MustCompile(`"settings":\{[^}]*\}`).ReplaceAllString(string(n.Raw), `"settings":{}`)
			if text != string(r.Raw) {
				changed++
			}
			if got := back.Replace(text); got != string(r.Raw) && r.Outcome.Code == "" {
				t.Fatalf("%s: more than ids changed:\n%s\n%s", s, got, r.Raw)
			}
		}
		stop()
		if (changed == 0) != (s == chatferry.Visitors) {
			t.Errorf("%s: %d records changed", s, changed)
		}
	}
}
