package main

import (
	"testing"
	"time"

	"chatferry"
)

// A run that came to its end says all that a person should look at, in one sentence.
func TestExceptionsSayAll(t *testing.T) {
	a := &accountSupply{unsettled: []chatferry.Stream{chatferry.Chats, chatferry.AgentEvents}, mark: time.Unix(0, 0)}
	for _, tt := range []struct {
		e    exceptions
		want string
	}{
		{exceptions{}, ""},
		{exceptions{quarantined: 1}, "1 record went to quarantine"},
		{exceptions{doubts: 2, absent: "bans is forbidden"}, "2 parts of the source may be damaged or incomplete, and bans is forbidden"},
		{
			exceptions{unproven: a.unproven()},
			"changes of chats,agent_events show later than --overlap allows for, so that some may be missing; raise it",
		},
	} {
		err := tt.e.partial()
		if got := exitCode(err); got != map[bool]int{true: exitDone, false: exitPartial}[tt.want == ""] {
			t.Errorf("%+v: exit code %d", tt.e, got)
		}
		if err != nil && err.Error() != tt.want {
			t.Errorf("%q, want %q", err, tt.want)
		}
	}
}

// A Stream that may be missing does not end with exit code 4, but is told.
func TestAllowMissing(t *testing.T) {
	absent := chatferry.UnavailableStreams{
		chatferry.Bans:        {Stream: chatferry.Bans, Why: chatferry.Forbidden},
		chatferry.AgentEvents: {Stream: chatferry.AgentEvents, Why: chatferry.Missing},
	}
	for allowed, want := range map[string]string{
		"":                  "bans is forbidden, agent_events is missing",
		"agent_events":      "bans is forbidden",
		"bans,agent_events": "",
	} {
		c := &carriage{settings: &settings{}, absent: absent}
		for _, name := range optionNamed("allow-missing").split(allowed) {
			if err := c.AllowMissing.Set(name); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.notAllowed(); got != want {
			t.Errorf("with %q: %q, want %q", allowed, got, want)
		}
		if len(absent) != 2 {
			t.Error("what was not given is forgotten")
		}
	}
}
