package deep

import (
	"slices"
	"testing"
)

// A comparison that finds everything equal proves nothing.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`{"a":1,"b":[2,3]}`, ` { "b" : [2 , 3.0] , "a" : 1e0 } `, true},
		{`{"a":1}`, `{"a":1,"a":1}`, false},
		{`{}`, `{"a":null}`, false},
		{`{"a":null}`, `{"a":""}`, false},
		{`[]`, `null`, false},
		{`[]`, `{}`, false},
		{`[[],1]`, `[[1]]`, false},
		{`[1,2]`, `[2,1]`, false},
		{`9007199254740992`, `9007199254740993`, false},
		{`0.1`, `0.10000000000000000001`, false},
		{`1e400`, `1e401`, false},
		{`1e99999999999999999999`, `10e99999999999999999998`, true},
		{`100e-2`, `1`, true},
		{`0.0100`, `1E-2`, true},
		{`-0`, `0.0`, true},
		{`-1`, `1`, false},
		{`10`, `1`, false},
		{`1`, `"1"`, false},
		{`true`, `false`, false},
		{`"\u00e9"`, `"é"`, true},
		{`"\ud83d\ude00"`, `"😀"`, true},
		{`"\ud83d"`, `"\ufffd"`, false},
		{`"\uD83D"`, `"\ud83d"`, true},
		{`"\ud83d"`, `"\ude00"`, false},
		{`"\ud83dx\n\\\"\/"`, `"\ud83d\u0078\u000a\u005c\u0022/"`, true},
		{`"\ude00\ud83d"`, `"😀"`, false},
		{`"\u0000"`, `""`, false},
		{`{"\ud83d":1}`, `{"\ude00":1}`, false},
		{`{"a1":{"b":1}}`, `{"a":{"1b":1}}`, false},
		{`["a","b"]`, `["a,b"]`, false},
	} {
		a, err := parse([]byte(c.a))
		if err != nil {
			t.Fatalf("%s: %v", c.a, err)
		}
		b, err := parse([]byte(c.b))
		if err != nil {
			t.Fatalf("%s: %v", c.b, err)
		}
		if (a.fingerprint() == b.fingerprint()) != c.same {
			t.Errorf("%s and %s: equal is %v, want %v", c.a, c.b, !c.same, c.same)
		}
		var p paths
		if p.compare(a, b, ""); (len(p) == 0) != c.same {
			t.Errorf("%s and %s: they differ in %q", c.a, c.b, p)
		}
	}
	for _, bad := range []string{``, `{`, `{"a"}`, `[1,]`, `"`, `"\x"`, `1e`, `nul`, `[1] 2`, "\"\xff\"", `"\ud8"`} {
		if _, err := parse([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// What differs is named by its path, and nothing of its value is.
func TestPaths(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want paths
	}{
		{`{"a":{"b":[1,{"c":"x"}]}}`, `{"a":{"b":[1,{"c":"y"}]}}`, paths{"a.b[1].c"}},
		{`{"a":1}`, `{"b":1}`, paths{"a", "b"}},
		{`{"a":[1,2]}`, `{"a":[1]}`, paths{"a[1]"}},
		{`{"a":{}}`, `{"a":[]}`, paths{"a"}},
		{`{"a b":1,"é":1}`, `{"a b":2,"é":2}`, paths{`["a b"]`, `["\u00e9"]`}},
		{`1`, `2`, paths{"(the whole record)"}},
		{`{"a":1}`, `{"a":1,"a":1}`, paths{"a"}},
	} {
		a, errA := parse([]byte(c.a))
		b, errB := parse([]byte(c.b))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		var p paths
		if p.compare(a, b, ""); !slices.Equal(p, c.want) {
			t.Errorf("%s and %s: they differ in %q, want %q", c.a, c.b, p, c.want)
		}
	}
}

func TestRows(t *testing.T) {
	for _, c := range []struct {
		row  string
		want []string
	}{
		{`a,"b ""c""",`, []string{"a", `b "c"`, ""}},
		{"\"x\r\ny\",\"\r\",z\r", []string{"x\r\ny", "\r", "z\r"}},
		{"\"\n\n\"", []string{"\n\n"}},
		{` a , b`, []string{" a ", " b"}},
	} {
		if got, err := cellsOf([]byte(c.row)); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q was read as %q (%v), want %q", c.row, got, err, c.want)
		}
	}
	for _, bad := range []string{`a"b,c`, `"a`, `"a"b`, "a\nb"} {
		if got, err := cellsOf([]byte(bad)); err == nil {
			t.Errorf("%q was read as %q", bad, got)
		}
	}
	for header, want := range map[string]struct {
		column string
		zone   int
	}{
		"Start Time (UTC+0)":            {"start_time", 0},
		"START TIME (UTC+5:30)":         {"start_time", 19800},
		"End Time (GMT-0330)":           {"end_time", -12600},
		"Visitor Initiated (Completed)": {"visitor_initiated_completed", 0},
		"Duration (Seconds)":            {"duration_seconds", 0},
	} {
		if column, zone := headerOf(header); column != want.column || zone != want.zone {
			t.Errorf("%q is column %q in zone %d", header, column, zone)
		}
	}
}
