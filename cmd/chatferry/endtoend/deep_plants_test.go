package endtoend

import (
	"encoding/json"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatferry/cmd/chatferry/deep"
	"chatferry/extract/rehearsal"
)

var allPlants = flag.Bool("plants-all", false, "plant every bug into the transformer, not a few")

// plants are bugs of the transformer, one or more in every kind of column and of stream, each with the kind by which it
// must be found and the beginning of a field that must be named. See transform/plant_on.go.
var plants = []struct {
	bug, streams string
	kind         deep.Kind
	field        string
}{
	{"chats.visitor_name=swap:visitor_email", "chats", deep.Changed, "visitor.name"},
	{"chats.session_ip=both:session_city", "chats", deep.Column, "session.ip in column chats.session_ip"},
	{"chat_history.msg=cut", "chats", deep.Changed, "history["},
	{"analytics_login_sessions.start_time=hour", "analytics_login_sessions", deep.Changed, `["Start Time`},

	{"chats.timestamp=hour", "chats", deep.Changed, "timestamp"},
	{"chats.tags=reverse", "chats", deep.Changed, "tags["},
	{"chats.duration=inc", "chats", deep.Changed, "duration"},
	{"chats.missed=negate", "chats", deep.Changed, "missed"},
	{"chats.response_time_avg=round", "chats", deep.Changed, "response_time.avg"},
	{"chats.rating=lose", "chats", deep.Changed, "rating"},
	{"chats.count_visitor=swap:count_agent", "chats", deep.Changed, "count."},
	{"chats._extra=lose", "chats", deep.Changed, ""},
	{"chats._extra=shift", "chats", deep.Changed, ""},
	{"chats.timestamp=both:end_timestamp", "chats", deep.Column, "timestamp in column chats.timestamp"},
	{"chat_history.timestamp=hour", "chats", deep.Changed, "history["},
	{"chat_history.msg=shift", "chats", deep.Changed, "history["},
	{"chat_history.name=swap:nick", "chats", deep.Changed, "history["},
	{"chat_history.name=both:msg", "chats", deep.Column, "history["},
	{"chat_history.new_tags=shift", "chats", deep.Changed, "history["},
	{"chat_webpath.from=swap:to", "chats", deep.Changed, "webpath["},
	{"chat_webpath.timestamp=hour", "chats", deep.Changed, "webpath["},
	{"chat_engagements.accepted=negate", "chats", deep.Changed, "engagements["},
	{"chat_engagements.duration=round", "chats", deep.Changed, "engagements["},
	{"chat_engagements.response_time_max=inc", "chats", deep.Changed, "engagements["},
	{"chat_conversions.goal_name=lose", "chats", deep.Changed, "conversions["},

	{"account.plan_price=inc", "account", deep.Changed, "plan.price"},
	{"agents.email=swap:display_name", "agents", deep.Changed, "email"},
	{"agents.departments=reverse", "agents", deep.Changed, "departments["},
	{"agents.create_date=hour", "agents", deep.Changed, "create_date"},
	{"agents.roles_owner=negate", "agents", deep.Changed, "roles.owner"},
	{"agents.first_name=both:last_name", "agents", deep.Column, "first_name in column agents.first_name"},
	{"roles.permissions_edit_chat_tags=negate", "roles", deep.Changed, "permissions.edit_chat_tags"},
	{"departments.members=reverse", "departments", deep.Changed, "members["},
	{"skills.name=cut", "skills", deep.Changed, "name"},
	{"shortcuts.message=cut", "shortcuts", deep.Changed, "message"},
	{"triggers.definition=cut", "triggers", deep.Changed, ""},
	{"triggers.definition=shift", "triggers", deep.Changed, "definition"},
	{"goals.attribution_period=inc", "goals", deep.Changed, "attribution_period"},
	{"bans.reason=shift", "bans", deep.Changed, "reason"},
	{"routing_settings.chat_limit_limit=inc", "routing_settings", deep.Changed, "chat_limit.limit"},
	{"oauth_clients.scopes=cut", "oauth_clients", deep.Changed, "scopes"},

	{"visitors.phone=swap:name", "visitors", deep.Changed, "phone"},
	{"agent_timeline.duration=inc", "agent_timeline", deep.Changed, "duration"},
	{"agent_timeline.engagement_count=inc", "agent_timeline", deep.Changed, "engagement_count"},
	{"agent_events.value=swap:previous_value", "agent_events", deep.Changed, "value"},
	{"department_events.value=swap:previous_value", "department_events", deep.Changed, "previous_value"},
	{"conversions.attribution_chat_timestamp=hour", "conversions", deep.Changed, "attribution.chat_timestamp"},

	{"analytics_login_sessions.first_name=both:last_name", "analytics_login_sessions", deep.Column, "column analytics_login_sessions.first_name"},
	{"analytics_agent_activity.completed_chats=inc", "analytics_agent_activity", deep.Changed, `["Completed Chats"]`},
	{"analytics_status_sessions.status=shift", "analytics_status_sessions", deep.Changed, "Status"},
	{"analytics_serving_sessions.duration_seconds=inc", "analytics_serving_sessions", deep.Changed, `["Duration (Seconds)"]`},
}

