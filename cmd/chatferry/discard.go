package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/progress"
)

func newDiscardCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "discard ROOT",
		Short: "Remove a dataset, and nothing but what chatferry wrote",
		Long: "Remove a dataset: its tables, quarantine, ledger and logs. Other files in the folder stay and are named. A folder " +
			"that holds no dataset is refused, and so is one that a live run works on. It asks first, or takes --yes.\n\n" +
			"If it is interrupted, the rest cannot be mistaken for a dataset; call it again.",
		Example: `  chatferry discard /data/acme
  chatferry discard /data/acme --yes`,
		Args: takes("ROOT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := resolve(a.environment, cmd.Flags(), nil)
			if err != nil {
				return err
			}
			root, err := rootOf(cmd, s, args)
			if err != nil {
				return err
			}
			return a.discard(cmd.Context(), root, s)
		},
	}
	addFlags(cmd.Flags(), []string{"yes", "take-over", "json"})
	addFlags(cmd.Flags(), placeFlags)
	return cmd
}

const (
	formatFile = checkpoint.Folder + "/FORMAT"
	lockFile   = checkpoint.Folder + "/lock"
)

// ours are the names that chatferry gives, in the order in which they are removed. FORMAT goes first: without it no run
// takes what is left for a dataset. The log of the dataset goes last, its first record at the very end, so that an
// interrupted discard knows its work again.
var ours = []*regexp.Regexp{
	regexp.MustCompile(`^_chatferry/FORMAT$`),
	regexp.MustCompile(`^tables/[a-z_]+/part-(r\d+-\d+|\d{12}-\d{12})\.parquet$`),
	regexp.MustCompile(`^_chatferry/staging/[^/]+\.tmp$`),
	regexp.MustCompile(`^_chatferry/(ledger/(\d{12}|r\d{12})-\d{12}\.parquet|(quarantine/(\d{12}|r\d{12})|replayed/r\d{12})-\d{12}\.ndjson\.zst)$`),
	regexp.MustCompile(`^_chatferry/(certificates/\d{12}|certificate)\.(json|sig)$`),
	regexp.MustCompile(`^_chatferry/(log/[^/]+/|log/|certificates/|keys/)?\.tmp-[^/]+$`),
	regexp.MustCompile(`^_chatferry/probe-[^/]+$`),
	regexp.MustCompile(`^_chatferry/keys/[0-9a-z]+\.(keys|visits|visitors|state)$`),
	regexp.MustCompile(`^_chatferry/packs/(dataset|\d{12})-\d{12}\.zst$`),
	regexp.MustCompile(`^_chatferry/log/\d{12}/\d{12}\.json$`),
	regexp.MustCompile(`^_chatferry/log/dataset/\d{12}\.json$`),
}

// found is what discard found in a root.
type found struct {
	ours   [][]string // by index of ours, each sorted
	others []string
	bytes  int64
	rows   int // data files
}

func (a *app) discard(ctx context.Context, root string, s *settings) error {
	t, err := a.openTarget(ctx, root, &s.Config)
	if err != nil {
		return err
	}
	there, err := look(ctx, t)
	if err != nil {
		return err
	}
	if len(there.ours[0]) == 0 && len(there.ours[len(ours)-1]) == 0 {
		return usage("name the place that was given as --to", "%s is not a dataset of chatferry; nothing was removed", root)
	}
	if err := a.confirm(root, there, bool(s.Yes)); err != nil {
		return err
	}
	lock, err := t.lock(ctx, checkpoint.LockOptions{RunID: "discard", TakeOver: bool(s.TakeOver)})
	if err != nil {
		return err
	}
	// What a run wrote between the look and the lock is gone too.
	if there, err = look(ctx, t); err == nil {
		err = there.remove(ctx, t)
	}
	if err := errors.Join(err, lock.Release()); err != nil {
		return err
	}
	if err := t.eraseLast(ctx); err != nil {
		return err
	}
	return a.tellDiscarded(root, there, bool(s.JSON))
}

// look sorts everything below the root into what is ours and what is not.
func look(ctx context.Context, t *target) (*found, error) {
	f := &found{ours: make([][]string, len(ours))}
	err := t.contents(ctx, func(name string, size int64) {
		i := slices.IndexFunc(ours, func(r *regexp.Regexp) bool { return r.MatchString(name) })
		switch {
		case name == lockFile || name == objectLock:
		case i < 0:
			f.others = append(f.others, name)
		default:
			f.ours[i] = append(f.ours[i], name)
			f.bytes += size
			if i == 1 {
				f.rows++
			}
		}
	})
	return f, err
}

// remove removes what is ours, one kind after the other, each made durable before the next.
func (f *found) remove(ctx context.Context, t *target) error {
	for i, names := range f.ours {
		if i == len(ours)-1 {
			slices.Reverse(names) // the first record last
		}
		if err := t.erase(ctx, names); err != nil {
			return err
		}
	}
	return nil
}

// confirm asks a person, unless --yes was given.
func (a *app) confirm(root string, f *found, yes bool) error {
	if yes {
		return nil
	}
	if !a.isTerminal(a.stdin) {
		return usage("add --yes if that is meant", "nobody is there to be asked whether %s may be removed", root)
	}
	fmt.Fprintf(a.stderr, "This removes the dataset in %s: %s in %d table files. Type yes to go on: ", printable(root), progress.Bytes(f.bytes), f.rows)
	answer, err := bufio.NewReader(a.stdin).ReadString('\n')
	if strings.TrimSpace(answer) != "yes" || err != nil {
		return usage("", "nothing was removed")
	}
	return nil
}

func (a *app) tellDiscarded(root string, f *found, asJSON bool) error {
	slices.Sort(f.others)
	if f.others == nil {
		f.others = []string{}
	}
	removed := 0
	for _, names := range f.ours {
		removed += len(names)
	}
	if asJSON {
		return a.printJSON(struct {
			Command string   `json:"command"`
			OK      bool     `json:"ok"`
			Root    string   `json:"root"`
			Files   int      `json:"files"`
			Bytes   int64    `json:"bytes"`
			Kept    []string `json:"kept"`
		}{"discard", true, root, removed, f.bytes, f.others})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "removed %s files, %s, from %s\n", progress.Count(int64(removed)), progress.Bytes(f.bytes), printable(root))
	for _, name := range f.others {
		fmt.Fprintf(&b, "kept %s, which chatferry did not write\n", printable(name))
	}
	_, err := a.stdout.Write([]byte(b.String()))
	return printError(err)
}
