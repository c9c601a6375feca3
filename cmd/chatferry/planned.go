package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/estimate"
)

// loadEstimate reads the estimate that this run is held against, if there is one. One that this call names must be there and
// be about this source; one that an earlier run named may be gone, as on another machine.
func (c *carriage) loadEstimate() error {
	if c.Estimate == "" || c.compacts() {
		return nil
	}
	if abs, err := filepath.Abs(string(c.Estimate)); err == nil {
		c.Estimate = text(abs) // the log keeps it, and resume may stand in another folder
	}
	e, err := estimate.Load(string(c.Estimate))
	switch {
	case err != nil && !c.given("estimate") && errors.Is(err, fs.ErrNotExist):
		c.log.Warn("the estimate is gone; nothing is held against it", "file", c.Estimate.String())
		return nil
	case err != nil:
		return usage("name the file that chatferry plan --estimate wrote", "--estimate: %w", err)
	case e.Source != c.sourceText() && c.given("estimate"):
		return usage("make one of this source with chatferry plan", "--estimate: %s is about %s, not about %s", c.Estimate, e.Source, c.sourceText())
	}
	c.estimated = e
	return nil
}

// warnOfDeadline says beforehand that the run will not come to its end.
func (c *carriage) warnOfDeadline() {
	if c.estimated == nil || c.Deadline == 0 {
		return
	}
	needs := c.estimated.Phase(c.Phase.String())
	if needs.Took() <= time.Duration(c.Deadline) {
		return
	}
	left := "what is committed by then stays"
	if c.cutsOver() {
		left = "nothing is written unless all of the configuration was read by then"
	}
	fmt.Fprintf(c.stderr, "chatferry: the estimate says that this takes about %s (%s), longer than --deadline %s: it will be stopped, and %s\n",
		spanUp(needs.Seconds), needs.Known, c.Deadline, left)
}

// compare holds the estimate against what a dataset's logs say of the Streams that carried names.
func (d *dataset) compare(e *estimate.Estimate, r *result, carried func(chatferry.Stream) bool) *estimate.Comparison {
	actual := map[chatferry.Stream]estimate.Actual{}
	for i := range d.Shards {
		s := &d.Shards[i]
		a := actual[s.Shard.Stream]
		for _, p := range s.Commits {
			if !p.Reopened {
				a.Requests += p.Requests
			}
		}
		actual[s.Shard.Stream] = a
	}
	for name, s := range r.Streams {
		a := actual[name]
		a.Records, a.Bytes, a.Done = s.Read-s.Superseded, s.BytesRead, s.State == stateDone
		actual[name] = a
	}
	return e.Compare(actual, carried)
}

// compareLast is compare for the Streams that the last run was to carry, if it was held against an estimate that can still be
// read; else nil.
func (d *dataset) compareLast(run *checkpoint.RunState, r *result) *estimate.Comparison {
	file := run.Operation["estimate"]
	if file == "" || run.Shaping["limit"] != "0" {
		return nil
	}
	e, err := estimate.Load(file)
	if err != nil {
		return nil // it may be on another machine
	}
	if _, err := askedOf(run); err != nil {
		return nil
	}
	return d.compare(e, r, func(s chatferry.Stream) bool { return carried(run, s) })
}

// holdAgainst adds to a result how it compares with the estimate. A run that went on with another's work has no time of its
// own to compare.
func (c *carriage) holdAgainst(d *dataset, r *result) {
	if c.estimated == nil || c.Limit > 0 {
		return
	}
	r.Estimate = d.compare(c.estimated, r, c.inScope)
	ended := r.ExitCode == exitDone || r.ExitCode == exitPartial
	if ended && len(c.Streams) == 0 && !wrote(nil, c.before, c.carries) {
		r.Estimate.Timed(c.estimated.Phase(c.Phase.String()), c.now().Sub(c.begun))
	}
}
