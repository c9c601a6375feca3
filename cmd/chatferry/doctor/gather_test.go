package doctor

import (
	"errors"
	"fmt"
	"testing"

	"chatferry"
	"chatferry/extract/api"
)

// A record that cannot be read leaves a Gap beside those that can; and of records with one id the last counts.
func TestListed(t *testing.T) {
	good, odd, later := []byte(`{"id":1,"email":"ana@acme.example"}`), []byte(`{"id":2,"enabled":"perhaps"}`), []byte(`{"id":1,"email":"rui@acme.example"}`)
	for _, tt := range []struct {
		name    string
		records [][]byte
		err     error
		known   bool
		why     Why // "": no gap
		n       int
	}{
		{"all", [][]byte{good}, nil, true, "", 1},
		{"none", nil, nil, true, "", 0},
		{"of two nights", [][]byte{good, later}, nil, true, "", 1},
		{"an odd one", [][]byte{good, odd}, nil, true, Unreadable, 1},
		{"odd ones alone", [][]byte{odd}, nil, false, Unreadable, 0},
		{"a part", [][]byte{good}, errors.New("cut"), true, Failed, 1},
		{"not in the dump", nil, errNotHeld, false, NotHeld, 0},
		{"forbidden", nil, &chatferry.UnavailableError{Stream: chatferry.Agents, Why: chatferry.Forbidden, Err: &api.StatusError{Status: 403}}, false, Forbidden, 0},
		{"gone", nil, fmt.Errorf("read: %w", &api.StatusError{Status: 410}), false, Missing, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newest(listed[Agent]("GET agents", tt.records, tt.err), func(a *Agent) string { return idText(a.ID) })
			why := Why("")
			if f.Gap != nil {
				why = f.Gap.Why
			}
			if f.Known != tt.known || why != tt.why || len(f.Value) != tt.n {
				t.Errorf("got %+v, %+v", f, f.Gap)
			}
			if tt.name == "of two nights" && f.Value[0].Email != "rui@acme.example" {
				t.Errorf("got %+v", f.Value)
			}
		})
	}
}

// What the account writes in several ways is read in all of them, and nothing else is taken for it.
func TestDecode(t *testing.T) {
	for text, want := range map[string]Agent{
		`{"id":7,"enabled":true,"email":"a@b.example"}`: {ID: 7, Enabled: true, Email: "a@b.example"},
		`{"id":"7","enabled":1,"email":null}`:           {ID: 7, Enabled: true},
		`{"id":7e0,"enabled":0,"role_id":null}`:         {ID: 7},
		`{"id":7,"enabled":"1","display_name":12}`:      {ID: 7, Enabled: true, Display: "12"},
	} {
		list, odd := decode[Agent]([][]byte{[]byte(text)})
		if odd != 0 || len(list) != 1 || list[0] != want {
			t.Errorf("%s: %+v, %d", text, list, odd)
		}
	}
	for _, text := range []string{`{"id":1.5}`, `{"id":{}}`, `{"email":["a"]}`, `{"enabled":2}`, `[]`, `{`, `{"roles":7}`} {
		if list, odd := decode[Agent]([][]byte{[]byte(text)}); odd != 1 {
			t.Errorf("%s: %+v", text, list)
		}
	}
}
