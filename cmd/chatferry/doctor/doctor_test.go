package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"chatferry"
)

var now = time.Date(2022, 3, 2, 9, 0, 0, 0, time.UTC)

// read makes a record.
func read[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// sound is an account that nothing stands in the way of.
func sound(t *testing.T) *Facts {
	t.Helper()
	f := &Facts{
		From: "zendesk://acme", Now: now, PerMinute: 140, Root: seen("https://acme.zendesk.com/api/v2/chat"), Clock: seen(time.Second),
		Me: seen(read[Agent](t, `{"id":4123471,"email":"ana@acme.example","enabled":1,"roles":{"owner":true,"administrator":true}}`)),
		Account: seen(read[Account](t, `{"status":"active","billing":{"company":"Acme","country_code":"PT"},
			"plan":{"name":"premium","rest_api":true,"analytics":true,"max_history_search_days":"unlimited","long_desc":"billed Monthly"}}`)),
		Agents: seen(read[[]Agent](t, `[{"id":4123471,"first_name":"Ana","email":"ana@acme.example","enabled":1,"roles":{"owner":true,"administrator":true}},
			{"id":"4123472","email":"rui@acme.example","enabled":true,"roles":{"owner":false,"administrator":false}}]`)),
		Roles:       seen(read[[]Role](t, `[{"id":1,"name":"Owner"},{"id":2,"name":"Administrator"},{"id":3,"name":"Agent"}]`)),
		Departments: seen(read[[]Department](t, `[{"id":1817719521,"name":"Sales","enabled":true,"members":[4123471],"settings":{}}]`)),
		Clients:     seen([]Client{}), Setup: map[chatferry.Stream]Fact[Snapshot]{}, Exports: map[chatferry.Stream]Fact[bool]{},
		Sample: seen(Sample{
			Chats: 100, Bytes: 300_000, Tickets: 40, Accounts: map[string]int{"2314815": 100}, Agents: map[number]int{4123472: 60},
			Oldest: "2017-04-03T08:00:00Z", Endpoint: "incremental/chats", Loaded: 100,
		}),
		Counts: seen(Counts{Chats: 90, Offline: 10}), Months: seen([]Month{{Month: "2022-02", Chats: 90, Offline: 10}}),
		Users:  seen(read[[]User](t, `[{"id":1,"email":"ana@acme.example","role":"admin"},{"id":2,"email":"rui@acme.example","role":"agent"}]`)),
		Groups: seen([]string{"Tier 1"}), Apps: seen([]App{}), Owner: seen("ana@acme.example"),
		Billing: seen(Billing{"company": "acme", "country_code": "pt", "cycle": "monthly"}),
		Target:  seen(Target{}), Space: seen(Space{Free: 1 << 40, Total: 1 << 41}), Stored: unseen[int64]("", NotHeld, ""),
	}
	for _, s := range growing() {
		f.Exports[s] = seen(true)
	}
	for _, s := range setup {
		f.Setup[s] = seen(Snapshot{Digest: strings.Repeat("0", 64)})
	}
	return f
}

var plainStyle = Style{Printable: func(s string) string { return s }, Wrap: func(s, indent string, _ int) string { return indent + s }}

func TestSoundAccount(t *testing.T) {
	s := Examine(sound(t))
	for _, c := range s.Checks {
		if c.Verdict != Pass {
			t.Errorf("%s: %s, %q, %+v", c.ID, c.Verdict, c.Seen, c.NotSeen)
		}
	}
	if s.Sentence() != "nothing stands in the way" || s.Kind != Linked {
		t.Errorf("%s; %s", s.Sentence(), s.Kind)
	}
	for _, write := range []func(*bytes.Buffer) error{
		func(b *bytes.Buffer) error { return s.Markdown(b, plainStyle) },
		func(b *bytes.Buffer) error { return s.Table(b, plainStyle) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil || strings.Contains(b.String(), "could not") {
			t.Errorf("%v\n%s", err, b.String())
		}
	}
}

// A check that looks at something else than what it is given cannot be written so that it passes: take says what is missing.
func TestNothingIsSeen(t *testing.T) {
	for _, f := range []*Facts{{}, func() *Facts { f := &Facts{Months: noMonths}; f.bar(errors.New("refused")); return f }()} {
		f.Setup = map[chatferry.Stream]Fact[Snapshot]{}
		for _, c := range Examine(f).Checks {
			if c.Verdict == Pass || c.Verdict == Warn {
				t.Errorf("%s: %s", c.ID, c.Verdict)
			}
			if c.Do == "" || c.Means == "" || c.Title == "" {
				t.Errorf("%s does not say what it means or what to do", c.ID)
			}
		}
	}
	// What was seen in part is found, and never passes.
	f := sound(t)
	f.Agents.Gap = &Gap{Asked: "GET agents", Why: Failed, Reason: "cut"}
	for _, c := range Examine(f).Checks {
		if strings.HasPrefix(c.ID, "agents.") && c.Verdict != Unknown {
			t.Errorf("%s: %s", c.ID, c.Verdict)
		}
	}
	f.Agents.Value[1].Email = ""
	if v := verdictOf(f, "agents.email-missing"); v != Fail {
		t.Errorf("an agent without an address: %s", v)
	}
}

func verdictOf(f *Facts, id string) Verdict {
	for _, c := range Examine(f).Checks {
		if c.ID == id {
			return c.Verdict
		}
	}
	return ""
}

func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Facts)
		kind   Kind
		told   Verdict
	}{
		{"linked", func(*Facts) {}, Linked, Pass},
		{"chat only", func(f *Facts) { f.Root.Value, f.Sample.Value.Tickets = "https://www.zopim.com/api/v2", 0 }, ChatOnly, Warn},
		{"chat only, without chats", func(f *Facts) {
			f.Root.Value, f.Sample = "https://www.zopim.com/api/v2", seen(Sample{})
		}, kindUnknown, Unknown},
		{"phase 3", func(f *Facts) { f.Account.Value.Billing = nil }, Phase3, Pass},
		{"phase 3, by a refusal", func(f *Facts) { f.Account = unseen[Account]("GET account", Forbidden, "403") }, Phase3, Warn},
		{"a refusal to somebody", func(f *Facts) {
			f.Account, f.Me.Value = unseen[Account]("GET account", Forbidden, "403"), Agent{}
		}, kindUnknown, Unknown},
		{"phase 4", func(f *Facts) {
			f.Account.Value.Billing = nil
			f.Agents.Value[0].ID, f.Agents.Value[1].ID = 360786799676, 360786799677
			f.Departments.Value[0].Settings.Group = 7282640316815
		}, Phase4, Warn},
		{"signs that do not agree", func(f *Facts) { f.Agents.Value[0].ID = 360786799676 }, kindUnknown, Unknown},
		{"legacy ids and groups", func(f *Facts) { f.Departments.Value[0].Settings.Group = 1 }, kindUnknown, Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := sound(t)
			tt.change(f)
			if s := Examine(f); s.Kind != tt.kind || verdictOf(f, "account.kind") != tt.told {
				t.Errorf("%s, %s", s.Kind, verdictOf(f, "account.kind"))
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name, id string
		change   func(*Facts)
		want     Verdict
	}{
		{"other details", "billing.details", func(f *Facts) { f.Billing.Value["company"] = "Acme Holding" }, Fail},
		{"another cycle", "billing.details", func(f *Facts) { f.Billing.Value["cycle"] = "annual" }, Fail},
		{"no cycle", "billing.details", func(f *Facts) { delete(f.Billing.Value, "cycle") }, Unknown},
		{"a part of the details", "billing.details", func(f *Facts) { delete(f.Billing.Value, "country_code") }, Unknown},
		{"clock", "clock.skew", func(f *Facts) { f.Clock.Value = -90 * time.Second }, Warn},
		{"clock, to S3", "clock.skew", func(f *Facts) { f.Clock.Value, f.To = 16*time.Minute, "s3://lake/acme" }, Fail},
		{"a plan that hides", "plan.history", func(f *Facts) { f.Account.Value.Plan.HistoryDays = "30" }, Warn},
		{"a plan that says nothing", "plan.history", func(f *Facts) { f.Account.Value.Plan.HistoryDays = "" }, Unknown},
		{"no owner told", "owner.one", func(f *Facts) { f.Agents.Value[0].Roles, f.Agents.Value[1].Roles = nil, nil }, Unknown},
		{"owner is nobody in Support", "owner.support", func(f *Facts) { f.Owner.Value = "rui@acme.example"; f.Users.Value = f.Users.Value[1:] }, Fail},
		{"owner is an end user in Support", "owner.support", func(f *Facts) { f.Owner.Value = "rui@acme.example"; f.Users.Value[0].Role = "end-user" }, Fail},
		{"owner of Support disabled in Chat", "owner.chat-permission", func(f *Facts) { f.Owner.Value = "rui@acme.example"; f.Agents.Value[1].Enabled = false }, Fail},
		{"an agent in capitals", "agents.support-users", func(f *Facts) { f.Agents.Value[1].Email = "Rui@acme.example" }, Warn},
		{"no address", "agents.email-missing", func(f *Facts) { f.Agents.Value[1].Email = "rui" }, Fail},
		{"an agent who is gone", "agents.disabled", func(f *Facts) { f.Sample.Value.Agents[99] = 1 }, Warn},
		{"many agents", "agents.limit", func(f *Facts) { f.Agents.Value = make([]Agent, 1500); enable(f) }, Warn},
		{"too many agents", "agents.limit", func(f *Facts) { f.Agents.Value = make([]Agent, 2500); enable(f) }, Fail},
		{"two accounts", "account.single", func(f *Facts) { f.Sample.Value.Accounts["7"] = 1 }, Warn},
		{"a department without a name", "departments.names", func(f *Facts) { f.Departments.Value[0].Name = " " }, Fail},
		{"an empty department", "departments.members", func(f *Facts) { f.Departments.Value[0].Members = nil }, Warn},
		{"a capped search", "volume.records", func(f *Facts) { f.Counts.Value.Chats = searchCap }, Unknown},
		{"months that hold less", "baseline.counts", func(f *Facts) { f.Months.Value = nil }, Unknown},
		{"suspects", "message.exposure", func(f *Facts) { f.Sample.Value.Suspect = 1 }, Warn},
		{"a full disk", "target.space", func(f *Facts) { f.Space.Value.Free = 1 << 20 }, Fail},
		{"a disk with little room", "target.space", func(f *Facts) { f.Space.Value.Free = slack + slack/2 }, Warn},
		{"a live run", "target.write", func(f *Facts) { f.Target.Value.Held = true }, Unknown},
		{"a place that refuses", "target.write", func(f *Facts) { f.Target.Value.Refused = errors.New("read-only") }, Fail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := sound(t)
			tt.change(f)
			if got := verdictOf(f, tt.id); got != tt.want {
				t.Errorf("%s is %s, want %s", tt.id, got, tt.want)
			}
		})
	}
}

func enable(f *Facts) {
	for i := range f.Agents.Value {
		f.Agents.Value[i].Enabled = true
	}
}
