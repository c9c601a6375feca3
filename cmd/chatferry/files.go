package main

import (
	"bufio"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/checkpoint"
)

func newFilesCommand(a *app) *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "files [ROOT]",
		Short: "List the files that a dataset consists of",
		Long: "List the files that a dataset consists of at this instant, one path a line: the tables, the ledger and the " +
			"quarantine. What is not listed does not belong to the dataset.\n\n" +
			"With --since RUN, list what later runs added, behind a +, and what they retired, behind a -.",
		Example: `  chatferry files /data/acme
  chatferry files /data/acme --json
  chatferry files /data/acme --since 20260301T020000Z-6f2c81d0`,
		Args: takes("[ROOT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, d, err := a.openForReading(cmd, args)
			if err != nil {
				return err
			}
			list, err := d.files(cmd.Context(), since)
			if err != nil {
				return err
			}
			if s.JSON {
				return a.printJSON(list)
			}
			return a.printFiles(list)
		},
	}
	cmd.Flags().Var(&runFlag{&since}, "since", "only what was added and retired by runs after this one")
	addFlag(cmd.Flags(), "json")
	addFlags(cmd.Flags(), placeFlags)
	return cmd
}

// runFlag is a flag whose value is the id of a run.
type runFlag struct{ id *string }

func (f *runFlag) Set(text string) error {
	if text == "" {
		return fmt.Errorf("the id of a run is empty")
	}
	*f.id = text
	return nil
}
func (f *runFlag) String() string { return "" }
func (f *runFlag) Type() string   { return "RUN" }

// fileList is the answer of `files`.
type fileList struct {
	Command string       `json:"command"`
	OK      bool         `json:"ok"`
	Root    string       `json:"root"`
	Dataset string       `json:"dataset"`
	Since   string       `json:"since,omitempty"`
	Files   []listedFile `json:"files"`
	Retired []string     `json:"retired"`
}

// listedFile is one file of a dataset.
type listedFile struct {
	Path   string             `json:"path"` // below the root, with forward slashes
	Kind   chatferry.FileKind `json:"kind"`
	Table  chatferry.Table    `json:"table,omitempty"`
	Stream chatferry.Stream   `json:"stream,omitempty"`
	Shard  chatferry.ShardID  `json:"shard"`
	Seq    uint64             `json:"seq"`
	Run    string             `json:"run"` // that added it
	Rows   int64              `json:"rows"`
	Size   int64              `json:"size"`
	SHA256 chatferry.SHA256   `json:"sha256"`
}

// files lists the inventory, or what came to it and left it since a run. A file that is committed but was not published
// before a kill cannot be read yet; it is left out and comes with the next run.
func (d *dataset) files(ctx context.Context, since string) (*fileList, error) {
	list := &fileList{Command: "files", OK: true, Root: d.root, Dataset: d.UUID(), Since: since, Files: []listedFile{}, Retired: []string{}}
	after := uint64(0)
	if since != "" {
		run, err := d.run(since)
		if err != nil {
			return nil, err
		}
		after = run.Epoch
	}
	names := map[uint64]string{}
	for _, r := range d.Runs() {
		names[r.Epoch] = r.RunID
	}
	inventory := d.Inventory()
	for i := range inventory {
		f := &inventory[i]
		if f.Epoch <= after {
			continue
		}
		shown, err := d.shown(ctx, f)
		if err != nil {
			return nil, err
		}
		if shown {
			list.Files = append(list.Files, listed(f, names[f.Epoch]))
		}
	}
	if since != "" {
		list.Retired = append(list.Retired, d.retiredAfter(after)...)
	}
	return list, nil
}

func listed(f *checkpoint.InventoryFile, run string) listedFile {
	return listedFile{
		Path: f.Name, Kind: f.Kind, Table: f.Table, Stream: f.Stream, Shard: f.Shard, Seq: f.Seq, Run: run,
		Rows: f.Rows, Size: f.Size, SHA256: f.SHA256,
	}
}

// retiredAfter names the files that runs after an epoch retired and that were there before.
func (d *dataset) retiredAfter(epoch uint64) []string {
	var names []string
	added := map[string]bool{}
	for i := range d.Shards {
		for _, p := range d.Shards[i].Commits {
			for _, f := range p.Files {
				if p.Epoch > epoch {
					added[f.Name] = true
				}
			}
		}
	}
	for _, r := range d.Replaces() {
		if !r.Done || r.Epoch <= epoch {
			continue
		}
		for _, f := range r.Retire {
			if !added[f.Name] {
				names = append(names, f.Name)
			}
		}
		for _, f := range r.Add {
			added[f.Name] = true
		}
	}
	return names
}

// printFiles prints one path a line. A name that would break the lines is escaped; the program itself makes none.
func (a *app) printFiles(list *fileList) error {
	w := bufio.NewWriter(a.stdout)
	sign := ""
	if list.Since != "" {
		sign = "+ "
	}
	for _, f := range list.Files {
		fmt.Fprintln(w, sign+printable(pathIn(list.Root, f.Path)))
	}
	for _, name := range list.Retired {
		fmt.Fprintln(w, "- "+printable(pathIn(list.Root, name)))
	}
	return printError(w.Flush())
}
