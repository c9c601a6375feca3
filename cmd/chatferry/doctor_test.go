package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatferry/checkpoint"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// examined is the object of doctor's --json.
type examined struct {
	OK       bool   `json:"ok"`
	ExitCode int    `json:"exit_code"`
	Kind     string `json:"account_kind"`
	Checks   []struct {
		ID      string   `json:"id"`
		Verdict string   `json:"verdict"`
		Seen    []string `json:"seen"`
		NotSeen []struct {
			Asked, Why, Reason string
		} `json:"not_seen"`
		Means, Do string
	} `json:"checks"`
	Error *resultError `json:"error"`
}

// verdicts are those of all checks, by id.
func (e *examined) verdicts() map[string]string {
	m := map[string]string{}
	for _, c := range e.Checks {
		m[c.ID] = c.Verdict
	}
	return m
}

// patient is an account with half a year of chats, some of which name its agents, and the Support account beside it. This
// machine's clock is the server's.
func patient(t *testing.T, kind chatapi.Kind, around func(http.Handler) http.Handler, cases ...rehearsal.Case) *virtual {
	t.Helper()
	if kind == chatapi.LegacyChatOnly {
		cases = append(cases, rehearsal.Unlinked)
	}
	clock := chatapi.Clock(1, serverBegin)
	v := newVirtual(t, rehearsal.Options{
		Seed: 11, Chats: 40, From: serverBegin.AddDate(0, -6, 0), To: serverBegin.AddDate(0, 0, -1), Upgraded: kind == chatapi.Phase4, Cases: cases,
	}, chatapi.Options{Kind: kind, Support: true, Now: clock}, around)
	v.now = clock
	v.transport.DisableCompression = true // which takes most of the time
	v.env[envUpgradedToken] = v.env["CHATFERRY_TOKEN"]
	return v
}

const patientAt = "http://127.0.0.1:9"

// examine calls the verb. Without arguments about the Support account it is named whole.
func (v *virtual) examine(args ...string) ended {
	v.t.Helper()
	owner := rehearsalOwner(v)
	return v.program(v.t.Context(), append([]string{
		"doctor", "--from", patientAt, "--upgraded", patientAt, "--support-owner", owner, "--months", "--support-billing", v.billing(),
	}, args...)...)
}

// billing is a file with the billing details that the account has itself.
func (v *virtual) billing() string {
	v.t.Helper()
	name := filepath.Join(v.t.TempDir(), "billing.json")
	text := `{"company":"Fernweh Outdoor Ltd.","first_name":"Ingrid","last_name":"Solheim","email":"ingrid.solheim@fernweh.example.com",` +
		`"address1":"1 Example Quay","city":"Bristol","postal_code":"BS1 0AA","country_code":"GB","cycle":"yearly"}`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		v.t.Fatal(err)
	}
	return name
}

// rehearsalOwner is who owns the Support account.
func rehearsalOwner(v *virtual) string { return v.server.Support().Owner }

// mustExamine returns what the verb found.
func (v *virtual) mustExamine(args ...string) *examined {
	v.t.Helper()
	e := v.examine(append(args, "--json")...)
	var x examined
	if err := json.Unmarshal([]byte(e.stdout), &x); err != nil {
		v.t.Fatalf("exit code %d, and the result is not JSON: %v\n%s\n%s", e.code, err, e.stdout, e.stderr)
	}
	if x.ExitCode != e.code || x.OK != (e.code == exitDone) || (x.Error == nil) != x.OK {
		v.t.Errorf("exit code %d, and the result says %d, %t, %v", e.code, x.ExitCode, x.OK, x.Error)
	}
	for _, c := range x.Checks {
		if c.Means == "" || (c.Verdict != "pass" && c.Do == "") || len(c.Seen)+len(c.NotSeen) == 0 && c.Verdict != "unknown" {
			v.t.Errorf("it does not say what it saw, what that means or what to do: %+v", c)
		}
		for _, n := range c.NotSeen {
			if n.Asked == "" || n.Why == "" || n.Reason == "" {
				v.t.Errorf("%s does not say what was asked for in vain, and why: %+v", c.ID, n)
			}
		}
	}
	if n := v.server.Stats().Writes; n > 0 {
		v.t.Errorf("it tried to write to the account, %d times", n)
	}
	if strings.Contains(e.stdout+e.stderr, rehearsal.Canary) || strings.Contains(e.stdout+e.stderr, v.env["CHATFERRY_TOKEN"]) {
		v.t.Error("a secret is told")
	}
	return &x
}

