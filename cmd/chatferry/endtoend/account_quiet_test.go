package endtoend

import (
	"path/filepath"
	"testing"

	"chatferry"
	"chatferry/extract/rehearsal/chatapi"
)

// A server that does nothing odd: every record that its own ledger lists is there, once, byte for byte, and nothing else.
func TestAccountAtRest(t *testing.T) {
	for _, c := range []struct {
		name   string
		quirks chatapi.Quirks
		kind   chatapi.Kind
		exit   int
		absent []chatferry.Stream
	}{
		{name: "made for chat"},
		{name: "upgraded", kind: chatapi.Phase4},
		{name: "account forbidden", kind: chatapi.Phase3, exit: 4, absent: []chatferry.Stream{chatferry.Account}},
		{name: "no timeline", quirks: chatapi.Quirks{NoTimeline: true}, exit: 4, absent: []chatferry.Stream{chatferry.AgentTimeline}},
		{name: "broken records", quirks: chatapi.Quirks{Broken: true}, exit: 4},
		{name: "no export of chats", quirks: chatapi.Quirks{NoIncremental: true}},
		{name: "start_id ignored", quirks: chatapi.Quirks{DropStartID: true}},
		{name: "since_id ignored", quirks: chatapi.Quirks{IgnoreSinceID: true}},
		{name: "links elsewhere", quirks: chatapi.Quirks{NextPage: chatapi.NextPageOtherHost}},
		{name: "links are paths", quirks: chatapi.Quirks{NextPage: chatapi.NextPageRelative}},
		{name: "at the old root alone", quirks: chatapi.Quirks{NoSubdomain: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := serveAccount(t, accountOptions{seed: 11, chats: 800, quirks: c.quirks, kind: c.kind})
			root := filepath.Join(t.TempDir(), "out")
			o, e := a.carry(t, root, accountToken)
			if e.code != c.exit {
				t.Errorf("exit code %d, want %d: %s", e.code, c.exit, e.stderr)
			}
			for _, s := range c.absent {
				if state := o.Streams[s].State; state != "missing" && state != "forbidden" {
					t.Errorf("%s is %q, which is neither missing nor forbidden", s, state)
				}
			}
			holdRecords(t, c.name, recordsOf(t, root).without(unlisted...), a.served(c.quirks.NoIncremental).without(c.absent...))
			if s := a.api.Stats(); s.NoToken+s.WrongToken+s.Writes > 0 {
				t.Errorf("%d requests without a token, %d with a wrong one, %d that would have changed something", s.NoToken, s.WrongToken, s.Writes)
			}
		})
	}
}
