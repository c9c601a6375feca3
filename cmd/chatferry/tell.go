package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"

	"chatferry"
	"chatferry/cmd/chatferry/progress"
)

// progressKind is --progress, with auto decided.
func (a *app) progressKind(s *settings) string {
	switch kind := s.Progress.String(); {
	case kind != "auto":
		return kind
	case a.isTerminal(a.stderr):
		return "bar"
	}
	return "log"
}

// newView returns what shows the progress.
func (a *app) newView(s *settings) progress.View {
	switch a.progressKind(s) {
	case "bar":
		return progress.NewBar(a.stderr, progress.Look{Color: a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"}, a.size)
	case "json":
		return progress.NewJSON(a.stderr)
	case "none":
		return progress.Silent{W: a.stderr}
	}
	return progress.NewLines(a.stderr)
}

// newLogger writes where the progress is drawn, without tearing it.
func (a *app) newLogger(s *settings, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel.String())); err != nil {
		level = slog.LevelWarn // Validate admits no other words
	}
	o := &slog.HandlerOptions{Level: level}
	if s.LogFormat.String() == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// tell ends the progress and prints what became of the run. It returns the error that decides the exit code.
func (c *carriage) tell(runner *progress.Runner, found []chatferry.Doubt, err error) error {
	// The result is read from the logs, so that it holds for whatever happened above. What was cancelled may still be
	// told.
	after, lerr := c.t.load(context.Background())
	if lerr != nil {
		err = errors.Join(err, lerr)
	}
	r := &result{Command: c.command, RunID: c.runID, Root: c.t.root, ElapsedS: seconds(c.now().Sub(c.begun)), Doubts: found}
	if after != nil {
		d := &dataset{target: c.t, Dataset: after}
		err = errors.Join(err, d.account(r), r.countQuarantine(context.Background(), c.t, after))
		for name, why := range c.absent {
			r.notGiven(name, why.Why)
		}
		if err == nil {
			err = c.aside.partial()
		}
		if c.verdict != nil {
			err = c.verdict(err)
		}
	}
	r.Identities = identitiesOf(c.found)
	r.Ignored = c.from.passedOver()
	r.ExitCode, _ = gravest(err)
	if err == nil {
		r.ExitCode = exitDone
	}
	r.OK = err == nil
	if c.replay != nil && (r.ExitCode == exitDone || r.ExitCode == exitPartial) {
		r.Replay = c.replay.result() // else it may not have come about
	}
	r.Trial = c.Limit > 0
	r.Error = resultErrorOf(err)
	r.QuarantineCommand = c.environment.command("quarantine", "list", c.t.root)
	if c.planned {
		r.ResumeCommand = c.resumeCommand(c.t.root, r.ExitCode, r.readTotal(), r.quarantinedTotal())
		if r.ExitCode == exitPartial && c.aside.absent != "" {
			// The streams may be given later: their Shards are not done, and everything else is.
			r.ResumeCommand = c.resumeCommand(c.t.root, exitTemporary, 0, 0)
		}
	}
	c.tellPhase(r, wrote(c.before, after, c.carries))
	if after != nil {
		c.holdAgainst(&dataset{c.t, after}, r)
	}
	end := progress.End{ExitCode: r.ExitCode, Outcome: outcomeName(r.ExitCode)}
	if r.Error != nil {
		end.Message = r.Error.Message
	}
	runner.Finish(end)
	c.told = r
	if c.JSON {
		return errors.Join(err, c.printResult(r))
	}
	return errors.Join(err, writeSummary(c.stdout, r))
}

// partial returns the error of a run that came to its end and put something aside.
func (e exceptions) partial() error {
	var what []string
	switch {
	case e.quarantined > 0 && e.replayed:
		what = append(what, "in quarantine there "+isOrAre(e.quarantined)+" still "+countOf(e.quarantined, "record"))
	case e.quarantined > 0:
		what = append(what, countOf(e.quarantined, "record")+" went to quarantine")
	}
	if e.doubts > 0 {
		what = append(what, countOf(e.doubts, "part")+" of the source may be damaged or incomplete")
	}
	for _, text := range []string{e.absent, e.unproven} {
		if text != "" {
			what = append(what, text)
		}
	}
	if len(what) == 0 {
		return nil
	}
	return &partialError{strings.Join(what, ", and ")}
}
