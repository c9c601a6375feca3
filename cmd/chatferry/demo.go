package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/cmd/chatferry/progress"
	"chatferry/extract/rehearsal"
)

// demoOptions say what account the demo makes.
type demoOptions struct {
	chats, seed count
	dir         string
}

const (
	demoChats = 2000
	mostChats = 100_000_000
	// demoAgain is the share of chats that the dump holds twice, as they were and as they are.
	demoAgain = 0.01
)

func newDemoCommand(a *app) *cobra.Command {
	o := demoOptions{chats: demoChats, seed: 1, dir: "chatferry-demo"}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Make a legacy account, carry it over, and explain what happened",
		Long: "Make a seeded, realistic legacy account in a folder, carry it over into a dataset, and compare the result with " +
			"what the account is known to hold. Among its records are some that must not arrive: Zendesk Message " +
			"conversations, which are excluded, and broken ones, which go to quarantine.",
		Example: `  chatferry demo
  chatferry demo --chats 100000 --dir /tmp/demo`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := resolve(a.environment, cmd.Flags(), nil)
			if err != nil {
				return err
			}
			if o.chats > mostChats {
				return usage("", "--chats: the most is %s", progress.Count(mostChats))
			}
			return a.demo(cmd.Context(), s, o)
		},
	}
	cmd.Flags().Var(&numberFlag{&o.chats}, "chats", "chats of the account (default "+strconv.Itoa(demoChats)+")")
	cmd.Flags().Var(&numberFlag{&o.seed}, "seed", "another number makes another account (default 1)")
	cmd.Flags().Var(&folderFlag{&o.dir}, "dir", "a new folder for the dump and the dataset (default chatferry-demo)")
	for _, name := range []string{"memory-limit", "lanes", "min-free", "progress", "json"} {
		addFlag(cmd.Flags(), name)
	}
	return cmd
}

// folderFlag is a flag of one verb whose value is a folder.
type folderFlag struct{ path *string }

// Set implements pflag.Value.
func (f *folderFlag) Set(text string) error {
	path, err := localPath(text)
	*f.path = path
	return err
}

// String implements pflag.Value.
func (f *folderFlag) String() string { return "" }

// Type implements pflag.Value.
func (f *folderFlag) Type() string { return "FOLDER" }

// demo makes the account, carries it over, and compares. It ends well when exactly those records were put aside that
// had to be.
func (a *app) demo(ctx context.Context, s *settings, o demoOptions) error {
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return fmt.Errorf("make %s absolute: %w", o.dir, err)
	}
	entries, err := os.ReadDir(dir)
	switch {
	case len(entries) > 0:
		return usage("name a new folder with --dir", "%s is not empty", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "list", Place: dir, Err: bare(err), Hint: "name a new folder with --dir"}
	}
	dumpDir, root := filepath.Join(dir, "dump"), filepath.Join(dir, "data")
	account := rehearsal.New(rehearsal.Options{Seed: uint64(o.seed), Chats: int64(o.chats), Duplicates: demoAgain})
	talk := !bool(s.JSON)
	if talk {
		fmt.Fprintf(a.stdout, "Making a legacy account of %s chats\n", progress.Count(int64(o.chats)))
	}
	made, err := account.WriteDump(ctx, dumpDir, account.Demo())
	if err != nil {
		return err
	}
	if talk {
		fmt.Fprintf(a.stdout, "Made it: %s records in %d files, %s, in %s\n\nNow: %s\n\n",
			progress.Count(made.Records()), len(made.Files), progress.Bytes(made.Bytes()), dumpDir,
			a.command("run", "--from", dumpDir, "--to", root))
	}

	s.From, s.To = locations{{Path: dumpDir}}, place(root)
	// A small account has every kind of broken record once, which may be more than the share that a run bears.
	s.MaxBadRecords = badLimit{Count: -1, Percent: 100}
	partial := false
	a.verdict = func(err error) error {
		if err != nil && exitCode(err) != exitPartial {
			return err
		}
		partial = err != nil
		return a.compare(ctx, root, &s.Config, made)
	}
	if err := a.carry(ctx, "demo", s); err != nil || !talk {
		return err
	}
	_, err = fmt.Fprint(a.stdout, demoExplains(a.environment, root, partial))
	return printError(err)
}

