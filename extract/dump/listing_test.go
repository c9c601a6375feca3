package dump

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatferry"
)

// taken prints a listing as "stream path" lines.
func taken(l *Listing) []string {
	var out []string
	for _, f := range l.Files {
		out = append(out, string(f.Stream)+" "+f.Path)
	}
	return out
}

func passed(l *Listing) []string {
	var out []string
	for _, f := range l.Ignored {
		out = append(out, f.Path+": "+f.Reason)
	}
	return out
}

func TestListFolder(t *testing.T) {
	dir := folder(t, map[string]string{
		"chats/2021/b.ndjson.gz": "", "chats/2021/a.json": "", "chats/b.JSONL": "", "chats/a-b.ndjson.zst": "", "chats/a/x.json": "",
		"chats/.hidden.json": "", ".git/chats.json": "", "chats/notes.txt": "", "chats/x.csv": "", "chats/old.zip": "",
		"agent_timeline-2021.ndjson": "", "agents.json": "", "agents_old.json": "", "agentsx.json": "", "Visitors.json": "",
		"agent_chats_analytics_2021.csv":             "",
		"department_agent_chats_analytics_2021.csv":  "",
		"department_chats_analytics_2021.csv.gz":     "",
		"chats_analytics_2021.csv":                   "",
		"login_sessions_1.csv":                       "",
		"serving_sessions.csv":                       "",
		"analytics/status_sessions_1.csv":            "",
		"analytics_login_sessions/whatever.csv":      "",
		"analytics_login_sessions/whatever.json":     "",
		"README.md":                                  "",
		"other/chats.json":                           "",
		"goals.txt":                                  "",
		"roles.json.bz2":                             "",
		"bans/a\nb=c.json":                           "",
		"bans/%2F..odd..json":                        "",
		"department_events.2021.ndjson":              "",
		"departments.json":                           "",
		"account-and-more.of=it.json":                "",
		"oauth_clients/deep/er/and/deeper/file.json": "",
	})
	l := list(t, dir)
	want := []string{
		"account account-and-more.of=it.json",
		"agents agents.json", "agents agents_old.json",
		"departments departments.json",
		"bans bans/%2F..odd..json", "bans bans/a\nb=c.json",
		"oauth_clients oauth_clients/deep/er/and/deeper/file.json",
		"chats chats/2021/a.json", "chats chats/2021/b.ndjson.gz", "chats chats/a-b.ndjson.zst", "chats chats/a/x.json", "chats chats/b.JSONL",
		"visitors Visitors.json",
		"agent_timeline agent_timeline-2021.ndjson",
		"department_events department_events.2021.ndjson",
		"analytics_agent_activity agent_chats_analytics_2021.csv",
		"analytics_chat_activity chats_analytics_2021.csv",
		"analytics_department_agent_activity department_agent_chats_analytics_2021.csv",
		"analytics_department_chat_activity department_chats_analytics_2021.csv.gz",
		"analytics_login_sessions analytics_login_sessions/whatever.csv", "analytics_login_sessions login_sessions_1.csv",
		"analytics_serving_sessions serving_sessions.csv",
		"analytics_status_sessions analytics/status_sessions_1.csv",
	}
	if d := cmp.Diff(want, taken(l)); d != "" {
		t.Errorf("taken (-want +got):\n%s", d)
	}
	wantPassed := []string{
		"README.md: its name does not begin with the name of a Stream",
		"agentsx.json: its name does not begin with the name of a Stream",
		"analytics_login_sessions/whatever.json: a JSON file, but analytics_login_sessions is read from CSV",
		"chats/notes.txt: not .json, .ndjson, .jsonl or .csv, with or without .gz or .zst",
		"chats/old.zip: an archive or a compression that is not read; unpack it",
		"chats/x.csv: a CSV file, but chats are read from JSON",
		"goals.txt: not .json, .ndjson, .jsonl or .csv, with or without .gz or .zst",
		"other: a folder that is not named after a Stream or a date",
		"roles.json.bz2: an archive or a compression that is not read; unpack it",
	}
	if d := cmp.Diff(wantPassed, passed(l)); d != "" {
		t.Errorf("ignored (-want +got):\n%s", d)
	}
	for _, f := range l.Files {
		if f.Completeness != CompletenessUnknown {
			t.Errorf("completeness of %s is %q", f.Path, f.Completeness)
		}
	}
	if only := list(t, dir).Only(chatferry.Bans, chatferry.Goals); len(only.Files) != 2 {
		t.Errorf("only bans: %v", taken(only))
	}
}