var kinds = []chatapi.Kind{chatapi.LegacyChatOnly, chatapi.LegacyLinked, chatapi.Phase3, chatapi.Phase4}

// Every kind of account is told from the others, in every form.
func TestDoctorKinds(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				v := patient(t, kind, nil)
				if x := v.mustExamine(); x.Kind != kind.String() {
					t.Errorf("it is taken for %s", x.Kind)
				}
				for _, format := range []string{"table", "json", "markdown"} {
					e := v.examine("--format", format)
					text := regexp.MustCompile(`"elapsed_s": [0-9.]+`).ReplaceAllString(e.stdout, `"elapsed_s": 0`)
					golden(t, "doctor/"+kind.String()+"."+format, regexp.MustCompile(`2022-03-02T09:\d\d:\d\d(\.\d+)?Z`).ReplaceAllString(text, "2022-03-02T09:00:00Z"))
				}
			})
		})
	}
}

// scenario is a case, of the account or of what is known beside it.
type scenario struct {
	name   string
	cases  []rehearsal.Case
	change func(*virtual) []string // returns more arguments
}

func scenarios() (list []scenario) {
	for _, c := range rehearsal.Cases() {
		list = append(list, scenario{name: string(c), cases: []rehearsal.Case{c}})
	}
	billed := func(old, instead string) func(*virtual) []string {
		return func(v *virtual) []string {
			name := filepath.Join(v.t.TempDir(), "other.json")
			text, err := os.ReadFile(v.billing())
			if err == nil {
				err = os.WriteFile(name, bytes.Replace(text, []byte(old), []byte(instead), 1), 0o600)
			}
			if err != nil {
				v.t.Fatal(err)
			}
			return []string{"--support-billing", name}
		}
	}
	return append(list,
		scenario{name: "billing-details", change: billed("Bristol", "Bath")},
		scenario{name: "billing-cycle", change: billed("yearly", "monthly")},
		scenario{name: "billing-untold", change: billed(`"cycle"`, `"other"`)},
		scenario{name: "clock-ahead", change: func(v *virtual) []string {
			at := v.now
			v.now = func() time.Time { return at().Add(2 * time.Hour) }
			return nil
		}},
		scenario{name: "owner-unknown", change: func(*virtual) []string { return []string{"--support-owner", ""} }},
	)
}

// Every case is found: what it changes stands here in every form, and nothing else changes.
func TestDoctorCases(t *testing.T) {
	forms := func(t *testing.T, v *virtual, args ...string) (byForm [3]map[string]string, code int) {
		t.Helper()
		form := func(name string) ended { return v.examine(append(slices.Clone(args), "--format", name)...) }
		e := form("json")
		var x struct {
			Checks []json.RawMessage `json:"checks"`
		}
		if err := json.Unmarshal([]byte(e.stdout), &x); err != nil {
			t.Fatalf("%v: %s\n%s", err, e.stdout, e.stderr)
		}
		byForm[0] = map[string]string{}
		for _, raw := range x.Checks {
			var c struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatal(err)
			}
			byForm[0][c.ID] = string(raw)
		}
		byForm[1] = blocks(form("table").stdout, regexp.MustCompile(`^  ([a-z]+\.[a-z-]+)$`))
		byForm[2] = blocks(form("markdown").stdout, regexp.MustCompile("^- \\[[ x]\\] .*\\(`([a-z]+\\.[a-z-]+)`\\)"))
		return byForm, e.code
	}
	var base [3]map[string]string
	bubble(t, func(t *testing.T) { base, _ = forms(t, patient(t, chatapi.LegacyLinked, nil)) })
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				v := patient(t, chatapi.LegacyLinked, nil, s.cases...)
				var args []string
				if s.change != nil {
					args = s.change(v)
				}
				got, code := forms(t, v, args...)
				var b strings.Builder
				fmt.Fprintf(&b, "exit code %d\n", code)
				for k, name := range []string{"json", "table", "markdown"} {
					fmt.Fprintf(&b, "\n-- %s --\n", name)
					for _, id := range slices.Sorted(maps.Keys(got[k])) {
						if got[k][id] != base[k][id] {
							b.WriteString(got[k][id] + "\n")
						}
					}
					for _, id := range slices.Sorted(maps.Keys(base[k])) {
						if got[k][id] == "" {
							b.WriteString("not told: " + id + "\n")
						}
					}
				}
				golden(t, "doctor/cases/"+s.name+".txt", b.String())
			})
		})
	}
}

