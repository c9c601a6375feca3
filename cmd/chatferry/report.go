package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/report"
)

// reportOptions say what a report holds, and where it goes.
type reportOptions struct {
	out, format string
	quick       bool
}

// reportFormats are the forms of a report.
var reportFormats = []string{"html", "markdown", "json"}

func newReportCommand(a *app) *cobra.Command {
	o := reportOptions{format: reportFormats[0]}
	cmd := &cobra.Command{
		Use:   "report [ROOT]",
		Short: "Make a page that tells what became of a migration, and whether everything is there",
		Long: "Make a page that tells what became of a migration, and whether everything is there: the verdict, the books of " +
			"every stream, what was put aside and why, the chats of each month, how fast it went and what held it up, every run, and " +
			"every table.\n\n" +
			"The page is one HTML file that stands alone and loads nothing; it can be mailed, archived and printed. It holds names, " +
			"codes, counts and times, and no value of any record. A run that works meanwhile is not disturbed.\n\n" +
			"The exit code is 0 if the report was made, whatever its verdict.",
		Example: `  chatferry report /data/acme --out acme.html
  chatferry report s3://bucket/acme --out acme.html
  chatferry report /data/acme --format markdown
  chatferry report /data/acme --format json --quick`,
		Args: takes("[ROOT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, d, err := a.openForReading(cmd, args)
			if err != nil {
				return err
			}
			r, err := a.report(cmd.Context(), d, &s.Config, o.quick)
			if err != nil {
				return err
			}
			return a.writeReport(r, o)
		},
	}
	f := cmd.Flags()
	f.Var(&plainFlag{&o.out, "FILE"}, "out", "write it there, in place of what was there; else to stdout")
	f.Var(&wordFlag{put: func(word string) { o.format = word }, kind: "html|markdown|json", of: reportFormats}, "format", "the form of the report (default html)")
	f.BoolVar(&o.quick, "quick", false, "read the logs and the quarantine alone: do not count the chats of each month, and do not look whether every file is there")
	addFlags(f, placeFlags)
	return cmd
}

// reportTries bounds how often a report begins again because a live run took files away that it was about to look at.
const reportTries = 5

// report makes the report of a dataset.
func (a *app) report(ctx context.Context, d *dataset, c *Config, quick bool) (*report.Report, error) {
	for try := 1; ; try++ {
		r, err := a.reportOnce(ctx, d, quick)
		gone := errors.Is(err, fs.ErrNotExist) || err == nil && r.Verdict.Level == report.Differs
		if !gone || try == reportTries {
			return r, err
		}
		later, lerr := a.openDataset(ctx, d.root, c)
		if lerr != nil || later.Records() == d.Records() {
			return r, errors.Join(err, lerr)
		}
		d = later
	}
}

func (a *app) reportOnce(ctx context.Context, d *dataset, quick bool) (*report.Report, error) {
	facts, err := a.reportFacts(ctx, d, quick)
	if err != nil {
		return nil, err
	}
	r, err := report.New(d.Dataset, facts)
	if err != nil || quick || r.Verdict.Level == report.Differs {
		return r, err
	}
	return r, r.CountMonths(ctx, d.Dataset, d.store, func(f *checkpoint.InventoryFile) (bool, error) { return d.shown(ctx, f) })
}

// reportFacts gathers what the report needs beside the logs.
func (a *app) reportFacts(ctx context.Context, d *dataset, quick bool) (*report.Facts, error) {
	st, err := a.status(ctx, d)
	if err != nil {
		return nil, err
	}
	f := &report.Facts{
		Root: printable(d.root), Version: programVersion().Version, Now: a.now(), State: report.State(st.State),
		Resume: st.ResumeCommand, Rejects: st.QuarantineCommand,
		Outcome: outcomeMeaning, Reason: explainExclusion, Escape: printable, Differs: closeBooks(d.Dataset),
	}
	last := d.last()
	if last != nil {
		for _, place := range strings.Split(last.Source, "\n") {
			f.Sources = append(f.Sources, printable(redactURI(place)))
		}
		f.Ended = last.DoneAt
		if f.Allowed, err = allowedBy(last); err != nil {
			return nil, err
		}
		if last.Done != nil && st.State == statusDone {
			for name := range last.Done.Unavailable {
				if !f.Allowed(name) { // its Shard is not done, and it may be given later
					f.Resume = a.resumeCommand(d.root, exitTemporary, 0, 0)
				}
			}
		}
	}
	switch {
	case st.State == statusWorking:
		f.Ended = f.Now
	case st.State == statusBroken && st.Run.LastSign != nil:
		f.Ended = *st.Run.LastSign
	}
	if !quick && st.State != statusWorking {
		if err := d.present(ctx, d.Dataset); chatferry.KindOf(err) == chatferry.KindDiffers {
			f.Differs = errors.Join(f.Differs, err)
		} else if err != nil {
			return nil, err
		}
		f.Checked = f.Differs == nil
	}
	if f.Certificate, err = d.certificateLine(ctx); err != nil {
		return nil, err
	}
	groups, err := d.rejectGroups(ctx, rejectFilter{})
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		f.Quarantine = append(f.Quarantine, report.Quarantined{Stream: g.Stream, Code: g.Code, Count: g.Count, Bytes: g.Bytes, Why: g.Explanation})
	}
	return f, nil
}

// allowedBy tells which Streams a run allowed to be missing or forbidden.
func allowedBy(run *checkpoint.RunState) (func(chatferry.Stream) bool, error) {
	var allowed streamSet
	if names := run.Operation["allow-missing"]; names != "" {
		if err := allowed.Set(names); err != nil {
			return nil, fmt.Errorf("the run %s: %w", run.RunID, err)
		}
	}
	return allowed.has, nil
}

// writeReport writes the report to stdout, or into a file.
func (a *app) writeReport(r *report.Report, o reportOptions) error {
	var text bytes.Buffer
	var err error
	switch o.format {
	case "markdown":
		err = r.Markdown(&text)
	case "json":
		var data []byte
		data, err = indented(struct {
			Command string `json:"command"`
			OK      bool   `json:"ok"`
			*report.Report
		}{"report", true, r})
		text.Write(data)
	default:
		err = r.HTML(&text)
	}
	if err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	if o.out == "" {
		_, err = a.stdout.Write(text.Bytes())
		return printError(err)
	}
	if err := os.WriteFile(o.out, text.Bytes(), 0o600); err != nil {
		return &chatferry.Error{
			Kind: chatferry.KindEnvironment, Op: "write the report", Place: o.out, Err: bare(err), Hint: "name a file that this user may write with --out",
		}
	}
	return nil
}
