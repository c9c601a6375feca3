package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/checkpoint"
)

// dataset is a dataset, open for reading. A run may work on it meanwhile.
type dataset struct {
	*target
	*checkpoint.Dataset
}

// rootOf returns the root that a call names: its argument, or else --to of the environment or the file.
func rootOf(cmd *cobra.Command, s *settings, args []string) (string, error) {
	root := s.To
	if len(args) > 0 {
		if err := root.Set(args[0]); err != nil {
			return "", usage("", "%w", err)
		}
	}
	if root == "" {
		return "", usage("for example: "+firstExample(cmd), "%s needs the ROOT of a dataset", cmd.CommandPath())
	}
	if isS3(string(root)) {
		return string(root), nil
	}
	abs, err := filepath.Abs(string(root))
	if err != nil {
		return "", &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "find", Place: string(root), Err: err}
	}
	return abs, nil
}

// openDataset reads and checks all logs of a dataset, and changes nothing.
func (a *app) openDataset(ctx context.Context, root string, c *Config) (*dataset, error) {
	t, err := a.openTarget(ctx, root, c)
	if err != nil {
		return nil, err
	}
	d, err := t.mustLoad(ctx)
	if err != nil {
		return nil, err
	}
	return &dataset{t, d}, nil
}

// last returns the last run that was begun, or nil.
func (d *dataset) last() *checkpoint.RunState {
	runs := d.Runs()
	if len(runs) == 0 {
		return nil
	}
	return &runs[len(runs)-1]
}

// run returns the run with that id.
func (d *dataset) run(id string) (*checkpoint.RunState, error) {
	var ids []string
	for _, r := range d.Runs() {
		if r.RunID == id {
			return &r, nil
		}
		ids = append(ids, r.RunID)
	}
	hint := didYouMean(id, "", ids)
	if hint == "" {
		hint = "chatferry status names the last one"
	}
	return nil, usage(hint, "the dataset at %s has no run %q", d.root, id)
}

// The states of a Stream in a result.
const (
	stateWaiting = "waiting"
	stateReading = "reading"
	stateDone    = "done"
)

// account fills in what the logs say: the books of every Stream, the tables, what was excluded, and the doubts.
func (d *dataset) account(r *result) error {
	books, tables, err := d.Books()
	if err != nil {
		return err
	}
	r.Streams, r.Tables = map[chatferry.Stream]streamResult{}, map[chatferry.Table]tableResult{}
	r.Excluded = map[string]int64{}
	for name, b := range books {
		r.Streams[name] = streamResult{
			Read: b.Read.N, Loaded: b.Loaded.N, Quarantined: b.Quarantined.N, Excluded: b.ExcludedTotal().N,
			Superseded: b.Superseded.N, State: stateDone,
		}
		for reason, n := range b.Excluded {
			r.Excluded[reason] += n.N
		}
	}
	begun := map[chatferry.Stream]bool{}
	var throttled int64
	for i := range d.Shards {
		s := &d.Shards[i]
		name := s.Shard.Stream
		c := r.Streams[name]
		c.BytesRead += s.StoredBytes
		if s.Done || s.Parts > 0 {
			begun[name] = true
		}
		if !s.Done {
			c.State = stateWaiting
		}
		for _, p := range s.Commits {
			if p.Reopened {
				continue
			}
			r.Doubts = append(r.Doubts, p.Doubts...)
			c.Absent += int64(len(p.Absent))
			r.Requests += p.Requests
			throttled += p.ThrottledMS
		}
		r.Streams[name] = c
	}
	r.ThrottledS = float64(throttled) / 1000
	for name, c := range r.Streams {
		if c.State == stateWaiting && begun[name] {
			c.State = stateReading
			r.Streams[name] = c
		}
	}
	if last := d.last(); last != nil && last.Done != nil {
		r.Watermark = last.Done.Watermark
		for name, why := range last.Done.Unavailable {
			r.notGiven(name, why)
		}
	}
	for name, n := range tables {
		r.Tables[name] = tableResult{Rows: n.Rows, Files: n.Files, BytesWritten: n.Bytes}
	}
	return nil
}

// quarantinedTotal and readTotal sum over all Streams.
func (r *result) quarantinedTotal() (n int64) {
	for _, s := range r.Streams {
		n += s.Quarantined
	}
	return n
}

func (r *result) readTotal() (n int64) {
	for _, s := range r.Streams {
		n += s.Read
	}
	return n
}

// shown is whether a committed file can be seen under its name. A file is published right after its commit, so only the
// last ones of a run that was killed there are committed and not seen.
func (d *dataset) shown(ctx context.Context, f *checkpoint.InventoryFile) (bool, error) {
	if f.Published {
		return true, nil
	}
	_, err := d.size(ctx, f.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// bare is the cause in an error that names a path which the sentence around it names already.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