// blocks cuts a text into what is told of each check.
func blocks(text string, head *regexp.Regexp) map[string]string {
	m := map[string]string{}
	id := ""
	for line := range strings.SplitSeq(text, "\n") {
		if at := head.FindStringSubmatch(line); at != nil {
			id = at[1]
		} else if strings.TrimSpace(line) == "" {
			id = ""
		}
		if id != "" {
			m[id] += line + "\n"
		}
	}
	return m
}

// withdrawal is a source of evidence that is taken away, and the checks that look at it.
type withdrawal struct {
	path   string // below a root
	checks []string
}

// Of chats the export has another way beside it, so that it alone is no source.
var withdrawals = []withdrawal{
	{"agents/me", []string{"token.person", "token.permissions"}},
	{"account", []string{"token.streams", "account.kind", "plan.api", "plan.history", "plan.analytics", "billing.details", "config.snapshot"}},
	{"agents", []string{
		"token.streams", "account.kind", "owner.one", "owner.support", "owner.chat-permission", "agents.email-missing", "agents.email-shared",
		"agents.support-users", "agents.disabled", "agents.limit", "config.snapshot",
	}},
	{"roles", []string{"token.streams", "roles.custom", "config.snapshot"}},
	{"departments", []string{"token.streams", "account.kind", "departments.names", "departments.groups", "departments.members", "config.snapshot"}},
	{"oauth/clients", []string{"token.streams", "oauth.clients"}},
	{"skills", []string{"token.streams", "config.snapshot"}},
	{"shortcuts", []string{"token.streams", "config.snapshot"}},
	{"triggers", []string{"token.streams", "config.snapshot"}},
	{"goals", []string{"token.streams", "config.snapshot"}},
	{"bans", []string{"token.streams", "config.snapshot"}},
	{"routing_settings/account", []string{"token.streams", "config.snapshot"}},
	{"incremental/agent_timeline", []string{"token.streams"}},
	{"incremental/agent_events", []string{"token.streams"}},
	{"incremental/department_events", []string{"token.streams"}},
	{"incremental/conversions", []string{"token.streams"}},
	{"incremental/chats chats", []string{
		"token.streams", "account.kind", "account.single", "agents.disabled", "message.exposure", "volume.records", "target.space", "baseline.counts",
	}},
	{"chats/search", []string{"volume.records", "target.space", "baseline.counts"}},
	{"users", []string{"agents.support-users"}},
	{"groups", []string{"departments.groups"}},
	{"apps/installations", []string{"apps.installed"}},
	{"date", []string{"clock.skew"}},
}

// refusals are the checks that a refusal tells something.
var refusals = map[string]bool{"token.streams": true, "account.kind": true}

// ways are how a source is taken away.
var ways = map[string]func(w http.ResponseWriter){
	"403": func(w http.ResponseWriter) { http.Error(w, `{"error":"forbidden"}`, http.StatusForbidden) },
	"404": func(w http.ResponseWriter) { http.Error(w, `{"error":"not_found"}`, http.StatusNotFound) },
	"500": func(w http.ResponseWriter) { http.Error(w, ``, http.StatusInternalServerError) },
	"cut": func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "4096")
		_, _ = w.Write([]byte(`[{"id":1,"name":"a`))
	},
	"other": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`"something else"`)) },
}