// A folder named after a date is a dump of its own, and the files of a Stream stand in the order of the dates.
func TestListDates(t *testing.T) {
	dir := folder(t, map[string]string{
		"2026-11-28T0200Z/chats/a.json": "", "2026-11-28T0200Z/agents.json": "", "2026-11-27/chats/a.json": "", "2026-11-27/chats/2021/b.json": "",
		"2026-11-27/analytics/login_sessions_1.csv": "", "2026-10/2026-10-31/visitors.json": "", "chats/c.json": "", "agents.json": "",
		"2026-11-28T0200Z/README.md": "", "2026-11-28T0200Z/other/chats.json": "", "2026-11-28T0200Z/chats/notes.txt": "",
		"2026-11-29.part/chats/a.json": "", "2026-13-01/chats/a.json": "", "12345678/chats/a.json": "", "visitors/2026-11-27/v.json": "",
		"2026-11-27/attachments/a.json": "", "2026-11-30": "",
	})
	l := list(t, dir)
	want := []string{
		"agents 2026-11-28T0200Z/agents.json", "agents agents.json",
		"chats 2026-11-27/chats/2021/b.json", "chats 2026-11-27/chats/a.json", "chats 2026-11-28T0200Z/chats/a.json", "chats chats/c.json",
		"visitors 2026-10/2026-10-31/visitors.json", "visitors visitors/2026-11-27/v.json",
		"analytics_login_sessions 2026-11-27/analytics/login_sessions_1.csv",
	}
	if d := cmp.Diff(want, taken(l)); d != "" {
		t.Errorf("taken (-want +got):\n%s", d)
	}
	const unnamed = ": a folder that is not named after a Stream or a date"
	wantPassed := []string{
		"12345678" + unnamed, "2026-11-27/attachments" + unnamed,
		"2026-11-28T0200Z/README.md: its name does not begin with the name of a Stream",
		"2026-11-28T0200Z/chats/notes.txt: not .json, .ndjson, .jsonl or .csv, with or without .gz or .zst",
		"2026-11-28T0200Z/other" + unnamed, "2026-11-29.part" + unnamed,
		"2026-11-30: its name does not begin with the name of a Stream", "2026-13-01" + unnamed,
	}
	if d := cmp.Diff(wantPassed, passed(l)); d != "" {
		t.Errorf("ignored (-want +got):\n%s", d)
	}
	other := folder(t, map[string]string{"x.json": ""})
	if got := taken(list(t, dir, "chats="+other)); slices.Contains(got, "chats 2026-11-27/chats/a.json") || !slices.Contains(got, "chats x.json") {
		t.Errorf("another place was named for chats: %v", got)
	}
}

func TestIsDate(t *testing.T) {
	for _, name := range []string{
		"2026-11-28", "20261128", "2026-11", "2026-11-28T0200Z", "2026-11-28_02-00", "2026-11-28 02:00", "2026-11-28T02:00:00+01:00", "20261128T020000Z",
		"20261128-02", "2026-11-28T02.00", "2024-02-29", "2026-11-28T02:00:00-0330",
	} {
		if !isDate(name) {
			t.Errorf("%q is no date", name)
		}
	}
	for _, name := range []string{
		"", "2026", "202611", "2026-1-2", "2026-13-01", "2026-02-30", "2025-02-29", "99887766", "2026-11-28.part", "2026-11-28-old", "2026-11_02",
		"x2026-11-28", "2026-11-28Z", "2026-11-28T", "2026/11/28", "2026-11-280", "chats", "2026-1128",
	} {
		if isDate(name) {
			t.Errorf("%q is a date", name)
		}
	}
}

