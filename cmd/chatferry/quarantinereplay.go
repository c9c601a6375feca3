package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/repair"
	"chatferry/cmd/chatferry/settle"
)

func newQuarantineReplayCommand(a *app) *cobra.Command {
	var filter rejectFilter
	var rule string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "replay [ROOT]",
		Short: "Convert records in quarantine anew, and load those that can be",
		Long: "Convert records in quarantine of a complete dataset anew: as they are, after a fix of the program, or changed by rules. " +
			"Those that can be converted now are loaded, all at once; of a key that has several rows then, the newest stays. The " +
			"others stay in quarantine and are named. Their place, _raw_sha256 and _source_… columns are those of the record as it was cut; its bytes " +
			"are kept in _chatferry/replayed/ (`quarantine show --replayed`), and the rules in the dataset's log.\n\n" +
			"With --rule, only records that a rule of the file names are meant. The file is YAML or JSON:\n\n" +
			"  rules:\n" +
			"    # all that is given must fit; * is any text; a patch is as in RFC 6902\n" +
			"    - for: {stream: chats, code: missing_key, place: \"chats/2021-*\"}\n" +
			"      patch: [{op: copy, from: /session/id, path: /id}]\n" +
			"    - for: {code: invalid_utf8}\n" +
			"      invalid_utf8: replace        # by U+FFFD\n" +
			"    - for: {code: duplicate_key}\n" +
			"      duplicate_keys: last         # or first\n" +
			"    - for: {code: too_deep}\n" +
			"      to_extra: [/session/custom]  # the text goes to _extra, the column is null\n" +
			"    - for: {code: syntax}\n" +
			"      text: [{old: NaN, new: \"null\"}]\n" +
			"    - for: {code: truncated}\n" +
			"      append: \"}\"\n" +
			"    - for: {code: csv_row}         # with text, for the row itself\n" +
			"      csv_header: \"Date,Chats\"     # which is not kept\n\n" +
			"A rule that fits no record, or cannot be applied to one that it fits, is an error, and nothing is changed. The exit code is 4 as " +
			"long as anything is in quarantine.\n\nKilled anywhere, it is done again by the same command, or brought to its end by the next run.",
		Example: `  chatferry quarantine replay /data/acme --dry-run
  chatferry quarantine replay /data/acme --code duplicate_key --rule rules.yaml`,
		Args: takes("[ROOT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := newReplay(filter, rule)
			if err != nil {
				return err
			}
			if dryRun {
				return a.replayDry(cmd, args, r)
			}
			s, err := a.resumeSettings(cmd, args)
			if err != nil {
				return err
			}
			a.warnUnknownVariables()
			return a.carryFrom(cmd.Context(), "quarantine replay", s, func(_ context.Context, c *carriage) (supply, error) {
				c.replay = r
				return &atRest{c: c}, nil
			})
		},
	}
	filter.flags(cmd)
	cmd.Flags().Var(&wordFlag{put: addTo(&filter.places), kind: "PLACE"}, "place", "only the record there, as `quarantine list` names it; may be given several times")
	cmd.Flags().StringVar(&rule, "rule", "", "change the records by the rules in this file")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be loaded, and change nothing")
	addFlags(cmd.Flags(), []string{
		"tickets", "memory-limit", "keep-retired", "deadline", "min-free", "take-over", "progress", "json",
		"s3-encryption", "s3-kms-key", "s3-storage-class", "single-writer", "tmp-dir",
	})
	addFlags(cmd.Flags(), placeFlags)
	return cmd
}

// replay is a replay of records in quarantine, as it was asked for.
type replay struct {
	settle.Replay
	rules   *repair.Rules   // nil: the records are converted as they are
	name    string          // of their file
	outlook *settle.Outlook // nil: it is not known yet
}

// newReplay reads the file of rules.
func newReplay(filter rejectFilter, file string) (*replay, error) {
	r := &replay{Replay: settle.Replay{Meant: filter.meets}}
	if file == "" {
		return r, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("name a file of rules with --rule", "read the rules: %w", err)
	}
	if r.rules, err = repair.Parse(text); err != nil {
		return nil, usage("`chatferry quarantine replay --help` shows how rules are written", "%s: %w", file, err)
	}
	r.name = strings.ToValidUTF8(filepath.Base(file), "\ufffd")
	r.Rule = &checkpoint.Rule{Name: r.name, SHA256: r.rules.SHA256, Text: r.rules.Text}
	r.Meant = func(reject *chatferry.Reject) bool { return filter.meets(reject) && r.rules.Match(reject) }
	r.Repair = func(reject *chatferry.Reject) (raw, header []byte, err error) {
		if raw, header, err = r.rules.Apply(reject); err != nil {
			err = r.refuse(err)
		}
		return raw, header, err
	}
	return r, nil
}

func (r *replay) refuse(err error) error {
	return usage("nothing was changed; correct the rule, or narrow what it is for", "%s: %w", r.name, err)
}

// look finds out what the replay will do. The same rules may have done their work before a kill.
func (r *replay) look(ctx context.Context, d *checkpoint.Dataset, t *target) (err error) {
	if r.outlook, err = r.Look(ctx, d, t.store); err != nil || r.rules == nil {
		return err
	}
	for _, was := range d.Replaces() {
		if was.Rule != nil && was.Rule.SHA256 == r.rules.SHA256 && !was.Undone {
			return nil
		}
	}
	if err := r.rules.Unused(); err != nil {
		return r.refuse(err)
	}
	return nil
}

// run carries the replay out, once the run owns the dataset. What was in progress when the run began is done by then, and
// what is left for this replay may be less.
func (r *replay) run(ctx context.Context, c *carriage, run *checkpoint.Run) error {
	defer c.tracker.SetState("")
	if all := c.before.Replaces(); len(all) > 0 && !all[len(all)-1].Done {
		d, err := c.t.mustLoad(ctx)
		if err == nil {
			r.outlook, err = r.Look(ctx, d, c.t.store)
		}
		if err != nil {
			return err
		}
	}
	report, err := r.Run(ctx, c.settleOptions(run))
	if err != nil {
		return fmt.Errorf("quarantine replay: %w", err)
	}
	c.log.Info("replayed", "records", report.Replayed, "took", report.Elapsed)
	return nil
}

// replayDry tells what a replay would do.
func (a *app) replayDry(cmd *cobra.Command, args []string, r *replay) error {
	s, d, err := a.openForReading(cmd, args)
	if err != nil {
		return err
	}
	if err := r.look(cmd.Context(), d.Dataset, d.target); err != nil {
		return err
	}
	out := r.result()
	out.DryRun = true
	if s.JSON {
		return a.printJSON(struct {
			Command string        `json:"command"`
			OK      bool          `json:"ok"`
			Root    string        `json:"root"`
			Replay  *replayResult `json:"replay"`
		}{"quarantine replay", true, d.root, out})
	}
	var b strings.Builder
	out.write(&b)
	_, err = a.stdout.Write([]byte(strings.TrimPrefix(b.String(), "\n")))
	return printError(err)
}

// replayedOf counts the records of each Shard that left the quarantine.
func replayedOf(d *checkpoint.Dataset) map[chatferry.ShardID]int64 {
	out := map[chatferry.ShardID]int64{}
	if d == nil {
		return out
	}
	for _, r := range d.Replaces() {
		for _, m := range r.Moves {
			if m.From == checkpoint.Quarantined && r.Done {
				out[m.Shard] += m.N
			}
		}
	}
	return out
}