// No check passes because it could not look. Each source of evidence is taken away in turn, in each way; what rests on it no
// longer passes, and what does not says what it said before. Every check rests on something.
func TestDoctorWithoutEvidence(t *testing.T) {
	withdrawn := func(t *testing.T, paths string, way func(http.ResponseWriter)) map[string]string {
		t.Helper()
		var got map[string]string
		bubble(t, func(t *testing.T) {
			begun := time.Now()
			v := patient(t, chatapi.LegacyLinked, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/api/v2/"), "chat/")
					switch {
					case paths == "date":
						next.ServeHTTP(undated{w}, r)
					case slices.Contains(strings.Fields(paths), path) && !(path == "agents" && r.URL.Query().Get("limit") == "1"): // which finds the API
						w.Header().Set("Date", serverBegin.Add(time.Since(begun)).Format(http.TimeFormat))
						way(w)
					default:
						next.ServeHTTP(w, r)
					}
				})
			}, rehearsal.StandardRoles, rehearsal.NoClients)
			x := v.mustExamine("--to", v.root)
			got = x.verdicts()
			if len(v.left()) > 0 {
				t.Errorf("it left %q behind", v.left())
			}
		})
		return got
	}
	base := withdrawn(t, "", nil)
	rests := map[string]bool{"token.valid": true, "target.write": true} // see TestDoctorExits
	for _, w := range withdrawals {
		for _, id := range w.checks {
			if rests[id] = true; base[id] == "" {
				t.Errorf("there is no check %s", id)
			}
		}
		names := slices.Sorted(maps.Keys(ways))
		if w.path == "date" {
			names = []string{"404"}
		}
		for _, name := range names {
			got := withdrawn(t, w.path, ways[name])
			for _, id := range slices.Sorted(maps.Keys(base)) {
				needs := slices.Contains(w.checks, id)
				switch {
				case needs && got[id] == "pass":
					t.Errorf("without %s (%s): %s passes", w.path, name, id)
				case needs && base[id] == "pass" && got[id] != "unknown" && !refusals[id]:
					t.Errorf("without %s (%s): %s is %s", w.path, name, id, got[id])
				case w.path == "date": // this machine's clock is taken for the server's, and is another one
				case !needs && got[id] != base[id] && id != "token.streams":
					t.Errorf("without %s (%s): %s is %s, and was %s", w.path, name, id, got[id], base[id])
				}
			}
		}
	}
	for id, verdict := range base {
		if !rests[id] {
			t.Errorf("nothing that %s rests on was taken away; it is %s", id, verdict)
		}
	}
}

// undated is an answer that does not say when it was made.
type undated struct{ http.ResponseWriter }

func (u undated) WriteHeader(status int) {
	u.Header()["Date"] = nil
	u.ResponseWriter.WriteHeader(status)
}

// left is what lies where the dataset was to be.
func (v *virtual) left() (names []string) {
	_ = filepath.WalkDir(filepath.Dir(v.root), func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != filepath.Dir(v.root) {
			names = append(names, path)
		}
		return nil
	})
	return names
}

// The exit code says what a scheduler should do.
func TestDoctorExits(t *testing.T) {
	refuse := func(path string, way func(http.ResponseWriter)) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, path) {
					way(w)
					return
				}
				next.ServeHTTP(w, r)
			})
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		cases  []rehearsal.Case
		around func(http.Handler) http.Handler
		before func(*virtual)
		args   []string
		code   int
		says   map[string]string
	}{
		{name: "well", code: exitDone, says: map[string]string{"token.valid": "pass", "target.write": "unknown"}},
		{name: "fails", cases: []rehearsal.Case{rehearsal.SharedEmail}, code: exitPartial, says: map[string]string{"agents.email-shared": "fail"}},
		{name: "an agent's token", cases: []rehearsal.Case{rehearsal.AgentToken}, code: exitEnvironment, says: map[string]string{"token.person": "fail"}},
		{
			name: "no token", before: func(v *virtual) { v.server.RevokeToken() }, code: exitEnvironment,
			says: map[string]string{"token.valid": "fail", "owner.one": "unknown", "clock.skew": "unknown"},
		},
		{
			name: "out of reach", before: func(v *virtual) { v.down = os.ErrDeadlineExceeded }, code: exitTemporary,
			says: map[string]string{"token.valid": "unknown", "token.streams": "unknown"},
		},
		{name: "forbidden", around: refuse("/roles", ways["403"]), code: exitPartial, says: map[string]string{"token.streams": "fail", "roles.custom": "unknown"}},
		{name: "allowed", around: refuse("/roles", ways["403"]), args: []string{"--allow-missing", "roles"}, code: exitDone, says: map[string]string{"roles.custom": "unknown"}},
		{name: "not there", around: refuse("/goals", ways["404"]), code: exitPartial, says: map[string]string{"token.streams": "warn"}},
		{name: "later", around: refuse("/goals", ways["500"]), code: exitTemporary, says: map[string]string{"token.streams": "unknown"}},
		{name: "a new place", args: []string{"--to", "NEW"}, code: exitDone, says: map[string]string{"target.write": "pass", "target.space": "pass"}},
		{name: "no place", args: []string{"--to", filepath.Join(file, "below")}, code: exitEnvironment, says: map[string]string{"target.write": "fail"}},
		{
			name: "clock", before: func(v *virtual) { at := v.now; v.now = func() time.Time { return at().Add(-20 * time.Minute) } },
			code: exitDone, says: map[string]string{"clock.skew": "warn"},
		},
		{name: "other owner", args: []string{"--support-owner", "nobody@elsewhere.example"}, code: exitDone, says: map[string]string{"owner.support": "warn", "owner.chat-permission": "warn"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				v := patient(t, chatapi.LegacyLinked, tt.around, tt.cases...)
				if tt.before != nil {
					tt.before(v)
				}
				args := slices.Clone(tt.args)
				for i := range args {
					if args[i] == "NEW" {
						args[i] = filepath.Join(v.root, "new")
					}
				}
				x := v.mustExamine(args...)
				if x.ExitCode != tt.code {
					t.Errorf("exit code %d, want %d: %v", x.ExitCode, tt.code, x.Error)
				}
				got := x.verdicts()
				for id, want := range tt.says {
					if got[id] != want {
						t.Errorf("%s is %s, want %s", id, got[id], want)
					}
				}
				if left := v.left(); len(left) > 0 {
					t.Errorf("it left %q behind", left)
				}
			})
		})
	}
}

