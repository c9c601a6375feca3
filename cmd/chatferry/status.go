package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/progress"
)

func newStatusCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [ROOT]",
		Short: "Say how far a dataset is and whether a run works on it",
		Long: "Say how far a dataset is and whether a run works on it. The logs are read and checked as a whole, nothing is " +
			"changed, and a run that works meanwhile is not disturbed.\n\n" +
			"The exit code is 0 if the logs are sound, whatever became of the last run; its own exit code is in the answer.",
		Example: `  chatferry status /data/acme
  chatferry status /data/acme --json`,
		Args: takes("[ROOT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, d, err := a.openForReading(cmd, args)
			if err != nil {
				return err
			}
			st, err := a.status(cmd.Context(), d)
			if err != nil {
				return err
			}
			if s.JSON {
				return a.printJSON(st)
			}
			return st.write(a.stdout)
		},
	}
	addFlag(cmd.Flags(), "json")
	addFlags(cmd.Flags(), placeFlags)
	return cmd
}

// The states of a dataset.
const (
	statusEmpty    = "empty"   // no run was begun
	statusWorking  = "working" // a run holds the lock
	statusDone     = "done"    // everything that was planned is committed
	statusEnded    = "ended"   // the last run ended in good order, before everything was done
	statusBroken   = "died"    // the last run did not end, and nobody holds the lock
	runTimesLayout = "2006-01-02 15:04:05Z07:00"
)

// status is what the logs of a dataset say.
type status struct {
	result
	Dataset string         `json:"dataset"` // its UUID
	State   string         `json:"state"`
	Run     *runStatus     `json:"run,omitempty"` // the last one
	Runs    int            `json:"runs"`
	Work    []streamStatus `json:"work"`
}

// runStatus describes a run.
type runStatus struct {
	ID         string     `json:"id"`
	Tool       string     `json:"tool"`
	Host       string     `json:"host"`
	PID        int        `json:"pid"`
	Source     string     `json:"source"`
	Phase      string     `json:"phase,omitempty"` // all, cutover or backfill
	Begun      time.Time  `json:"begun"`
	Ended      *time.Time `json:"ended,omitempty"`
	ExitCode   *int       `json:"exit_code,omitempty"`
	Verdict    string     `json:"verdict,omitempty"`
	LastSign   *time.Time `json:"last_sign,omitempty"` // of life
	LastCommit *time.Time `json:"last_checkpoint,omitempty"`
}

// streamStatus is how much of a Stream is committed.
type streamStatus struct {
	Stream     chatferry.Stream `json:"stream"`
	Shards     int              `json:"shards"`
	ShardsDone int              `json:"shards_done"`
	Bytes      int64            `json:"bytes"` // stored bytes of the source
	BytesDone  int64            `json:"bytes_done"`
}

func (a *app) status(ctx context.Context, d *dataset) (*status, error) {
	st := &status{Dataset: d.UUID(), Runs: len(d.Runs()), State: statusEmpty, Work: []streamStatus{}}
	st.Command, st.OK = "status", true
	st.Root = d.root
	if err := d.account(&st.result); err != nil {
		return nil, err
	}
	if err := st.countQuarantine(ctx, d.target, d.Dataset); err != nil {
		return nil, err
	}
	st.work(d)
	run := d.last()
	if run == nil {
		return st, nil
	}
	st.RunID = run.RunID
	st.Run = &runStatus{
		ID: run.RunID, Tool: run.Tool, Host: run.Host, PID: run.PID, Source: run.Source, Phase: run.Operation["phase"], Begun: run.Opened,
		LastCommit: lastCommit(d.Shards),
	}
	st.Estimate = d.compareLast(run, &st.result)
	sign, err := d.sign(ctx)
	if err != nil {
		return nil, err
	}
	if sign != nil {
		st.Run.LastSign = &sign.At
	}
	switch {
	case run.Done != nil:
		st.Run.Ended, st.Run.ExitCode, st.Run.Verdict = &run.DoneAt, &run.Done.ExitCode, run.Done.Verdict
		st.ElapsedS = seconds(run.DoneAt.Sub(run.Opened))
		st.State = statusEnded
		switch {
		case run.Done.ExitCode != exitDone && run.Done.ExitCode != exitPartial:
			st.ResumeCommand = a.resumeCommand(d.root, run.Done.ExitCode, st.readTotal(), st.quarantinedTotal())
		case run.Operation["phase"] == phaseCutover && st.unfinished(run.Done):
			st.ResumeCommand = a.command("resume", d.root, "--phase", phaseAll)
		default:
			st.State = statusDone
		}
	case sign != nil && sign.Live:
		st.State = statusWorking
		st.ElapsedS = seconds(a.now().Sub(run.Opened))
	default:
		st.State = statusBroken
		st.ResumeCommand = a.resumeCommand(d.root, exitUnexpected, 0, 0)
	}
	if st.quarantinedTotal() > 0 {
		st.QuarantineCommand = a.command("quarantine", "list", d.root)
	}
	return st, nil
}