// compare holds what the logs of the dataset say against what the account is known to hold.
func (a *app) compare(ctx context.Context, root string, c *Config, made *rehearsal.Dump) error {
	d, err := a.openDataset(ctx, root, c)
	if err != nil {
		return err
	}
	books, tables, err := d.Books()
	if err != nil {
		return err
	}
	var wrong []string
	check := func(what string, got, want int64) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%s: %d instead of %d", what, got, want))
		}
	}
	codes := map[chatferry.Stream]map[chatferry.Code]int64{}
	for r, err := range d.rejects(ctx, chatferry.FileQuarantine, rejectFilter{}) {
		if err != nil {
			return err
		}
		if codes[r.Stream] == nil {
			codes[r.Stream] = map[chatferry.Code]int64{}
		}
		codes[r.Stream][r.Code]++
	}
	rows := map[chatferry.Table]int64{}
	for _, stream := range chatferry.Streams() {
		want, got := made.Truth[stream], books[stream]
		if want == nil {
			want = rehearsal.NewTruth()
		}
		check(string(stream)+" read", got.Read.N, want.Read)
		check(string(stream)+" loaded", got.Loaded.N, want.Keys)
		check(string(stream)+" superseded", got.Superseded.N, want.Loaded-want.Keys)
		for code := range chatferry.Codes {
			check(string(stream)+" in quarantine as "+string(code), codes[stream][code], want.Quarantined[code])
		}
		for _, reason := range slices.Sorted(maps.Keys(want.Excluded)) {
			check(string(stream)+" excluded as "+reason, got.Excluded[reason].N, want.Excluded[reason])
		}
		check(string(stream)+" excluded", got.ExcludedTotal().N, want.ExcludedTotal())
		for table, n := range want.Rows {
			rows[table] += n - want.Superseded[table]
		}
	}
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		check("rows of "+string(table), tables[table].Rows, rows[table])
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return chatferry.Errorf(chatferry.KindDiffers, "keep the folder and report this",
		"the dataset is not what the account holds: %s", strings.Join(wrong, "; "))
}

// demoExplains says what the summary above it means, and how to go on.
func demoExplains(e *environment, root string, partial bool) string {
	var b strings.Builder
	para := func(text string) { b.WriteString("\n" + wrap(text, "", helpWidth) + "\n") }
	para("Compared with the account itself: every record is where it belongs, by stream, code and reason.")
	if partial {
		para("The broken records are not lost: they stand in quarantine with their bytes, the place in the dump and the reason. " +
			"A run that puts records there ends with exit code 4, so that somebody looks; this demo expects them and ends with 0.")
	}
	para("Zendesk Message conversations are excluded since the upgrade does not carry them over. Each one is listed in the " +
		"ledger with the evidence; a chat that only looks like one is kept, and flagged in chats.message_suspect.")
	para("Some chats stand in the dump in two versions. The newest one is the row; the older one stands in the ledger, as superseded.")
	para("Kill a run at any instant and run it again, or resume it: the files come out the same, byte for byte.")
	fmt.Fprintf(&b, "\nNext:\n  %s\n  %s\n  %s\n", e.command("status", root), e.command("quarantine", "list", root), e.command("files", root))
	fmt.Fprintf(&b, "\nRead it with DuckDB:\n%s", demoQuery(root))
	return b.String()
}

// demoQuery is a command that reads the chats.
func demoQuery(root string) string {
	files := "'" + strings.ReplaceAll(filepath.Join(root, "tables", "chats", "*.parquet"), "'", "''") + "'"
	sql := strings.Join([]string{
		"SELECT year(timestamp) AS year, count(*) AS chats, count(*) FILTER (rating = 'good') AS rated_good,",
		"    round(avg(response_time_avg), 1) AS seconds_to_answer, round(avg(duration) / 60) AS minutes",
		"  FROM " + files + " WHERE type = 'chat' GROUP BY ALL ORDER BY year",
	}, "\n  ")
	quoted := shellQuote(sql)
	if !strings.ContainsAny(sql, "\"$`\\!") {
		quoted = `"` + sql + `"` // reads better than escaped single quotes
	}
	return "  duckdb -c " + quoted + "\n"
}
