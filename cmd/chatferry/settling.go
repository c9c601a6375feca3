package main

import (
	"context"
	"fmt"
	"time"

	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/settle"
)

// settle leaves one row for each key, the newest, once all that was asked for is committed. A trial is left as it was
// read.
func (c *carriage) settle(ctx context.Context, run *checkpoint.Run) error {
	if !bool(c.Settle) || c.Limit > 0 {
		return nil
	}
	defer c.tracker.SetState("")
	o := c.settleOptions(run)
	report, err := settle.Run(ctx, o)
	c.found = report.Identities
	if err == nil && c.compacts() {
		_, err = settle.Compact(ctx, o)
	}
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	superseded := int64(0)
	for _, n := range report.Superseded {
		superseded += n
	}
	c.log.Info("settled", "keys", report.Keys, "superseded", superseded, "replaced", report.FilesRetired, "took", report.Elapsed)
	return nil
}

// settleOptions are for all that exchanges files of the dataset.
func (c *carriage) settleOptions(run *checkpoint.Run) settle.Options {
	return settle.Options{
		Load: c.t.mustLoad, Run: run, Store: c.t.store, Derived: c.t.derived(run.Epoch()), MemoryLimit: int64(c.MemoryLimit),
		KeepRetired: time.Duration(c.KeepRetired), DropDeleted: bool(c.DropDeleted), Identities: c.who, Log: c.log,
		Progress: func(p settle.Progress) {
			c.tracker.SetState(fmt.Sprintf("settling %s: %s", p.Stream, p.Step))
		},
	}
}
