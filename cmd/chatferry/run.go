package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"

	"github.com/spf13/cobra"
)

// placeFlags are the options of every verb that looks at a dataset, which may be in a bucket.
var placeFlags = []string{"s3-endpoint", "s3-region", "s3-profile", "s3-path-style", "s3-expected-owner"}

// operationFlags are the options of every verb that carries records.
var operationFlags = []string{
	"phase", "memory-limit", "lanes", "newest-first", "max-bad-records", "settle", "keep-retired", "check-source", "deadline", "estimate", "min-free", "take-over",
	"account-moved",
	"s3-endpoint", "s3-region", "s3-profile", "s3-path-style", "s3-expected-owner", "s3-encryption", "s3-kms-key", "s3-storage-class",
	"single-writer", "tmp-dir",
	"rate", "rate-share", "patience", "overlap", "allow-missing", "token-file", "token-command", "sign-key-file", "listen", "listen-hosts",
	"notify-url", "notify-command", "notify-secret-file", "notify-secret-command",
	"progress", "json",
}

func newRunCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Carry an account or a dump over into a dataset, or go on with one",
		Long: "Carry an account or a dump over into a dataset. An account is zendesk://SUBDOMAIN, or zopim: for one that was made on " +
			"zopim.com, or the URL of its API; it is read with the token of CHATFERRY_TOKEN, --token-file or --token-command. A dump is a " +
			"folder, on a disk or as s3://bucket/prefix, with a folder or files for each stream: chats/, visitors/, agents.json, …; " +
			"plain, .gz or .zst; NDJSON, JSON arrays, saved API pages or CSV. A folder named after a date, 2026-11-28 or " +
			"20261128T0200Z, holds a dump of its own.\n\n" +
			"Run it again with the same --to after it was stopped or killed: it goes on where it was. Files and nights that came to " +
			"the dump are added; a file that changed is refused with exit code 8.",
		Example: `  CHATFERRY_TOKEN=… chatferry run --from zendesk://acme --to /data/acme
  chatferry run --from zopim: --token-file token.json --to /data/acme --rate-share 50%
  chatferry run --from zendesk://acme --to /data/acme --incremental
  chatferry run --from /dumps/acme --to /data/acme
  chatferry run --from /dumps/acme --from chats=/more/chats --to /data/acme --streams chats,agents
  chatferry run --from s3://dumps/acme --to /data/acme --s3-profile archive
  chatferry run --from s3://dumps/acme --to s3://lake/acme
  chatferry run --from /dumps/acme --to /tmp/trial --limit 1000
  chatferry run --from zendesk://acme --to /data/acme --phase cutover --deadline 1h
  chatferry run --from zendesk://acme --to /data/acme --phase backfill --newest-first
  chatferry run --from /dumps/acme --to /data/acme --deadline 55m --progress json --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.willTell(cmd)
			s, err := a.runSettings(cmd)
			if err != nil {
				return err
			}
			a.warnUnknownVariables()
			return a.carry(cmd.Context(), "run", s)
		},
	}
	addFlags(cmd.Flags(), []string{"from", "to", "streams", "since", "until", "fetch", "incremental", "limit", "drop-deleted", "message-suspects", "tickets"})
	addFlags(cmd.Flags(), operationFlags)
	addFlags(cmd.Flags(), identityFlags)
	addFlags(cmd.Flags(), []string{"part-size", "part-records", "shard-size", "page-size", "record-limit"})
	return cmd
}

// runSettings are those of `run`. Where the dataset is there already, it keeps its shape unless the call says otherwise,
// so that the same dataset can be run with and without the flags that it was begun with.
func (a *app) runSettings(cmd *cobra.Command) (*settings, error) {
	s, err := resolve(a.environment, cmd.Flags(), nil)
	switch {
	case err != nil:
		return nil, err
	case s.To == "":
		return nil, usage("for example: "+firstExample(cmd), "%s needs --to, the root of the dataset", cmd.CommandPath())
	case len(s.From) == 0:
		return nil, usage("for example: "+firstExample(cmd), "%s needs --from, the account or the place of the dump", cmd.CommandPath())
	}
	if !isS3(string(s.To)) {
		if _, err := os.Stat(string(s.To)); errors.Is(err, fs.ErrNotExist) {
			return s, nil
		}
	}
	t, err := a.openTarget(cmd.Context(), string(s.To), &s.Config)
	if err != nil {
		return nil, err
	}
	d, err := t.load(cmd.Context())
	if err != nil || d == nil {
		return s, err
	}
	last := (&dataset{t, d}).last()
	if last == nil {
		return s, nil
	}
	shape := maps.Clone(last.Shaping)
	delete(shape, "limit") // a trial run does not silently make the next run one
	shape["tickets"] = last.Operation["tickets"]
	return resolve(a.environment, cmd.Flags(), shape)
}

func newResumeCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resume [ROOT]",
		Short: "Go on with a dataset as its last run was told to",
		Long: "Go on with a dataset where it was stopped or killed. What the last run was told is remembered by the dataset; no " +
			"flag is needed, but the token of an account is. --from is for a dump that was moved: its files must be the same, below the new place.\n\n" +
			"With --incremental, what was read whole before is read again and exchanged where it changed: for a cut-over that is made anew.",
		Example: `  chatferry resume /data/acme
  chatferry resume /data/acme --phase backfill
  chatferry resume /data/acme --from /mnt/new-disk/acme --lanes 4`,
		Args: takes("[ROOT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.willTell(cmd)
			s, err := a.resumeSettings(cmd, args)
			if err != nil {
				return err
			}
			a.warnUnknownVariables()
			return a.carry(cmd.Context(), "resume", s)
		},
	}
	addFlags(cmd.Flags(), []string{"from", "incremental", "tickets"})
	addFlags(cmd.Flags(), operationFlags)
	addFlags(cmd.Flags(), identityFlags)
	return cmd
}

// resumeSettings are those of the dataset's last run, with what this call says over them.
func (a *app) resumeSettings(cmd *cobra.Command, args []string) (*settings, error) {
	s, err := resolve(a.environment, cmd.Flags(), nil)
	if err != nil {
		return nil, err
	}
	root, err := rootOf(cmd, s, args)
	if err != nil {
		return nil, err
	}
	d, err := a.openDataset(cmd.Context(), root, &s.Config)
	if err != nil {
		return nil, err
	}
	last := d.last()
	if last == nil {
		return nil, usage("begin one with chatferry run", "no run was begun in %s", root)
	}
	remembered := map[string]string{"from": last.Source}
	for _, m := range []map[string]string{last.Shaping, last.Scope, last.Operation} {
		maps.Copy(remembered, m)
	}
	if s, err = resolve(a.environment, cmd.Flags(), remembered); err != nil {
		return nil, err
	}
	s.To = place(root)
	s.origin["to"] = "ROOT"
	return s, nil
}
