package rehearsal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"chatferry"
)

// decode reads a good record the slow and safe way.
func decode(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if d.More() || !utf8.Valid(raw) {
		t.Fatalf("not one record of UTF-8: %s", raw)
	}
	return m
}

func at(t *testing.T, v any) int64 {
	t.Helper()
	ts, err := time.Parse(time.RFC3339Nano, v.(string))
	if err != nil {
		t.Fatal(err)
	}
	return ts.UnixMilli()
}

func whole(t *testing.T, v any) int64 {
	t.Helper()
	f, err := v.(json.Number).Float64()
	if err != nil || f != math.Trunc(f) {
		t.Fatalf("%v is not whole", v)
	}
	return int64(f)
}

// message is a message of a history, as read from JSON.
type message struct {
	at      int64
	visitor bool
	agent   string
}

// messages tells visitors from agents by what old and new records have in common: the name.
func messages(t *testing.T, m map[string]any) []message {
	t.Helper()
	var out []message
	for _, e := range m["history"].([]any) {
		e := e.(map[string]any)
		if e["type"] == "chat.msg" {
			name := e["name"].(string)
			out = append(out, message{at: at(t, e["timestamp"]), visitor: name == m["visitor"].(map[string]any)["name"], agent: name})
		}
	}
	return out
}

// waits recomputes what a chat's response_time is made of.
func waits(ms []message) (out []float64) {
	begun := int64(-1)
	for _, m := range ms {
		switch {
		case m.visitor && begun < 0:
			begun = m.at
		case !m.visitor && begun >= 0:
			out = append(out, float64(m.at-begun)/1000)
			begun = -1
		}
	}
	return out
}

func TestChats(t *testing.T) {
	const seed, chats = 11, 2500
	a := New(Options{Seed: seed, Chats: chats, Duplicates: 0.03})
	t.Logf("seed %d", seed)
	agents, departments := map[string]string{}, map[string]string{}
	for r := range a.Records(chatferry.Agents) {
		m := decode(t, r.Raw)
		agents[m["id"].(json.Number).String()] = m["display_name"].(string)
	}
	for r := range a.Records(chatferry.Departments) {
		m := decode(t, r.Raw)
		departments[m["id"].(json.Number).String()] = m["name"].(string)
	}
	visitors := map[string]bool{}
	for r := range a.Records(chatferry.Visitors) {
		visitors[string(r.ID)] = true
	}
	versions, last := map[string]int64{}, int64(0)
	for r := range a.Records(chatferry.Chats) {
		if r.Outcome.Code != "" {
			continue
		}
		m := decode(t, r.Raw)
		id := m["id"].(string)
		bad := func(format string, args ...any) {
			t.Helper()
			t.Errorf("chat %s: %s\n%s", id, fmt.Sprintf(format, args...), r.Raw)
		}
		if id != string(r.ID) {
			bad("its ID is said to be %s", r.ID)
		}
		version, seen := versions[id]
		if seen != r.Again || seen && version >= r.Updated {
			bad("seen before: %t, again: %t, versions %d and %d", seen, r.Again, version, r.Updated)
		}
		versions[id] = r.Updated
		if u, ok := m["update_timestamp"]; ok != (r.Updated != 0) || ok && at(t, u) != r.Updated {
			bad("update_timestamp %v, said to be %d", u, r.Updated)
		}
		checkID(t, a, m, r, bad)
		if !r.Again {
			if r.Time < last {
				bad("made before the chat in front of it")
			}
			last = r.Time
		}
		if v := fmt.Sprint(m["visitor"].(map[string]any)["id"]); !visitors[v] {
			bad("visitor %s is unknown", v)
		}
		if d := m["department_id"]; d != nil && departments[d.(json.Number).String()] != m["department_name"] {
			bad("department %v is called %v", d, m["department_name"])
		}
		children := Children{History: size(m["history"]), Webpath: size(m["webpath"]), Engagements: size(m["engagements"]), Conversions: size(m["conversions"])}
		if r.Outcome.Excluded == "" && r.Children != children {
			bad("children %+v, said to be %+v", children, r.Children)
		}
		if m["type"] == "offline_msg" {
			for _, key := range []string{"end_timestamp", "history", "duration", "count", "response_time", "agent_ids", "missed", "rating"} {
				if _, ok := m[key]; ok {
					bad("an offline message with %s", key)
				}
			}
			continue
		}
		checkFigures(t, m, bad)
		for i, ag := range m["agent_ids"].([]any) {
			if agents[ag.(string)] != m["agent_names"].([]any)[i] {
				bad("agent %s is called %v", ag, m["agent_names"].([]any)[i])
			}
		}
		checkEngagements(t, m, bad)
	}
}