func TestListPlaces(t *testing.T) {
	dir := folder(t, map[string]string{"chats/a.json": "", "chats.json": "", "visitors/v.json": ""})
	other := folder(t, map[string]string{"deep/c.json": "", "deep/c.txt": "", "odd name": "{}", "agents.json.gz": ""})
	twice := folder(t, map[string]string{"chats.json": ""})

	tests := []struct {
		name         string
		places       []string
		want, passed []string
	}{
		{"a folder", []string{dir}, []string{"chats chats.json", "chats chats/a.json", "visitors visitors/v.json"}, nil},
		{
			"a stream's own folder wins",
			[]string{dir, "chats=" + other},
			[]string{"chats agents.json.gz", "chats deep/c.json", "visitors visitors/v.json"},
			[]string{
				"chats: another place was named for chats", "chats.json: another place was named for chats",
				"deep/c.txt: not .json, .ndjson, .jsonl or .csv, with or without .gz or .zst",
				"odd name: not .json, .ndjson, .jsonl or .csv, with or without .gz or .zst",
			},
		},
		{"a stream's own file has any name", []string{"goals=" + filepath.Join(other, "odd name")}, []string{"goals odd name"}, nil},
		{"a file tells its stream", []string{filepath.Join(other, "agents.json.gz")}, []string{"agents agents.json.gz"}, nil},
		{
			"attachments are files, not records",
			[]string{folder(t, map[string]string{"chats.json": "", "attachments/a.json": "", "attachments.json": ""})},
			[]string{"chats chats.json"},
			[]string{"attachments: a folder that is not named after a Stream or a date", "attachments.json: its name does not begin with the name of a Stream"},
		},
		{"several places", []string{filepath.Join(other, "agents.json.gz"), twice}, []string{"agents agents.json.gz", "chats chats.json"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := list(t, tt.places...)
			if d := cmp.Diff(tt.want, taken(l)); d != "" {
				t.Errorf("taken (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.passed, passed(l)); d != "" {
				t.Errorf("ignored (-want +got):\n%s", d)
			}
		})
	}

	bad := folder(t, map[string]string{"chats/\xff.json": "", "none/x": ""})
	pipe := folder(t, map[string]string{"x": ""})
	os.Symlink(filepath.Join(pipe, "nowhere"), filepath.Join(pipe, "chats.json"))
	for _, tt := range []struct {
		name   string
		places []string
		kind   chatferry.Kind
		want   string
	}{
		{"missing folder", []string{filepath.Join(dir, "missing")}, chatferry.KindEnvironment, "missing"},
		{"missing own file", []string{"chats=" + filepath.Join(dir, "nothing")}, chatferry.KindEnvironment, "nothing"},
		{"no such stream", []string{"chat=" + dir}, chatferry.KindUsage, `"chat" is not the name of a Stream`},
		{"stream that no dump holds", []string{"attachments=" + dir}, chatferry.KindUsage, `"attachments" is not the name of a Stream`},
		{"no path", []string{"chats="}, chatferry.KindUsage, "names no path"},
		{"empty place", []string{""}, chatferry.KindUsage, "is empty"},
		{"no place", nil, chatferry.KindUsage, "no place"},
		{"stream twice", []string{"chats=" + dir, "chats=" + other}, chatferry.KindUsage, "two places"},
		{"found twice", []string{dir, twice}, chatferry.KindUsage, "chats are found in two places"},
		{"nothing found", []string{filepath.Join(bad, "none")}, chatferry.KindUsage, "no records of any Stream"},
		{"name that is not UTF-8", []string{bad}, chatferry.KindUsage, `\xff.json`},
		{"link that leads nowhere", []string{pipe}, chatferry.KindEnvironment, "chats.json"},
		{"a device", []string{os.DevNull}, chatferry.KindEnvironment, "neither a folder nor a regular file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := List(context.Background(), tt.places, OpenLocal)
			if err == nil || chatferry.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.want) || chatferry.HintOf(err) == "" {
				t.Errorf("got kind %d, hint %q: %v", chatferry.KindOf(err), chatferry.HintOf(err), err)
			}
		})
	}
	_, err := List(context.Background(), []string{filepath.Join(dir, "chats")}, OpenLocal)
	if !strings.Contains(chatferry.HintOf(err), "write chats=") {
		t.Errorf("hint for a Stream's folder given bare: %q", chatferry.HintOf(err))
	}
}

func TestListUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := folder(t, map[string]string{"chats.json": "{}"})
	os.Chmod(filepath.Join(dir, "chats.json"), 0)
	_, err := List(context.Background(), []string{dir}, OpenLocal)
	if chatferry.KindOf(err) != chatferry.KindEnvironment || !strings.Contains(err.Error(), "chats.json") {
		t.Error(err)
	}
}

// Links are followed to where the data is, never in circles, and no file is read twice.
func TestListLinks(t *testing.T) {
	disk := folder(t, map[string]string{"2020/a.ndjson": "", "2021/b.ndjson": ""})
	dir := folder(t, map[string]string{"visitors/v.json": "", "agents/a.json": "", "bans/x/b.json": ""})
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	link(disk, "chats") // a Stream on another disk, with circles
	os.Symlink(disk, filepath.Join(disk, "2021", "loop"))
	os.Symlink(dir, filepath.Join(disk, "2021", "home"))
	os.Symlink("..", filepath.Join(disk, "2020", "up"))
	link("..", "visitors/up")
	link("../agents", "visitors/agents")
	link("v.json", "visitors/w.json")
	link("../agents/a.json", "visitors/a.json")
	link("x", "bans/y")
	os.Link(filepath.Join(dir, "agents/a.json"), filepath.Join(dir, "agents/hard.json"))

	l := list(t, dir)
	want := []string{
		"agents agents/a.json", "bans bans/x/b.json", "chats chats/2020/a.ndjson", "chats chats/2021/b.ndjson",
		"visitors visitors/a.json", "visitors visitors/v.json",
	}
	if d := cmp.Diff(want, taken(l)); d != "" {
		t.Errorf("taken (-want +got):\n%s", d)
	}
	for _, want := range []string{
		"agents/hard.json: the same file as agents/a.json", "visitors/up: a link to a folder of this same dump",
		"visitors/agents: a link to a folder of this same dump", "visitors/w.json: the same file as visitors/v.json",
		"bans/y: a link to a folder of this same dump", "chats/2021/loop: the same folder as chats",
		"chats/2021/home: a link to a folder of this same dump", "chats/2020/up: the same folder as chats",
	} {
		if !strings.Contains(strings.Join(passed(l), "\n"), want) {
			t.Errorf("not passed over: %s\n%s", want, strings.Join(passed(l), "\n"))
		}
	}

	night := folder(t, map[string]string{"chats/a.ndjson": "", "agents.json": ""}) // on another disk, with a circle
	os.Symlink(night, filepath.Join(night, "chats", "up"))
	nights := folder(t, map[string]string{"2026-11-27/chats/x.json": ""})
	for name, to := range map[string]string{"2026-11-28": night, "latest": "2026-11-27"} {
		os.Symlink(to, filepath.Join(nights, name))
	}
	os.MkdirAll(filepath.Join(nights, "2026-11-29/chats"), 0o700)
	os.Link(filepath.Join(nights, "2026-11-27/chats/x.json"), filepath.Join(nights, "2026-11-29/chats/x.json")) // an unchanged file
	l = list(t, nights)
	want = []string{"agents 2026-11-28/agents.json", "chats 2026-11-27/chats/x.json", "chats 2026-11-28/chats/a.ndjson", "chats 2026-11-29/chats/x.json"}
	if d := cmp.Diff(want, taken(l)); d != "" {
		t.Errorf("taken of dumps by date (-want +got):\n%s", d)
	}
	want = []string{"2026-11-28/chats/up: the same folder as 2026-11-28", "latest: a link to a folder of this same dump"}
	if d := cmp.Diff(want, passed(l)); d != "" {
		t.Errorf("ignored of dumps by date (-want +got):\n%s", d)
	}

	link("/", "goals") // which holds the dump
	if l := list(t, dir); !strings.Contains(strings.Join(passed(l), "\n"), "goals: a link to a folder of this same dump") {
		t.Errorf("a link to the whole disk: %v", passed(l))
	}
}
