package rehearsal

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatferry"
)

func microsOf(t *testing.T, v any) int64 {
	t.Helper()
	ts, err := time.Parse(time.RFC3339Nano, v.(string))
	if err != nil {
		t.Fatal(err)
	}
	return ts.UnixMicro()
}

// TestTimelineMatchesEvents replays the events of every agent: between two of them lies one entry of the timeline, with
// the status and the engagements that the events left.
func TestTimelineMatchesEvents(t *testing.T) {
	const seed = 31
	a := New(Options{Seed: seed, Chats: 4000})
	t.Logf("seed %d", seed)
	type state struct {
		at     int64
		status string
		n      string
	}
	events := map[string][]state{}
	count := 0
	for r := range a.Records(chatferry.AgentEvents) {
		m := decode(t, r.Raw)
		agent := m["agent_id"].(json.Number).String()
		now := state{status: "offline", n: "0"}
		if k := len(events[agent]); k > 0 {
			now = events[agent][k-1]
		}
		before, after := fmt.Sprint(m["previous_value"]), fmt.Sprint(m["value"])
		what := &now.status
		if m["field_name"] == "engagements" {
			what = &now.n
		}
		if *what != before {
			t.Fatalf("%s: it was %s before", r.Raw, *what)
		}
		*what = after
		if n, err := strconv.Atoi(now.n); err != nil || n < 0 || n > 40 {
			t.Fatalf("%s: %s engagements", r.Raw, now.n)
		}
		if at := microsOf(t, m["timestamp"]); at <= now.at {
			t.Fatalf("%s: not later than the event before", r.Raw)
		} else {
			now.at = at
		}
		events[agent] = append(events[agent], now)
		count++
	}
	seen, at := 0, map[string]int{}
	for r := range a.Records(chatferry.AgentTimeline) {
		m := decode(t, r.Raw)
		agent := m["agent_id"].(json.Number).String()
		k := at[agent]
		at[agent]++
		if k >= len(events[agent]) {
			t.Fatalf("%s: there are fewer events", r.Raw)
		}
		e := events[agent][k]
		if microsOf(t, m["start_time"]) != e.at || m["status"] != e.status || m["engagement_count"].(json.Number).String() != e.n {
			t.Fatalf("%s: the events say %+v", r.Raw, e)
		}
		seconds, err := m["duration"].(json.Number).Float64()
		if err != nil || seconds <= 0 {
			t.Fatalf("%s: %v", r.Raw, err)
		}
		if k+1 < len(events[agent]) {
			if want := float64(events[agent][k+1].at-e.at) / 1e6; want-seconds > 1e-6 || seconds-want > 1e-6 {
				t.Fatalf("%s: it lasted %f", r.Raw, want)
			}
		}
		seen++
	}
	if seen != count || seen < 1000 {
		t.Errorf("%d events, %d entries of the timeline", count, seen)
	}
}

// TestReports: every row fits its header, and the reports agree with the chats.
func TestReports(t *testing.T) {
	const seed = 32
	a := New(Options{Seed: seed, Chats: 4000, Bad: -1})
	t.Logf("seed %d", seed)
	type sums map[string]int64
	totals := map[chatferry.Stream]sums{}
	for _, s := range chatferry.Given() {
		if !s.CSV() {
			continue
		}
		total := sums{}
		totals[s] = total
		for r := range a.Records(s) {
			table, err := csv.NewReader(strings.NewReader(string(r.Header) + "\r\n" + string(r.Raw) + "\r\n")).ReadAll()
			if err != nil || len(table) != 2 {
				t.Fatalf("%s: %v in %s", s, err, r.Raw)
			}
			total["rows"]++
			for i, name := range table[0] {
				if n, err := strconv.ParseInt(table[1][i], 10, 64); err == nil {
					total[name] += n
				}
				if strings.Contains(name, "Time (UTC") {
					if _, err := time.Parse(time.DateTime, table[1][i]); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	want := sums{}
	for i := a.calendar.starts[a.firstKept]; i < a.o.Chats; i++ {
		c := a.generator().plan(i)
		switch {
		case c.offline:
			want["Offline Messages"]++
			continue
		case c.missed:
			want["Missed Chats"]++
		case c.dropped:
			want["Dropped Chats"]++
		default:
			want["Completed Chats"]++
		}
		want["Total Chats"]++
	}
	for _, s := range []chatferry.Stream{chatferry.AnalyticsChatActivity, chatferry.AnalyticsDepartmentChatActivity} {
		for name, n := range want {
			if totals[s][name] != n || n == 0 {
				t.Errorf("%s: %s adds up to %d, the chats say %d", s, name, totals[s][name], n)
			}
		}
	}
	agents, both := totals[chatferry.AnalyticsAgentActivity], totals[chatferry.AnalyticsDepartmentAgentActivity]
	for _, name := range []string{"Assigned Chats", "Accepted Chats", "Completed Chats", "Visitor Initiated"} {
		if agents[name] != both[name] || agents[name] == 0 {
			t.Errorf("%s: %d by agent, %d by department and agent", name, agents[name], both[name])
		}
	}
	if all := totals[chatferry.AnalyticsChatActivity]; all["Assigned Chats"] != agents["Assigned Chats"] {
		t.Errorf("%d chats were assigned, %d to agents", all["Assigned Chats"], agents["Assigned Chats"])
	}
}