// deepened is what the test reads of the object of `verify --deep --json`.
type deepened struct {
	OK       bool `json:"ok"`
	Findings []any
	Deep     *deep.Report `json:"deep"`
}

func verifiesDeep(t *testing.T, code int, args ...string) deepened {
	t.Helper()
	e := call(t, "", append([]string{"verify", "--json"}, args...)...)
	var v deepened
	if err := json.Unmarshal([]byte(e.stdout), &v); err != nil {
		t.Fatalf("%v: %s", err, e.stderr)
	}
	if e.code != code || len(v.Findings) > 0 {
		t.Fatalf("verify %v ended with %d, want %d: %v; %s", args, e.code, code, v.Findings, e.stderr)
	}
	return v
}

// A bug of the transformer changes rows before their digests are taken, so that everything else agrees: the run, its
// read-back, and verify. A comparison with the source finds it, and names the field.
func TestDeepFindsPlants(t *testing.T) {
	const seed = 3
	dir := t.TempDir()
	dump := filepath.Join(dir, "dump")
	some, chats := plants[:4], int64(60)
	if *allPlants {
		some, chats = plants, 600 // of which some have what is rare
	}
	account := rehearsal.New(rehearsal.Options{Seed: seed, Chats: chats, Bad: -1, Message: -1})
	if _, err := account.WriteDump(t.Context(), dump, account.Demo()); err != nil {
		t.Fatal(err)
	}
	sound := filepath.Join(dir, "sound")
	if e := call(t, "", "run", "--from", dump, "--to", sound, "--progress", "none"); e.code != 0 {
		t.Fatalf("ended with %d: %s", e.code, e.stderr)
	}
	v := verifiesDeep(t, 0, sound, "--deep")
	for name, tally := range v.Deep.Streams {
		if tally.Source == 0 || tally.Equal+tally.Superseded != tally.Source {
			t.Errorf("seed %d: %s: %+v", seed, name, tally)
		}
	}
	for i, p := range some {
		t.Run(p.bug, func(t *testing.T) {
			root := filepath.Join(dir, strings.ReplaceAll(p.bug, ":", "-"))
			t.Setenv("CHATFERRY_PLANT", p.bug)
			if e := call(t, "", "run", "--from", dump, "--to", root, "--streams", p.streams, "--progress", "none"); e.code != 0 {
				t.Fatalf("seed %d: ended with %d: %s", seed, e.code, e.stderr)
			}
			if i == 0 {
				verifies(t, 0, root)
			}
			v := verifiesDeep(t, 7, root, "--deep")
			named := slices.ContainsFunc(v.Deep.Differences, func(d deep.Difference) bool {
				return d.Kind == p.kind && (p.field == "" || slices.ContainsFunc(d.Fields, func(f string) bool { return strings.HasPrefix(f, p.field) }))
			})
			if !named {
				t.Errorf("seed %d: not named: %+v", seed, v.Deep.Differences[:min(3, len(v.Deep.Differences))])
			}
		})
	}
}
