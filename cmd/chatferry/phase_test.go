package main

import (
	"slices"
	"testing"

	"chatferry"
	"chatferry/checkpoint"
)

// The two phases share out all Streams, none twice, and --streams narrows either down.
func TestPhasesShareOutAllStreams(t *testing.T) {
	c := defaultConfig()
	if c.asked() != nil {
		t.Error("without --phase not all is carried")
	}
	var both []chatferry.Stream
	for _, phase := range []string{phaseCutover, phaseBackfill} {
		c.Phase.word = phase
		both = append(both, c.asked()...)
	}
	if !slices.Equal(both, chatferry.Streams()) {
		t.Errorf("both phases carry %v", both)
	}
	want := streamSet{
		chatferry.Account, chatferry.Agents, chatferry.Roles, chatferry.Departments, chatferry.Skills, chatferry.Shortcuts,
		chatferry.Triggers, chatferry.Goals, chatferry.Bans, chatferry.RoutingSettings, chatferry.OAuthClients,
	}
	if c.Phase.word = phaseCutover; !slices.Equal(c.asked(), want) {
		t.Errorf("a cut-over carries %v", c.asked())
	}
	if c.Streams = (streamSet{chatferry.Chats, chatferry.Bans}); c.asked().String() != "bans" || c.Validate() != nil {
		t.Errorf("%v, %v", c.asked(), c.Validate())
	}
	if c.Streams = (streamSet{chatferry.Chats}); c.Validate() == nil {
		t.Error("a cut-over of chats is nothing, and was not refused")
	}
}

// That a cut-over came to its end says nothing of a history that is half read.
func TestCutoverIsNoEndOfTheHistory(t *testing.T) {
	run := func(phase string) *checkpoint.RunState {
		return &checkpoint.RunState{RunOpen: checkpoint.RunOpen{Operation: map[string]string{"phase": phase}}}
	}
	for own, alike := range map[string][]string{
		phaseAll:      {"", phaseAll, phaseBackfill},
		phaseBackfill: {"", phaseAll, phaseBackfill},
		phaseCutover:  {"", phaseAll, phaseBackfill, phaseCutover},
	} {
		c := defaultConfig()
		c.Phase.word = own
		for _, phase := range []string{"", phaseAll, phaseCutover, phaseBackfill} {
			if got := c.alike(run(phase)); got != slices.Contains(alike, phase) {
				t.Errorf("%s after %q: %t", own, phase, got)
			}
		}
	}
}

// What a cut-over leaves is said as it is: whole, not made, or half made.
func TestCutoverSaysWhatItLeaves(t *testing.T) {
	streams := map[chatferry.Stream]streamResult{
		chatferry.Agents: {State: stateDone}, chatferry.Roles: {State: stateReading}, chatferry.Chats: {State: stateDone},
	}
	for _, tt := range []struct {
		p    phaseResult
		code int
		want string
	}{
		{phaseResult{Name: phaseCutover, Written: true, NextCommand: "next", AgainCommand: "again"}, exitDone, "The configuration is carried over. The history comes with:\n  next\n" +
			"If the upgrade is put off, read the configuration again on the new date:\n  again"},
		{phaseResult{Name: phaseCutover}, exitStopped, "The cut-over was not made. Readers see what they saw before, and the account was only read."},
		{phaseResult{Name: phaseCutover, Written: true}, exitStopped, "The cut-over is half made: 1 of 2 streams of the configuration are whole. No file that readers had was removed."},
		{phaseResult{Name: phaseBackfill, Written: true}, exitStopped, ""},
	} {
		if got := tt.p.sentence(&result{ExitCode: tt.code, Streams: streams}); got != tt.want {
			t.Errorf("%+v: %q", tt.p, got)
		}
	}
}
