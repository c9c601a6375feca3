package api

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestProveWhole(t *testing.T) {
	for _, good := range []string{
		"{}", "[]", " \r\n\t{} \n", `{"a":[1,{"b":"}]\"\\"}]}`, `["\\"]`, `["\\\""]`,
		// What is wrong inside a record is its own affair.
		`{"chats":[{"a":NaN,"b":'x',"c":"` + "\x00\xff" + `\q"}]}`,
	} {
		if err := proveWhole([]byte(good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", " ", "null", "1", `"x"`, "OK", "<html>", "{", "[", "[}", "{]", `{"a`, `{"a\"}`, `["\\\"]`, "{}x", "{}{}", "[]]", "[[]", "}", "]",
		strings.Repeat("[", mostDepth+1) + strings.Repeat("]", mostDepth+1),
	} {
		if err := proveWhole([]byte(bad)); !errors.Is(err, errBroken) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	deep := strings.Repeat("[", mostDepth) + strings.Repeat("]", mostDepth)
	if err := proveWhole([]byte(deep)); err != nil {
		t.Errorf("nested %d deep: %v", mostDepth, err)
	}
}

// Whatever is valid JSON is whole; no beginning of it is.
func FuzzProveWhole(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"}]\"\\"}]}`, "[]", `["\\"]`, "{}x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text := strings.TrimLeft(string(body), " \t\r\n")
		err := proveWhole(body)
		if text != "" && strings.ContainsRune("{[", rune(text[0])) && json.Valid(body) && err != nil && !strings.Contains(err.Error(), "deep") {
			t.Fatalf("refused valid JSON %q: %v", body, err)
		}
		if err != nil {
			return
		}
		whole := strings.TrimRight(string(body), " \t\r\n")
		for i := range len(whole) {
			if proveWhole([]byte(whole[:i])) == nil {
				t.Fatalf("took %q, which goes on as %q", whole[:i], whole)
			}
		}
	})
}

func TestReadWhole(t *testing.T) {
	text := strings.Repeat("0123456789", 10_000)
	for _, length := range []int64{-1, 0, 5, int64(len(text)), 1 << 60} {
		come := 0
		got, err := readWhole(iotest.HalfReader(strings.NewReader(text)), length, mostBody, func(n int) { come += n })
		if err != nil || string(got) != text || come != len(text) {
			t.Errorf("length %d: %d bytes, %d told, %v", length, len(got), come, err)
		}
	}
	if _, err := readWhole(strings.NewReader(text), -1, int64(len(text)), func(int) {}); err != nil {
		t.Errorf("of just the right length: %v", err)
	}
	if _, err := readWhole(strings.NewReader(text), -1, int64(len(text))-1, func(int) {}); !errors.Is(err, errBroken) {
		t.Errorf("too long: %v", err)
	}
	if _, err := readWhole(iotest.TimeoutReader(strings.NewReader(text)), -1, mostBody, func(int) {}); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if got, err := readWhole(iotest.DataErrReader(strings.NewReader("x")), 1, 1, func(int) {}); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := readWhole(io.MultiReader(strings.NewReader("x"), iotest.ErrReader(io.ErrUnexpectedEOF)), 2, 9, func(int) {}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestExplanation(t *testing.T) {
	for _, c := range []struct{ body, code, message string }{
		{`{"error":"invalid_client","description":"no such client"}`, "invalid_client", "no such client"},
		{`{"error":"NotFound"}`, "NotFound", ""},
		{`{"error":"invalid_grant","error_description":"used"}`, "invalid_grant", "used"},
		{`{"error":{"title":"No","message":"not you"}}`, "No", "not you"},
		{`{"message":"gone"}`, "", "gone"},
		{`{"error":5,"description":{"a":1}}`, "", ""},
		{`<html>`, "", ""},
		{``, "", ""},
		{`[]`, "", ""},
		{`null`, "", ""},
	} {
		if code, message := explanation([]byte(c.body)); code != c.code || message != c.message {
			t.Errorf("%s: %q, %q", c.body, code, message)
		}
	}
}

// A body may take as long as it likes, as long as it comes.
func TestSlowButSteadyBody(t *testing.T) {
	bubble(t, "ten minutes", func(t *testing.T) {
		c, _ := dialed(t, steady)
		begun := time.Now()
		a, err := c.Get(t.Context(), "chats", nil, nil)
		if err != nil || a.Requests != 1 || time.Since(begun) < 9*time.Minute {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}
