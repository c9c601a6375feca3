package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/checkpoint"
)

func newCompactCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compact [ROOT]",
		Short: "Join the small files of a complete dataset",
		Long: "Settle a complete dataset and join its small files into few, of about 100 MB. A run does so by itself with the tiny ones " +
			"that frequent runs leave, when there are many. The rows stay as they are. The new files are published before the old ones go: whoever globs the tables " +
			"meanwhile may see rows twice, never not at all.\n\n" +
			"With --fill-identities it fills the columns agent_id_upgraded, department_id_upgraded and their like, and the tables " +
			"agent_map and department_map that they come from.\n\nKilled anywhere, it is done again by the same command, or by the next run.",
		Example: `  chatferry compact /data/acme
  chatferry compact /data/acme --keep-retired 1h
  chatferry compact /data/acme --fill-identities --upgraded zendesk://acme
  chatferry compact /data/acme --fill-identities --agent-map agents.csv --department-map groups.csv`,
		Args: takes("[ROOT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.resumeSettings(cmd, args)
			if err != nil {
				return err
			}
			a.warnUnknownVariables()
			s.Settle = true
			s.Phase.word = phaseAll
			return a.carryFrom(cmd.Context(), "compact", s, func(_ context.Context, c *carriage) (supply, error) { return &atRest{c: c}, nil })
		},
	}
	addFlags(cmd.Flags(), []string{
		"memory-limit", "keep-retired", "sign-key-file", "listen", "listen-hosts", "deadline", "min-free", "take-over", "progress", "json",
		"s3-encryption", "s3-kms-key", "s3-storage-class", "single-writer", "tmp-dir",
	})
	addFlags(cmd.Flags(), placeFlags)
	addFlags(cmd.Flags(), identityFlags)
	return cmd
}

// atRest is the source of a run that reads nothing: it works on what the dataset holds.
type atRest struct {
	c    *carriage
	mark string // of the run before
}

// Of the runs behind the last that came to its end, none may have read anything: then they were of this kind too, or did
// no more than one.
func (r *atRest) plan(_ context.Context, already []checkpoint.ShardState, _ chatferry.ShardID, _ *checkpoint.RunState) ([]chatferry.Shard, error) {
	for i := range already {
		s := &already[i]
		last := lastDoneOf(r.c.before, s.Shard.Stream)
		if last == nil {
			return nil, usage("resume it first", "the dataset is not complete")
		}
		why := last.Done.Unavailable[s.Shard.Stream]
		switch {
		case !s.Done && why == "":
			return nil, usage("resume it first", "shard %s of %s is not read to its end", s.Shard.ID, s.Shard.Stream)
		case max(s.Added, s.Epoch) > last.Epoch:
			return nil, usage("resume it first", "what was read last, shard %s of %s, is not settled", s.Shard.ID, s.Shard.Stream)
		case why != "":
			r.c.absent[s.Shard.Stream] = &chatferry.UnavailableError{Stream: s.Shard.Stream, Why: why, Err: errors.New("it was not asked again")}
		}
	}
	if last := lastDoneOf(r.c.before, chatferry.Chats); last != nil {
		r.mark = last.Done.Watermark
	}
	return nil, nil
}

// Open is never called, since every Shard is done or left out.
func (r *atRest) Open(_ context.Context, s *chatferry.Shard, _ chatferry.Position) (chatferry.Reader, error) {
	return nil, usage("resume it first", "shard %s of %s is not read to its end", s.ID, s.Stream)
}

func (r *atRest) more(context.Context, []checkpoint.ShardState, chatferry.ShardID) ([]chatferry.Shard, time.Duration, error) {
	return nil, 0, nil
}

func (r *atRest) standing() standing                               { return standing{} }
func (r *atRest) watermark() string                                { return r.mark }
func (r *atRest) unproven() string                                 { return "" }
func (r *atRest) check(context.Context) ([]chatferry.Doubt, error) { return nil, nil }
func (r *atRest) passedOver() []ignoredFile                        { return nil }
func (r *atRest) close()                                           {}
