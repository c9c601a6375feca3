package repair

import (
	"strings"
	"testing"

	"chatferry"
)

func TestApply(t *testing.T) {
	reject := func(raw string) *chatferry.Reject {
		return &chatferry.Reject{Stream: chatferry.Chats, Code: chatferry.CodeSyntax, Place: "chats/2021-03.ndjson:81920", Raw: []byte(raw), RawLen: int64(len(raw))}
	}
	for _, c := range []struct{ name, rules, raw, want string }{
		{
			"a patch, with exact numbers", `rules: [{patch: [{op: add, path: /id, value: 12345678901234567890.10}]}]`,
			`{"z":1e400,"h":"<b>\ud800"}`, `{"z":1e400,"h":"<b>\ud800","id":12345678901234567890.10}`,
		},
		{
			"a patch of every operation", `rules: [{patch: [{op: test, path: /a, value: 1}, {op: copy, from: /b/0, path: /c}, {op: move, from: /b, path: /d}, {op: remove, path: /a}, {op: replace, path: /c, value: null}]}]`,
			`{"a":1,"b":["x",2.50]}`, `{"c":null,"d":["x",2.50]}`,
		},
		{"a patch of the whole record", `rules: [{patch: [{op: replace, path: "", value: {id: "1"}}]}]`, `[1]`, `{"id":"1"}`},
		{"a number in quotes is a text", `rules: [{patch: [{op: add, path: /id, value: "12"}, {op: add, path: /t, value: 2021-03-01}]}]`, `{}`, `{"id":"12","t":"2021-03-01"}`},
		{"rules in JSON", `{"rules":[{"patch":[{"op":"add","path":"/id","value":"\ud83d\ude00"}]}]}`, `{}`, `{"id":"\ud83d\ude00"}`},
		{"bytes that are not UTF-8", `rules: [{invalid_utf8: replace}]`, "{\"a\":\"x\xe9\xff\"}", `{"a":"x` + "\ufffd" + `"}`},
		{"texts", `rules: [{text: [{old: NaN, new: "null"}, {old: "'", new: '"'}]}]`, `{'a':NaN,'b':NaN}`, `{"a":null,"b":null}`},
		{"an end", `rules: [{append: "]}"}]`, `{"a":[1`, `{"a":[1]}`},
		{"the first of two", `rules: [{duplicate_keys: first}]`, `{"a":1,"a":2}`, `{"a":1}`},
		{"the last of two", `rules: [{duplicate_keys: last}]`, `{"a":1,"a":2}`, `{"a":2}`},
		{"to _extra, before keys are looked at", `rules: [{to_extra: [/a/b], duplicate_keys: first}]`, `{"a":{"b":{"x":1,"x":2}},"c":1,"c":2}`, `{"a":{"b":{"_verbatim":"{\"x\":1,\"x\":2}"}},"c":1}`},
		{"one after the other", "rules:\n- for: {code: syntax}\n  append: '}'\n- for: {stream: chats, place: 'chats/*:81920'}\n  patch: [{op: add, path: /id, value: x}]\n- for: {code: too_deep}\n  append: '!'\n", `{"a":1`, `{"a":1,"id":"x"}`},

		{"a test that fails", `rules: [{patch: [{op: test, path: /a, value: 2}]}]`, `{"a":1}`, "!rule 1, for all records, at chats/2021-03.ndjson:81920: patch: a test of it fails"},
		{"a member that is not there", `rules: [{for: {code: syntax}, patch: [{op: remove, path: /b}]}]`, `{"a":1}`, "!rule 1, for code syntax, at chats/2021-03.ndjson:81920: patch: "},
		{"a negative index", `rules: [{patch: [{op: remove, path: /a/-1}]}]`, `{"a":[1]}`, "!patch"},
		{"a patch of what has a key twice", `rules: [{patch: [{op: add, path: /id, value: 1}]}]`, `{"a":1,"a":2}`, "!one name twice"},
		{"a patch of what is no JSON", `rules: [{patch: [{op: add, path: /id, value: 1}]}]`, `{"a":1`, "!neither a comma nor its end"},
		{"a text that is not there", `rules: [{text: [{old: NaN, new: "0"}]}]`, `{}`, `!does not hold the text "NaN"`},
		{"a member for _extra that is not there", `rules: [{to_extra: [/a]}]`, `{}`, "!to_extra: /a: the record has no such member"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Parse([]byte(c.rules))
			if err != nil {
				t.Fatal(err)
			}
			one := reject(c.raw)
			if !r.Match(one) {
				t.Fatal("no rule is for the record")
			}
			got, _, err := r.Apply(one)
			if text, fails := strings.CutPrefix(c.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("%s, %v; want an error with %q", got, err, text)
				}
			} else if err != nil || string(got) != c.want {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
			if string(one.Raw) != c.raw {
				t.Errorf("the record's own bytes were changed to %s", one.Raw)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	r, err := Parse([]byte("rules:\n- for: {stream: chats, code: csv_row, place: 'a*b:*'}\n  csv_header: 'x,y'\n- for: {place: 'a.b:1'}\n  append: x\n- for: {code: too_deep}\n  append: x\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		stream chatferry.Stream
		code   chatferry.Code
		place  string
		want   bool
	}{
		{"chats", "csv_row", "ab:7", true},
		{"chats", "csv_row", "a/x/b:7", true},
		{"chats", "csv_row", "a.b", false},
		{"chats", "csv_row", "xab:7", false},
		{"agents", "csv_row", "ab:7", false},
		{"chats", "syntax", "ab:7", false},
		{"agents", "syntax", "a.b:1", true},
		{"agents", "syntax", "aXb:1", false},
		{"agents", "syntax", "a.b:12", false},
		{"agents", "too_deep", "", true},
	} {
		one := &chatferry.Reject{Stream: c.stream, Code: c.code, Place: c.place}
		if got := r.Match(one); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if _, header, err := r.Apply(&chatferry.Reject{Stream: "chats", Code: "csv_row", Place: "ab:7"}); err != nil || string(header) != "x,y" {
		t.Errorf("%q, %v", header, err)
	}
	if err := r.Unused(); err == nil || !strings.HasPrefix(err.Error(), "rule 2, for place a.b:1:") {
		t.Errorf("got %v", err)
	}
	for _, one := range []*chatferry.Reject{{Place: "a.b:1"}, {Code: "too_deep"}} {
		if _, _, err := r.Apply(one); err != nil {
			t.Error(err)
		}
	}
	if err := r.Unused(); err != nil {
		t.Error(err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "no rules"},
		{"an empty list", "rules: []", "no rules"},
		{"a null", "rules:", "no rules"},
		{"no YAML", "rules: [", "not YAML"},
		{"two documents", "rules: [{append: x}]\n---\nrules: []", "more than one"},
		{"an unknown key", "rules: [{apend: x}]", `unknown field "apend"`},
		{"an unknown key of for", "rules: [{for: {codes: syntax}, append: x}]", `unknown field "codes"`},
		{"a key twice", "rules:\n- append: x\n  append: y\n", "line 3: the key append stands twice"},
		{"a rule that does nothing", "rules: [{append: x}, {for: {code: syntax}}]", "rule 2, for code syntax: it changes nothing"},
		{"an unknown stream", "rules: [{for: {stream: chat}, append: x}]", `no stream "chat"`},
		{"an unknown code", "rules: [{for: {code: utf8}, append: x}]", `no code "utf8"; the codes are broken_structure, csv_header`},
		{"another word for bytes", "rules: [{invalid_utf8: latin1}]", "it can be replace"},
		{"another word for keys", "rules: [{duplicate_keys: both}]", "it can be first or last"},
		{"an empty text", "rules: [{text: [{new: x}]}]", "empty"},
		{"an unknown operation", "rules: [{patch: [{op: set, path: /a, value: 1}]}]", "rule 1, for all records: its patch cannot be read: invalid operation"},
		{"an operation without a path", "rules: [{patch: [{op: remove}]}]", "missing path field"},
		{"an operation without a value", "rules: [{patch: [{op: remove, path: /a}, {op: add, path: /a}]}]", "missing value field"},
		{"an operation without a from", "rules: [{patch: [{op: copy, path: /a}]}]", "missing from field"},
		{"a number that JSON has not", "rules: [{patch: [{op: add, path: /a, value: 0x10}]}]", "no number as JSON writes it"},
		{"infinity", "rules: [{patch: [{op: add, path: /a, value: .inf}]}]", "no number as JSON writes it"},
		{"an alias", "rules: [{append: &a x}, {append: *a}]", "alias"},
		{"JSON behind JSON", `{"rules":[{"append":"x"}]} {}`, "stands behind"},
		{"no UTF-8", "rules: [{append: \"\xff\"}]", "not UTF-8"},
		{"a file that is no file of rules", strings.Repeat(" ", maxFile+1), "longer than 64 KiB"},
	} {
		if r, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v; want an error with %q", c.name, r, err, c.want)
		}
	}
}
