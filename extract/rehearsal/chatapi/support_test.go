package chatapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"chatferry/extract/rehearsal"
)

// The lists of the Support account lead on by their cursor, from any size of page to the same end.
func TestSupportLists(t *testing.T) {
	s, _, c := serve(t, rehearsal.Options{Seed: 21, Chats: 20}, Options{Support: true})
	want := map[string][]string{"users": s.Support().Users, "groups": s.Support().Groups, "installations": s.Support().Apps}
	for path, member := range map[string]string{"users": "users", "groups": "groups", "apps/installations": "installations"} {
		for _, size := range []int{1, 7, 100} {
			query := url.Values{"page[size]": {fmt.Sprint(size)}}
			var got []string
			for {
				answer := c.ask(c.root + "/" + path + "?" + query.Encode())
				var page map[string]json.RawMessage
				var list []json.RawMessage
				var meta struct {
					More   bool    `json:"has_more"`
					Cursor *string `json:"after_cursor"`
				}
				text := body(t, answer)
				if err := json.Unmarshal(text, &page); err != nil || answer.StatusCode != http.StatusOK {
					t.Fatalf("%s: %d, %v: %s", path, answer.StatusCode, err, text)
				}
				if json.Unmarshal(page[member], &list) != nil || json.Unmarshal(page["meta"], &meta) != nil || len(list) > size {
					t.Fatalf("%s: %s", path, text)
				}
				for _, raw := range list {
					got = append(got, string(raw))
				}
				if !meta.More {
					break
				}
				query.Set("page[after]", *meta.Cursor)
			}
			if len(got) != len(want[member]) || got[0] != want[member][0] || got[len(got)-1] != want[member][len(got)-1] {
				t.Errorf("%s by %d: %d records, want %d", path, size, len(got), len(want[member]))
			}
		}
	}
	if answer := c.ask(c.root + "/users/me"); answer.StatusCode != http.StatusOK {
		t.Errorf("users/me: %d", answer.StatusCode)
	}
	var of struct {
		Users []struct{ Role string }
	}
	if err := json.Unmarshal(body(t, c.ask(c.root+"/users?role[]=admin")), &of); err != nil || len(of.Users) == 0 || len(of.Users) == len(want["users"]) {
		t.Errorf("%d administrators of %d users, %v", len(of.Users), len(want["users"]), err)
	}
	c.token = "another"
	if answer := c.ask(c.root + "/users"); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("with another token: %d", answer.StatusCode)
	}
}

// The Support API is there only where it is asked for, and never below the root of the Chat API.
func TestSupportIsApart(t *testing.T) {
	_, _, without := serve(t, rehearsal.Options{Seed: 21, Chats: 20}, Options{})
	_, _, with := serve(t, rehearsal.Options{Seed: 21, Chats: 20}, Options{Support: true})
	for _, path := range []string{"users", "groups", "apps/installations", "users/me"} {
		if answer := without.ask(without.root + "/" + path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s without Support: %d", path, answer.StatusCode)
		}
		if answer := with.ask(with.root + "/chat/" + path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s of the Chat API: %d", path, answer.StatusCode)
		}
	}
}

// The token belongs to the agent whom the account says.
func TestWhoseToken(t *testing.T) {
	for c, want := range map[rehearsal.Case]int{rehearsal.NoClients: 0, rehearsal.AgentToken: 2, rehearsal.RestrictedToken: 8} {
		s, _, client := serve(t, rehearsal.Options{Seed: 21, Chats: 20, Cases: []rehearsal.Case{c}}, Options{})
		me := body(t, client.ask(client.root+"/agents/me"))
		if at := s.setup.list(streamAgents)[want]; string(me) != string(at.raw) {
			t.Errorf("%s: %s", c, me)
		}
	}
}
