package main

import (
	"strconv"

	"chatferry"
	"chatferry/checkpoint"
)

// The phases of an upgrade. Chat stands still during the cut-over alone, so that moves no more than what agents need to go
// on working; the history follows afterwards.
const (
	phaseAll      = "all"
	phaseCutover  = "cutover"  // how the account is set up
	phaseBackfill = "backfill" // what happened in it
)

// phaseCarries reports whether a Stream is carried in a phase. "" is what runs say that knew no phases.
func phaseCarries(phase string, s chatferry.Stream) bool {
	switch phase {
	case phaseCutover:
		return s.Configuration()
	case phaseBackfill:
		return !s.Configuration()
	}
	return true
}

// carries reports whether a Stream belongs to the phase.
func (c *Config) carries(s chatferry.Stream) bool { return phaseCarries(c.Phase.String(), s) }

func (c *Config) cutsOver() bool { return c.Phase.String() == phaseCutover }

// asked are the Streams that --streams and --phase leave; nil: all.
func (c *Config) asked() streamSet {
	if len(c.Streams) == 0 && c.Phase.String() == phaseAll {
		return nil
	}
	var out streamSet
	for _, s := range chatferry.Streams() {
		if c.carries(s) && (len(c.Streams) == 0 || c.Streams.has(s)) {
			out = append(out, s)
		}
	}
	return out
}

// alike reports whether a run was one of those that a run of this phase goes on from. That a cut-over came to its end says
// nothing about the history, of which it read nothing.
func (c *Config) alike(r *checkpoint.RunState) bool {
	return c.cutsOver() || r.Operation["phase"] != phaseCutover
}

// lastAlike is the last run that was alike; nil: there is none.
func (c *Config) lastAlike(d *checkpoint.Dataset) *checkpoint.RunState {
	runs := d.Runs()
	for i := len(runs) - 1; i >= 0; i-- {
		if c.alike(&runs[i]) {
			return &runs[i]
		}
	}
	return nil
}

// wrote reports whether anything of the Streams that are counted was committed since a dataset was as before. Either is nil
// where there was none.
func wrote(before, after *checkpoint.Dataset, counted func(chatferry.Stream) bool) bool {
	from := uint64(0)
	if after == nil {
		return false
	}
	if before != nil {
		for _, r := range before.Runs() {
			from = r.Epoch
		}
	}
	for _, s := range after.Shards {
		if !counted(s.Shard.Stream) {
			continue
		}
		for _, p := range s.Commits {
			if p.Epoch > from && !p.Reopened {
				return true
			}
		}
	}
	return false
}

// phaseResult is what a cut-over or a backfill says about itself, beside the books.
type phaseResult struct {
	Name string `json:"name"`
	// Written reports whether readers can see anything of what this run read. A cut-over writes nothing before it has
	// read all.
	Written bool `json:"written"`
	// NextCommand carries what belongs to the other phase, AgainCommand reads the configuration anew.
	NextCommand  string `json:"next_command,omitempty"`
	AgainCommand string `json:"again_command,omitempty"`
}

// tellPhase adds to a result what there is to say about the phase. written is whether this run committed anything.
func (c *carriage) tellPhase(r *result, written bool) {
	if c.Phase.String() == phaseAll || c.rests() {
		return
	}
	p := &phaseResult{Name: c.Phase.String(), Written: written}
	words := []string{"resume", r.Root, "--phase", phaseCutover}
	if c.Deadline > 0 {
		words = append(words, "--deadline", c.Deadline.String())
	}
	again := c.environment.command(append(words, "--incremental")...)
	other := []string{"resume", r.Root, "--phase", phaseBackfill}
	if c.Deadline > 0 {
		other = append(other, "--deadline", "0s") // that of the cut-over is not meant for it
	}
	if len(c.Streams) > 0 {
		// resume would keep to them, and what was left out belongs to the rest.
		other = []string{"run"}
		for _, place := range c.From.Texts() {
			other = append(other, "--from", place)
		}
		other = append(other, "--to", r.Root)
	}
	ended := r.ExitCode == exitDone || r.ExitCode == exitPartial
	switch {
	case !c.cutsOver():
	case ended:
		p.NextCommand, p.AgainCommand = c.environment.command(other...), again
	case r.ExitCode == exitTooManyBad, c.resumeCommand(r.Root, r.ExitCode, 0, 0) == "":
	case c.planned, c.before != nil && len(c.before.Runs()) > 0:
		// What a cut-over that failed half-way left is not what the account has on the new date.
		r.ResumeCommand = again
	default:
		r.ResumeCommand = c.sameAgain() // nothing remembers it yet
	}
	r.Phase = p
}

// sentence says to a person what a cut-over leaves.
func (p *phaseResult) sentence(r *result) string {
	switch {
	case p.Name != phaseCutover:
		return ""
	case r.ExitCode == exitDone || r.ExitCode == exitPartial:
		out := "The configuration is carried over."
		if p.NextCommand != "" {
			out += " The history comes with:\n  " + p.NextCommand +
				"\nIf the upgrade is put off, read the configuration again on the new date:\n  " + p.AgainCommand
		}
		return out
	case !p.Written:
		return "The cut-over was not made. Readers see what they saw before, and the account was only read."
	}
	whole, parts := 0, 0
	for name, s := range r.Streams {
		if !name.Configuration() {
			continue
		}
		if parts++; s.State == stateDone {
			whole++
		}
	}
	return "The cut-over is half made: " + strconv.Itoa(whole) + " of " + strconv.Itoa(parts) +
		" streams of the configuration are whole. No file that readers had was removed."
}