func size(v any) int64 {
	list, _ := v.([]any)
	return int64(len(list))
}

type report func(format string, args ...any)

// checkID holds the id against its grammar: the month, the account, and the time of creation in base 62.
func checkID(t *testing.T, a *Account, m map[string]any, r Record, bad report) {
	t.Helper()
	parts := strings.Split(m["id"].(string), ".")
	if len(parts) != 3 || len(parts[2]) != 13 || parts[1] != fmt.Sprint(a.Number) {
		bad("its id is malformed")
		return
	}
	ms := int64(0)
	for _, c := range []byte(parts[2][:7]) {
		ms = ms*62 + int64(strings.IndexByte(base62, c))
	}
	if ms != r.Time || parts[0] != time.UnixMilli(ms).UTC().Format("0601") {
		bad("its id tells the time %d, it was made at %d", ms, r.Time)
	}
	injected := strings.Contains(string(r.Raw), "299.96")
	if d := ms - at(t, m["timestamp"]); !injected && (d < -1000 || d > 1000) {
		bad("its id and its timestamp are %d ms apart", d)
	}
}

func checkFigures(t *testing.T, m map[string]any, bad report) {
	t.Helper()
	ms := messages(t, m)
	visitors := int64(0)
	for _, x := range ms {
		if x.visitor {
			visitors++
		}
	}
	count := m["count"].(map[string]any)
	if whole(t, count["total"]) != int64(len(ms)) || whole(t, count["visitor"]) != visitors || whole(t, count["agent"]) != int64(len(ms))-visitors {
		bad("count %v of %d messages, %d of the visitor", count, len(ms), visitors)
	}
	if at(t, m["timestamp"]) != ms[0].at/1000*1000 {
		bad("timestamp is not that of the first message")
	}
	if want := (ms[len(ms)-1].at - ms[0].at) / 1000; whole(t, m["duration"]) != want {
		bad("duration %v, want %d", m["duration"], want)
	}
	checkWaits(t, m["response_time"].(map[string]any), waits(ms), bad)
	var left, before int64
	for _, e := range m["history"].([]any) {
		e := e.(map[string]any)
		now := at(t, e["timestamp"])
		if now < before {
			bad("the history goes back in time")
		}
		before = now
		if e["type"] == "chat.memberleave" {
			left = now
		}
	}
	if at(t, m["end_timestamp"]) != left/1000*1000 || m["session"].(map[string]any)["end_date"] != m["end_timestamp"] {
		bad("end_timestamp is not when the last one left")
	}
	if missed := visitors == int64(len(ms)) && len(m["agent_ids"].([]any)) == 0; m["missed"] != missed && m["started_by"] != "trigger" {
		bad("missed is %v", m["missed"])
	}
	if dropped, ok := m["dropped"]; ok && dropped != (ms[len(ms)-1].visitor && m["missed"] == false) {
		bad("dropped is %v", dropped)
	}
}

func checkWaits(t *testing.T, got map[string]any, want []float64, bad report) {
	t.Helper()
	if len(want) == 0 {
		if got["first"] != nil || got["avg"] != nil || got["max"] != nil {
			bad("response_time %v without any answer", got)
		}
		return
	}
	sum, most := 0.0, 0.0
	for _, w := range want {
		sum += w
		most = max(most, w)
	}
	avg, _ := got["avg"].(json.Number).Float64()
	if whole(t, got["first"]) != int64(math.Round(want[0])) || whole(t, got["max"]) != int64(math.Round(most)) || math.Abs(avg-sum/float64(len(want))) > 1e-6 {
		bad("response_time %v, want %v", got, want)
	}
}