// A dump tells what its streams tell, and nothing else. Where a dataset is, the doctor leaves it as it is.
func TestDoctorDump(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := patient(t, chatapi.LegacyLinked, nil)
		folder := t.TempDir()
		account := rehearsal.New(rehearsal.Options{
			Seed: 11, Chats: 40, From: serverBegin.AddDate(0, -6, 0), To: serverBegin.AddDate(0, 0, -1), Cases: []rehearsal.Case{rehearsal.SharedEmail},
		})
		if _, err := account.WriteDump(t.Context(), folder, account.Demo()); err != nil {
			t.Fatal(err)
		}
		if e := v.program(t.Context(), "run", "--from", folder, "--to", v.root, "--max-bad-records", "1000"); e.code != exitDone && e.code != exitPartial {
			t.Fatalf("exit code %d: %s", e.code, e.stderr)
		}
		before := v.left()
		e := v.program(t.Context(), "doctor", "--from", folder, "--to", v.root, "--json")
		var x examined
		if err := json.Unmarshal([]byte(e.stdout), &x); err != nil {
			t.Fatalf("%v: %s%s", err, e.stdout, e.stderr)
		}
		if diff := cmp.Diff(before, v.left()); diff != "" {
			t.Errorf("the dataset is not as it was: %s", diff)
		}
		want := map[string]string{
			"token.valid": "unknown", "token.person": "unknown", "token.permissions": "unknown", "token.streams": "unknown", "clock.skew": "unknown",
			"account.kind": "pass", "account.single": "pass", "plan.api": "pass", "plan.history": "pass", "plan.analytics": "pass",
			"billing.details": "unknown", "owner.one": "pass", "owner.support": "unknown", "owner.chat-permission": "unknown",
			"agents.email-missing": "pass", "agents.email-shared": "fail", "agents.support-users": "unknown", "agents.disabled": "warn", "agents.limit": "pass",
			"departments.names": "pass", "departments.groups": "unknown", "departments.members": "warn", "roles.custom": "warn",
			"oauth.clients": "warn", "apps.installed": "unknown", "config.snapshot": "pass", "volume.records": "unknown", "message.exposure": "pass",
			"baseline.counts": "unknown", "target.write": "pass", "target.space": "pass",
		}
		if diff := cmp.Diff(want, x.verdicts()); diff != "" {
			t.Errorf("exit code %d, %v: %s", e.code, x.Error, diff)
		}
		if e.code != exitPartial || strings.Contains(e.stdout, rehearsal.Canary) {
			t.Errorf("exit code %d, or a secret is told", e.code)
		}
		if x.Kind != "legacy_linked" {
			t.Errorf("it is taken for %s", x.Kind)
		}

		// A live run is not disturbed, and nothing is said of its place.
		lock, err := checkpoint.TakeLock(t.Context(), v.root, checkpoint.LockOptions{RunID: "another"})
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Release()
		e = v.program(t.Context(), "doctor", "--from", folder, "--to", v.root, "--json")
		if err := json.Unmarshal([]byte(e.stdout), &x); err != nil || x.verdicts()["target.write"] != "unknown" || !lock.Held() {
			t.Errorf("beside a live run: %v, %s", err, x.verdicts()["target.write"])
		}
	})
}
