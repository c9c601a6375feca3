package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Every value prints itself as a text that it reads back as itself.
func TestValues(t *testing.T) {
	tests := []struct {
		value func() value
		in    string
		out   string // empty: refused
	}{
		{func() value { return new(size) }, "512MiB", "512MiB"},
		{func() value { return new(size) }, "1024 KiB", "1MiB"},
		{func() value { return new(size) }, "1.5GiB", "1536MiB"},
		{func() value { return new(size) }, "2GB", "2GB"},
		{func() value { return new(size) }, "100", "100B"},
		{func() value { return new(size) }, "0", "0B"},
		{func() value { return new(size) }, "1e3", "1kB"},
		{func() value { return new(size) }, "512M", ""},
		{func() value { return new(size) }, "-1MiB", ""},
		{func() value { return new(size) }, "NaN", ""},
		{func() value { return new(size) }, "inf", ""},
		{func() value { return new(size) }, "0x10", ""},
		{func() value { return new(size) }, "MiB", ""},
		{func() value { return new(size) }, "99999999TiB", ""},
		{func() value { return new(count) }, "12", "12"},
		{func() value { return new(count) }, "-1", ""},
		{func() value { return new(count) }, "1.5", ""},
		{func() value { return new(toggle) }, "true", "true"},
		{func() value { return new(toggle) }, "0", "false"},
		{func() value { return new(toggle) }, "yes", ""},
		{func() value { return new(period) }, "55m", "55m"},
		{func() value { return new(period) }, "23h", "23h"},
		{func() value { return new(period) }, "1h30m5s", "1h30m5s"},
		{func() value { return new(period) }, "0", "0s"},
		{func() value { return new(period) }, "-5m", ""},
		{func() value { return new(period) }, "5", ""},
		{func() value { return new(instant) }, "2021-03-01", "2021-03-01T00:00:00Z"},
		{func() value { return new(instant) }, "2021-03-01T08:00:00+02:00", "2021-03-01T06:00:00Z"},
		{func() value { return new(instant) }, "01.03.2021", ""},
		{func() value { return new(badLimit) }, "1%", "1%"},
		{func() value { return new(badLimit) }, "0.25%", "0.25%"},
		{func() value { return new(badLimit) }, "250", "250"},
		{func() value { return new(badLimit) }, "0", "0"},
		{func() value { return new(badLimit) }, "101%", ""},
		{func() value { return new(badLimit) }, "nan%", ""},
		{func() value { return new(badLimit) }, "-1", ""},
		{func() value { return new(minFree) }, "2GiB,5%", "2GiB,5%"},
		{func() value { return new(minFree) }, "200MiB", "200MiB"},
		{func() value { return new(minFree) }, "3%", "3%"},
		{func() value { return new(minFree) }, "0", "0B"},
		{func() value { return new(minFree) }, "5", "5B"},
		{func() value { return new(minFree) }, "five", ""},
		{func() value { return &choice{of: []string{"a", "b"}} }, "b", "b"},
		{func() value { return &choice{of: []string{"a", "b"}} }, "c", ""},
	}
	for _, tt := range tests {
		v := tt.value()
		t.Run(fmt.Sprintf("%T %s", v, tt.in), func(t *testing.T) {
			err := v.Set(tt.in)
			if tt.out == "" {
				if err == nil {
					t.Errorf("%q was read as %s, want an error", tt.in, v)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v.String() != tt.out {
				t.Errorf("%q prints as %q, want %q", tt.in, v, tt.out)
			}
			again := tt.value()
			if err := again.Set(v.String()); err != nil || again.String() != v.String() {
				t.Errorf("%q reads back as %q, %v", v, again, err)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	tests := []struct {
		in   string
		want string // what it prints as
		err  string // part of the error
	}{
		{"/dumps/acme", "/dumps/acme", ""},
		{"dumps", "dumps", ""},
		{"chats=/dumps/c.ndjson", "chats=/dumps/c.ndjson", ""},
		{"./a=b", "./a=b", ""},
		{"/a/b=c", "/a/b=c", ""},
		{"file:///dumps/acme", "/dumps/acme", ""},
		{"file:///dumps/a%20b", "/dumps/a b", ""},
		{"chats=file:///x", "chats=/x", ""},
		{"file://host/x", "", "not a local file URI"},
		{"file:relative", "", "not a local file URI"},
		{"chtas=/x", "", "did you mean chats?"},
		{"tickets=/x", "", "write ./tickets=/x"},
		{"s3://bucket/prefix", "s3://bucket/prefix", ""},
		{"S3://bucket/", "s3://bucket", ""},
		{"chats=s3://bucket/p=q/x?y#z%20/", "chats=s3://bucket/p=q/x?y#z%20", ""},
		{"s3://", "", "names no place in a bucket"},
		{"s3:///prefix", "", "names no place in a bucket"},
		{"s3://bucket//x", "", "names no place in a bucket"},
		{"s3://b:9000/x", "", "is not the name of a bucket"},
		{"s3://key:pw@bucket/x", "", "s3://***@bucket/x holds credentials"},
		{"s3:bucket", "", "s3:bucket is in a bucket"},
		{"zendesk://acme", "zendesk://acme", ""},
		{"zopim:", "zopim:", ""},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080", ""},
		{"https://user:pw@host/p?token=1", "", "https://***@host/p?***"},
		{"http://chat.example", "", "only https may leave this machine"},
		{"zopim://acme", "", "write zopim: alone"},
		{"ftp://host/x", "", `scheme "ftp" is not known`},
		{"", "", "empty"},
		{"chats=", "", "empty"},
		{"a\x00b", "", "NUL"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			var l locations
			err := l.Set(tt.in)
			switch {
			case tt.err == "" && err != nil:
				t.Fatal(err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want one that says %q", err, tt.err)
			case l.String() != tt.want:
				t.Errorf("read as %q, want %q", l, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "pw") || strings.Contains(err.Error(), "token=1")) {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	s := Secret("hunter2")
	for _, format := range []string{"%v", "%s", "%q", "%+v", "%#v", "%x", "%X", "%d", "%10s"} {
		for _, v := range []any{s, &s, struct{ S Secret }{s}, []Secret{s}, map[string]Secret{"a": s}} {
			if out := fmt.Sprintf(format, v); strings.Contains(out, "hunter2") || strings.Contains(strings.ToLower(out), "68756e74657232") {
				t.Errorf("%s of %T prints %s", format, v, out)
			}
		}
	}
	data, err := json.Marshal(map[string]any{"a": s, "b": &s, "c": []Secret{s}})
	if err != nil || strings.Contains(string(data), "hunter2") || !strings.Contains(string(data), redacted) {
		t.Errorf("JSON is %s, %v", data, err)
	}
	if Secret("").String() != "" {
		t.Error("an empty secret looks set")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"from", "to", "streams", "memory-limit", "max-bad-records", "json"}
	for word, want := range map[string]string{
		"form": "from", "stream": "streams", "memory_limit": "memory-limit", "memlimit": "", "mem": "memory-limit",
		"JSON": "json", "max-bad": "max-bad-records", "xyz": "", "verbose": "", "": "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  string
	}{
		{[]string{"chatferry", "resume", "/data/acme"}, "chatferry resume /data/acme"},
		{[]string{"a b"}, "'a b'"},
		{[]string{"it's"}, `'it'\''s'`},
		{[]string{""}, "''"},
		{[]string{"$(rm)", "~x", "ü"}, "'$(rm)' '~x' 'ü'"},
	} {
		if got := shellQuote(tt.words...); got != tt.want {
			t.Errorf("shellQuote(%q) = %s, want %s", tt.words, got, tt.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü 日本": "plain ü 日本", "\x1b[31mred": `\x1b[31mred`, "a\nb": `a\nb`, "bad \xff": `bad \xff`, "\u202e": `\u202e`,
		"real \uFFFD": "real \uFFFD", `say "x"`: `say "x"`,
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %s, want %s", in, got, want)
		}
	}
}