// checkEngagements: each agent's messages are counted once, those of the visitor at most once for each agent.
func checkEngagements(t *testing.T, m map[string]any, bad report) {
	t.Helper()
	list, ok := m["engagements"].([]any)
	if !ok {
		return
	}
	byAgents, most := int64(0), int64(0)
	for _, e := range list {
		e := e.(map[string]any)
		count := e["count"].(map[string]any)
		byAgents += whole(t, count["agent"])
		most = max(most, whole(t, count["visitor"]))
		if m["missed"] == true && (e["accepted"] != false || e["assigned"] != true) {
			bad("missed, but accepted")
		}
		begin, d := at(t, e["timestamp"]), e["duration"].(json.Number)
		if seconds, err := d.Float64(); err != nil || seconds < 0 || begin+int64(seconds*1000) > at(t, m["end_timestamp"])+1000 {
			bad("an engagement that outlasts the chat")
		}
	}
	triggers := int64(0)
	for _, x := range messages(t, m) {
		if x.agent == "Customer Service" {
			triggers++
		}
	}
	total := m["count"].(map[string]any)
	if byAgents != whole(t, total["agent"])-triggers || most > whole(t, total["visitor"]) {
		bad("engagements count %d messages of agents, the chat %v", byAgents, total)
	}
}

// TestStreams: every good record of the other Streams is JSON, and refers to what exists.
func TestStreams(t *testing.T) {
	const seed = 12
	a := New(Options{Seed: seed, Chats: 3000, Duplicates: 0.02})
	t.Logf("seed %d", seed)
	known := map[string]bool{}
	for _, s := range []chatferry.Stream{chatferry.Agents, chatferry.Departments, chatferry.Skills, chatferry.Goals, chatferry.Roles} {
		for r := range a.Records(s) {
			known[string(s)+decode(t, r.Raw)["id"].(json.Number).String()] = true
		}
	}
	shown := map[string]int{}
	for r := range a.Records(chatferry.Chats) {
		if r.Outcome.Loaded() {
			known["chat"+string(r.ID)] = true
			shown[string(r.ID)] = int(r.Children.Conversions)
		}
	}
	for r := range a.Records(chatferry.Visitors) {
		known["visitor"+string(r.ID)] = true
	}
	converted := map[string]int{}
	for _, s := range chatferry.Given() {
		if s.CSV() {
			continue
		}
		seen := map[string]bool{}
		for r := range a.Records(s) {
			if r.Outcome.Code != "" {
				continue
			}
			m := decode(t, r.Raw)
			refers := func(s, id any) {
				t.Helper()
				if id != nil && !known[fmt.Sprint(s)+fmt.Sprint(id)] {
					t.Errorf("%v %v is unknown: %s", s, id, r.Raw)
				}
			}
			if len(r.ID) > 0 && fmt.Sprint(m["id"]) != string(r.ID) {
				t.Errorf("%s is said to be %s", r.Raw, r.ID)
			}
			key := fmt.Sprint(m["id"], m["name"], m["agent_id"], m["start_time"])
			if s != chatferry.Chats && seen[key] != r.Again {
				t.Errorf("%s: again: %t, but seen before: %t", r.Raw, r.Again, seen[key])
			}
			seen[key] = true
			switch s {
			case chatferry.Conversions:
				at := m["attribution"].(map[string]any)
				refers("chat", at["chat_id"])
				refers(chatferry.Agents, at["agent_id"])
				refers(chatferry.Departments, at["department_id"])
				refers(chatferry.Goals, m["goal_id"])
				converted[at["chat_id"].(string)]++
			case chatferry.AgentTimeline, chatferry.AgentEvents, chatferry.OAuthClients:
				refers(chatferry.Agents, m["agent_id"])
			case chatferry.DepartmentEvents:
				refers(chatferry.Departments, m["department_id"])
			case chatferry.Bans:
				refers("visitor", m["visitor_id"])
			case chatferry.Agents:
				refers(chatferry.Roles, m["role_id"])
				for _, d := range m["departments"].([]any) {
					refers(chatferry.Departments, d)
				}
			}
		}
		if len(seen) == 0 {
			t.Errorf("%s has no records", s)
		}
	}
	for id, n := range converted {
		if shown[id] != min(n, maxConversions) {
			t.Errorf("chat %s has %d conversions and shows %d", id, n, shown[id])
		}
	}
	if len(converted) < 50 {
		t.Errorf("only %d chats have conversions", len(converted))
	}
}
