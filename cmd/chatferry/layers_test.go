package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"chatferry"
	"chatferry/cmd/chatferry/notify"
)

// resolveWith resolves layers given as texts.
func resolveWith(t *testing.T, dataset map[string]string, file string, env map[string]string, args ...string) (*settings, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.Var(&rawFlag{kind: "FILE"}, configFlag, "")
	for _, name := range optionNames() {
		addFlag(flags, name)
	}
	if file != "" {
		name := filepath.Join(t.TempDir(), "ferry.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", name)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	e := &environment{
		getenv: func(name string) string { return env[name] },
		environ: func() []string {
			var out []string
			for k, v := range env {
				out = append(out, k+"="+v)
			}
			return out
		},
	}
	return resolve(e, flags, dataset)
}

// Each layer goes over the one before, for a single value and for a list, and says where the value comes from.
func TestLayers(t *testing.T) {
	dataset := map[string]string{"lanes": "3", "streams": "agents,roles", "since": "", "streams-of-a-later-version": "x"}
	file := "lanes: 4\nstreams: [chats, visitors]\n"
	env := map[string]string{"CHATFERRY_LANES": "5", "CHATFERRY_STREAMS": "goals, bans"}
	args := []string{"--lanes", "6", "--streams", "chats", "--streams", "skills"}
	tests := []struct {
		name          string
		dataset       map[string]string
		file          string
		env           map[string]string
		args          []string
		lanes         string
		streams       string
		lanesFrom     string
		streamsFrom   string
		fromUserLanes bool
	}{
		{name: "dataset", dataset: dataset, lanes: "3", streams: "agents,roles", lanesFrom: "dataset", streamsFrom: "dataset"},
		{"file", dataset, file, nil, nil, "4", "chats,visitors", "ferry.yaml:1", "ferry.yaml:2", true},
		{"environment", dataset, file, env, nil, "5", "goals,bans", "CHATFERRY_LANES", "CHATFERRY_STREAMS", true},
		{"flag", dataset, file, env, args, "6", "chats,skills", "--lanes", "--streams", true},
		{"flag over default", nil, "", nil, args, "6", "chats,skills", "--lanes", "--streams", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := resolveWith(t, tt.dataset, tt.file, tt.env, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{s.Lanes.String(), s.Streams.String(), filepath.Base(s.origin["lanes"]), filepath.Base(s.origin["streams"])}
			if diff := cmp.Diff([]string{tt.lanes, tt.streams, tt.lanesFrom, tt.streamsFrom}, got); diff != "" {
				t.Error(diff)
			}
			if s.given("lanes") != tt.fromUserLanes || s.given("part-size") {
				t.Errorf("given: lanes %v, part-size %v", s.given("lanes"), s.given("part-size"))
			}
		})
	}
}

// Every option can be set in every layer, and comes out as it went in.
func TestEveryOptionInEveryLayer(t *testing.T) {
	sample := map[string]string{
		"from": "/a", "to": "/b", "streams": "chats", "since": "2020-01-01T00:00:00Z", "until": "2021-01-01T00:00:00Z", "limit": "7",
		"part-size": "3MiB", "part-records": "9", "shard-size": "5MiB", "page-size": "2MiB", "record-limit": "7MiB",
		"memory-limit": "300MiB", "lanes": "7", "newest-first": "true", "max-bad-records": "3%", "check-source": "true", "deadline": "5m",
		"min-free": "7MiB", "take-over": "true", "progress": "log", "json": "true", "log-format": "json", "log-level": "debug",
		"yes": "true", "incremental": "true", "settle": "true", "keep-retired": "2h", "drop-deleted": "true", "fetch": "visitors,attachments", "rate": "300", "rate-share": "55.5%", "patience": "7m", "overlap": "11m",
		"s3-endpoint": "https://s3.example", "s3-region": "eu-central-1", "s3-profile": "archive", "s3-path-style": "true", "s3-expected-owner": "123456789012",
		"s3-encryption": "aws:kms", "s3-kms-key": "alias/chat", "s3-storage-class": "STANDARD_IA", "single-writer": "true", "tmp-dir": "/scratch",
		"phase": "backfill", "estimate": "/e.json", "notify-url": "https://hooks.example/***", "notify-command": "tell", "notify-secret-file": "/s", "notify-secret-command": "pass show hook",
		"message-suspects": "quarantine", "tickets": "/tickets.csv", "account-moved": "true", "fill-identities": "true", "upgraded": "zendesk://acme", "agent-map": "/agents.csv",
		"department-map": "/departments.csv", "upgraded-token-file": "/u.json", "upgraded-token-command": "pass show upgraded",
		"sign-key-file": "/key.pem", "listen": "127.0.0.1:9090", "listen-hosts": "ferry.example",
		"allow-missing": "agent_events,bans", "token-file": "/t.json", "token-command": "pass show chat",
	}
	for _, name := range optionNames() {
		o, text := optionNamed(name), sample[name]
		if text == "" {
			t.Errorf("no sample for %s", name)
			continue
		}
		layers := map[string]func() (*settings, error){
			"dataset": func() (*settings, error) { return resolveWith(t, map[string]string{name: text}, "", nil) },
			"file":    func() (*settings, error) { return resolveWith(t, nil, name+": "+text+"\n", nil) },
			"environment": func() (*settings, error) {
				return resolveWith(t, nil, "", map[string]string{o.env(): text})
			},
			"flag": func() (*settings, error) { return resolveWith(t, nil, "", nil, "--"+name+"="+text) },
		}
		for layer, f := range layers {
			s, err := f()
			if err != nil {
				t.Errorf("%s by %s: %v", name, layer, err)
				continue
			}
			if got := o.value(&s.Config).String(); got != text || s.origin[name] == originDefault {
				t.Errorf("%s by %s is %q from %s, want %q", name, layer, got, s.origin[name], text)
			}
		}
	}
}

func TestRefusedConfigurations(t *testing.T) {
	tests := []struct {
		name string
		file string
		env  map[string]string
		args []string
		want []string // parts of the sentence
	}{
		{name: "unknown key", file: "# a comment\nlanes: 2\nmemory_limit: 1GiB\n", want: []string{"ferry.yaml:3", `"memory_limit"`, "did you mean memory-limit?"}},
		{name: "key twice", file: "lanes: 2\nlanes: 3\n", want: []string{"ferry.yaml:2", "line 1"}},
		{name: "wrong value in the file", file: "\nlanes: many\n", want: []string{"ferry.yaml:2", "many"}},
		{name: "no value", file: "lanes:\n", want: []string{"ferry.yaml:1", "lanes", "no value"}},
		{name: "list for one value", file: "lanes: [1, 2]\n", want: []string{"lanes", "one value"}},
		{name: "mapping", file: "lanes: {a: 1}\n", want: []string{"lanes", "mapping"}},
		{name: "not a mapping", file: "- lanes\n", want: []string{"ferry.yaml:1"}},
		{name: "not YAML", file: "lanes: 1\na: b: c\n", want: []string{"ferry.yaml is not YAML", "line 2"}},
		{name: "two documents", file: "lanes: 1\n---\nlanes: 2\n", want: []string{"more than one"}},
		{name: "secret in the file", file: "token: hunter2\n", want: []string{"ferry.yaml:1", "CHATFERRY_TOKEN"}},
		{name: "wrong environment", env: map[string]string{"CHATFERRY_LANES": "x"}, want: []string{"CHATFERRY_LANES", `"x"`}},
		{name: "out of bounds in the environment", env: map[string]string{"CHATFERRY_MEMORY_LIMIT": "1MiB"}, want: []string{"memory-limit (CHATFERRY_MEMORY_LIMIT)", "256MiB"}},
		{name: "out of bounds by a flag", args: []string{"--lanes=0"}, want: []string{"--lanes", "the least is 1"}},
		{name: "too much", args: []string{"--lanes=257"}, want: []string{"--lanes", "the most is 256"}},
		{name: "part below page", args: []string{"--part-size=512KiB"}, want: []string{"--part-size", "page-size 1MiB"}},
		{name: "until before since", args: []string{"--since=2021-01-01", "--until=2020-01-01"}, want: []string{"--until", "since"}},
		{name: "empty flag", args: []string{"--to="}, want: []string{"--to", "empty"}},
		{name: "empty streams", args: []string{"--streams="}, want: []string{"--streams"}},
		{name: "no such file", args: []string{"--config=/no/such/ferry.yaml"}, want: []string{"/no/such/ferry.yaml"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := resolveWith(t, nil, tt.file, tt.env, tt.args...)
			if chatferry.KindOf(err) != chatferry.KindUsage {
				t.Fatalf("error %v, want one of usage", err)
			}
			for _, part := range tt.want {
				if !strings.Contains(sentence(err), part) {
					t.Errorf("%q does not say %q", sentence(err), part)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestEmptyConfigurationsAreFine(t *testing.T) {
	for _, file := range []string{"# nothing\n", "---\n", "{}\n", "\n"} {
		if _, err := resolveWith(t, nil, file, map[string]string{"CHATFERRY_LANES": ""}); err != nil {
			t.Errorf("%q: %v", file, err)
		}
	}
}

func TestADatasetOfALaterVersionIsIncompatible(t *testing.T) {
	_, err := resolveWith(t, map[string]string{"lanes": "as-many-as-fit"}, "", nil)
	if chatferry.KindOf(err) != chatferry.KindIncompatible {
		t.Errorf("error %v", err)
	}
}

func TestUnknownVariables(t *testing.T) {
	e := &environment{environ: func() []string {
		return []string{"CHATFERRY_LANES=1", "CHATFERRY_CONFIG=x", "CHATFERRY_MEMORY_LIMT=1GiB", "CHATFERRY_SOAK=1", "HOME=/"}
	}}
	got := unknownVariables(e)
	if len(got) != 1 || !strings.Contains(got[0], "CHATFERRY_MEMORY_LIMT") || !strings.Contains(got[0], "CHATFERRY_MEMORY_LIMIT?") {
		t.Errorf("%q", got)
	}
}

func TestTheClassOfEveryOption(t *testing.T) {
	c := defaultConfig()
	c.Token = "hunter2"
	if _, ok := c.fields(shaping)["drop-deleted"]; ok {
		t.Error("a switch that is off is part of the dataset's shape; one that comes with a new version would change it")
	}
	if _, ok := c.fields(shaping)["message-suspects"]; ok {
		t.Error("a choice that stands at its default is part of the dataset's shape")
	}
	if err := c.MessageSuspects.Set("exclude"); err != nil {
		t.Fatal(err)
	}
	for i := range options {
		if o := &options[i]; o.isSwitch() {
			if err := o.value(&c).Set("true"); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen := map[string]bool{}
	for _, k := range []class{shaping, scope, operation, local} {
		for name := range c.fields(k) {
			if seen[name] {
				t.Errorf("%s has two classes", name)
			}
			seen[name] = true
		}
	}
	for _, name := range optionNames() {
		if !seen[name] {
			t.Errorf("%s has no class", name)
		}
	}
	if seen["token"] {
		t.Error("a secret would be kept in the dataset")
	}
	if err := c.Validate(); err != nil {
		t.Errorf("the defaults are not valid: %v", err)
	}
	var f *fieldError
	c.PageSize = 1
	if err := c.Validate(); !errors.As(err, &f) || f.field != "page-size" {
		t.Errorf("%v", err)
	}
}

// No command that is told of a run is given a secret of it, whichever option comes next.
func TestCommandsAreGivenNoSecret(t *testing.T) {
	for i := range options {
		if name := envPrefix + strings.ToUpper(strings.ReplaceAll(options[i].name, "-", "_")); options[i].secret && !slices.Contains(notify.Withheld, name) {
			t.Errorf("%s is not withheld", name)
		}
	}
}