// unfinished reports whether a Stream that the source gives is not read to its end.
func (st *status) unfinished(done *checkpoint.RunDone) bool {
	for _, w := range st.Work {
		if w.ShardsDone < w.Shards && done.Unavailable[w.Stream] == "" {
			return true
		}
	}
	return false
}

// work adds up the Shards of each Stream.
func (st *status) work(d *dataset) {
	by := map[chatferry.Stream]*streamStatus{}
	for i := range d.Shards {
		s := &d.Shards[i]
		w := by[s.Shard.Stream]
		if w == nil {
			w = &streamStatus{Stream: s.Shard.Stream}
			by[s.Shard.Stream] = w
		}
		w.Shards++
		w.Bytes += s.Shard.Bytes
		if s.Done {
			w.ShardsDone++
			w.BytesDone += s.Shard.Bytes
		} else {
			w.BytesDone += min(s.StoredBytes, s.Shard.Bytes)
		}
	}
	for _, name := range chatferry.Streams() {
		if w := by[name]; w != nil {
			st.Work = append(st.Work, *w)
		}
	}
}

func lastCommit(shards []checkpoint.ShardState) *time.Time {
	var last *time.Time
	for i := range shards {
		for j := range shards[i].Commits {
			if at := &shards[i].Commits[j].At; last == nil || at.After(*last) {
				last = at
			}
		}
	}
	return last
}

// write tells a person.
func (st *status) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", printable(st.Root), st.sentence())
	if st.Run != nil {
		fmt.Fprintf(&b, "dataset %s, run %s, begun %s", st.Dataset, printable(st.Run.ID), st.Run.Begun.UTC().Format(runTimesLayout))
		if st.Run.LastCommit != nil {
			fmt.Fprintf(&b, ", last checkpoint %s", st.Run.LastCommit.UTC().Format(runTimesLayout))
		}
		b.WriteByte('\n')
	}
	if len(st.Work) > 0 {
		b.WriteByte('\n')
		rows := [][]string{{"STREAM", "SHARDS", "COMMITTED", "SHARE"}}
		var done, total int64
		for _, s := range st.Work {
			done, total = done+s.BytesDone, total+s.Bytes
			rows = append(rows, []string{
				string(s.Stream), fmt.Sprintf("%d/%d", s.ShardsDone, s.Shards),
				progress.Bytes(s.BytesDone) + " of " + progress.Bytes(s.Bytes), progress.Share(s.BytesDone, s.Bytes),
			})
		}
		rows = append(rows, []string{"all", "", progress.Bytes(done) + " of " + progress.Bytes(total), progress.Share(done, total)})
		writeColumns(&b, rows, 1, 3)
	}
	writeBooks(&b, &st.result)
	writeTables(&b, &st.result)
	writePutAside(&b, &st.result)
	if st.Estimate != nil {
		writeComparison(&b, st.Estimate)
	}
	if st.ResumeCommand != "" {
		fmt.Fprintf(&b, "\nTo go on:\n  %s\n", st.ResumeCommand)
	}
	_, err := io.WriteString(w, b.String())
	return printError(err)
}

// sentence says in words what the state is.
func (st *status) sentence() string {
	switch st.State {
	case statusEmpty:
		return "empty, no run was begun"
	case statusWorking:
		return fmt.Sprintf("a run works on it (pid %d on %s)", st.Run.PID, printable(st.Run.Host))
	case statusBroken:
		return fmt.Sprintf("the last run (pid %d on %s) was stopped or killed before the end; what it committed stays",
			st.Run.PID, printable(st.Run.Host))
	}
	what := "the last run"
	if phase := st.Run.Phase; phase == phaseCutover || phase == phaseBackfill {
		what += ", of the phase " + phase + ","
	}
	return fmt.Sprintf("%s ended at %s with exit code %d: %s",
		what, st.Run.Ended.UTC().Format(runTimesLayout), *st.Run.ExitCode, outcomeMeaning(*st.Run.ExitCode))
}
