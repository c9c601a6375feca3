package faults

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is cut and put together again is the same, byte for byte where there was no white space.
func TestCutting(t *testing.T) {
	for name, body := range map[string]string{
		"page":           `{"chats":[{"id":"a","t":"},{"},{"id":"b\"]"}],"count":2,"end_id":null,"next_page":"x?y&z"}`,
		"empty":          `{"chats":[],"count":0}`,
		"white space":    " {\n \"chats\" : [ {\"id\" : \"a\" } , {\"id\":\"b\"} ] , \"count\" : 2 }\n",
		"keys twice":     `{"chats":[{"id":"a","id":"a"}],"count":1,"count":1}`,
		"deep":           `{"chats":[` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `],"count":1}`,
		"escapes":        `{"chats":[{"id":"\\"},{"id":"\\\""}],"count":-1.5e3}`,
		"true and false": `{"chats":[true,false,null,1,"x"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			p, ok := cutPage("incremental/chats", []byte(body))
			if !ok {
				t.Fatal("it is not cut")
			}
			var want bytes.Buffer
			if err := json.Compact(&want, []byte(body)); err != nil && name != "deep" {
				t.Fatal(err)
			}
			if name == "deep" {
				want.WriteString(body)
			}
			var got bytes.Buffer
			if err := json.Compact(&got, p.encode()); err != nil {
				got.Write(p.encode())
			}
			if d := cmp.Diff(want.String(), got.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestCuttingOtherThings(t *testing.T) {
	for _, body := range []string{"", "1", `"x"`, "{", "[", "[1", "{]", `{"a"}`, `{"a":}x`, "[,]", `{"chats":1}`, `{"results":[]}`} {
		if p, ok := cutPage("chats", []byte(body)); ok {
			t.Errorf("%q was cut into %+v", body, p)
		}
	}
}

func FuzzCutting(f *testing.F) {
	f.Add([]byte(`{"chats":[{"id":"a"},{"id":"b","x":[1,2,{}]}],"count":2}`))
	f.Add([]byte(`[{"id":1},{"id":2}]`))
	f.Add([]byte(`{"chats":[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, ok := cutPage("chats", body)
		if !json.Valid(body) {
			return // need only not break
		}
		if !ok {
			return
		}
		out := p.encode()
		var want, got bytes.Buffer
		if err := json.Compact(&want, body); err != nil {
			t.Fatal(err)
		}
		if err := json.Compact(&got, out); err != nil {
			t.Fatalf("%q became %q: %v", body, out, err)
		}
		if !bytes.Equal(want.Bytes(), got.Bytes()) {
			t.Fatalf("%q became %q", body, out)
		}
	})
}
