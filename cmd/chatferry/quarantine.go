package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/cmd/chatferry/progress"
)

func newQuarantineCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Look at the records that could not be converted, and convert them anew",
		Example: `  chatferry quarantine list /data/acme
  chatferry quarantine show /data/acme --code truncated
  chatferry quarantine replay /data/acme --rule rules.yaml`,
		Args: unknownVerb,
		RunE: noVerb,
	}
	cmd.AddCommand(newQuarantineListCommand(a), newQuarantineShowCommand(a), newQuarantineReplayCommand(a))
	return cmd
}

func newQuarantineListCommand(a *app) *cobra.Command {
	var filter rejectFilter
	cmd := &cobra.Command{
		Use:   "list [ROOT]",
		Short: "Count the records in quarantine by stream and reason, with some of their places",
		Example: `  chatferry quarantine list /data/acme
  chatferry quarantine list /data/acme --json`,
		Args: takes("[ROOT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, d, err := a.openForReading(cmd, args)
			if err != nil {
				return err
			}
			groups, err := d.rejectGroups(cmd.Context(), filter)
			if err != nil {
				return err
			}
			replayed, err := d.replayed(cmd.Context(), filter)
			if err != nil {
				return err
			}
			if s.JSON {
				return a.printJSON(struct {
					Command  string          `json:"command"`
					OK       bool            `json:"ok"`
					Root     string          `json:"root"`
					Groups   []rejectGroup   `json:"groups"`
					Replayed []replayedGroup `json:"replayed"`
				}{"quarantine list", true, d.root, groups, replayed})
			}
			return a.printGroups(d.root, groups, replayed)
		},
	}
	filter.flags(cmd)
	addFlag(cmd.Flags(), "json")
	addFlags(cmd.Flags(), placeFlags)
	return cmd
}

// openForReading is how every verb begins that reads a dataset.
func (a *app) openForReading(cmd *cobra.Command, args []string) (*settings, *dataset, error) {
	s, err := resolve(a.environment, cmd.Flags(), nil)
	if err != nil {
		return nil, nil, err
	}
	root, err := rootOf(cmd, s, args)
	if err != nil {
		return nil, nil, err
	}
	d, err := a.openDataset(cmd.Context(), root, &s.Config)
	return s, d, err
}

// rejectFilter says which Rejects are meant; what is empty means all.
type rejectFilter struct {
	streams, codes, places []string
}

// flags adds the flags that fill the filter.
func (f *rejectFilter) flags(cmd *cobra.Command) {
	cmd.Flags().Var(&wordFlag{put: addTo(&f.streams), kind: "NAME", of: streamNames()}, "stream", "only this stream; may be given several times")
	cmd.Flags().Var(&wordFlag{put: addTo(&f.codes), kind: "CODE", of: codeNames()}, "code", "only this code, such as truncated; may be given several times")
}

// wordFlag is a flag whose value is one of some words.
type wordFlag struct {
	put  func(word string)
	kind string
	of   []string // nil: any
}

// addTo is the put of a flag that may be given several times.
func addTo(words *[]string) func(string) {
	return func(word string) { *words = append(*words, word) }
}

// Set implements pflag.Value.
func (f *wordFlag) Set(text string) error {
	if f.of != nil && !slices.Contains(f.of, text) {
		return fmt.Errorf("%q is not known; %s", text, sentenceOr(didYouMean(text, "", f.of), "it is one of "+strings.Join(f.of, ", ")))
	}
	f.put(text)
	return nil
}

// String implements pflag.Value.
func (f *wordFlag) String() string { return "" }

// Type implements pflag.Value.
func (f *wordFlag) Type() string { return f.kind }

func codeNames() []string {
	var names []string
	for code := range chatferry.Codes {
		names = append(names, string(code))
	}
	slices.Sort(names)
	return names
}

// meets reports whether the filter lets a Reject through.
func (f *rejectFilter) meets(r *chatferry.Reject) bool {
	in := func(words []string, text string) bool { return len(words) == 0 || slices.Contains(words, text) }
	return in(f.streams, string(r.Stream)) && in(f.codes, string(r.Code)) && in(f.places, r.Place)
}

// all reports whether every Reject is meant.
func (f *rejectFilter) all() bool { return len(f.streams)+len(f.codes)+len(f.places) == 0 }

// rejects reads the Rejects of the dataset that the filter lets through, in the order of their files: those in quarantine, or
// those that left it. An error ends the iteration.
func (d *dataset) rejects(ctx context.Context, kind chatferry.FileKind, filter rejectFilter) iter.Seq2[*chatferry.Reject, error] {
	return func(yield func(*chatferry.Reject, error) bool) {
		enough := errors.New("enough")
		err := eachReject(ctx, d.target, d.Dataset, kind, func(r *chatferry.Reject) error {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case filter.meets(r) && !yield(r, nil):
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			yield(nil, err)
		}
	}
}

// rejectGroup is the Rejects of one Stream with one code.
type rejectGroup struct {
	Stream      chatferry.Stream `json:"stream"`
	Code        chatferry.Code   `json:"code"`
	Count       int64            `json:"count"`
	Bytes       int64            `json:"bytes"` // of the whole records
	Explanation string           `json:"explanation"`
	Examples    []rejectExample  `json:"examples"`
}

// rejectExample says where a Reject came from, and what exactly was wrong with it.
type rejectExample struct {
	Place  string `json:"place"`
	Reason string `json:"reason"`
}

// mostExamples is how many places a group names.
const mostExamples = 3

func (d *dataset) rejectGroups(ctx context.Context, filter rejectFilter) ([]rejectGroup, error) {
	type key struct {
		stream chatferry.Stream
		code   chatferry.Code
	}
	by := map[key]*rejectGroup{}
	for r, err := range d.rejects(ctx, chatferry.FileQuarantine, filter) {
		if err != nil {
			return nil, err
		}
		k := key{r.Stream, r.Code}
		g := by[k]
		if g == nil {
			g = &rejectGroup{Stream: r.Stream, Code: r.Code, Explanation: chatferry.Codes[r.Code], Examples: []rejectExample{}}
			by[k] = g
		}
		g.Count++
		g.Bytes += r.RawLen
		if len(g.Examples) < mostExamples {
			g.Examples = append(g.Examples, rejectExample{r.Place, r.Reason})
		}
	}
	groups := []rejectGroup{}
	order := chatferry.Streams()
	keys := slices.SortedFunc(maps.Keys(by), func(a, b key) int {
		if c := slices.Index(order, a.stream) - slices.Index(order, b.stream); c != 0 {
			return c
		}
		return strings.Compare(string(a.code), string(b.code))
	})
	for _, k := range keys {
		groups = append(groups, *by[k])
	}
	return groups, nil
}

func (a *app) printGroups(root string, groups []rejectGroup, replayed []replayedGroup) error {
	var b strings.Builder
	if len(groups) == 0 {
		b.WriteString("nothing is in quarantine\n")
	}
	for i, g := range groups {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s, %s: %s, %s in all; a record that %s\n", g.Stream, g.Code, countOf(g.Count, "record"), progress.Bytes(g.Bytes), g.Explanation)
		for _, e := range g.Examples {
			fmt.Fprintf(&b, "  %s  %s\n", printable(e.Place), printable(e.Reason))
		}
		if more := g.Count - int64(len(g.Examples)); more > 0 {
			fmt.Fprintf(&b, "  and %s more\n", progress.Count(more))
		}
	}
	if len(groups) > 0 {
		first := groups[0]
		fmt.Fprintf(&b, "\nTo see the bytes of one:\n  %s\n", a.command("quarantine", "show", root, first.Examples[0].Place))
		fmt.Fprintf(&b, "To convert them anew, after a fix of the program or by rules:\n  %s\n", a.command("quarantine", "replay", root, "--dry-run"))
	}
	if len(replayed) > 0 {
		b.WriteString("\nOut of quarantine by now:\n")
	}
	for _, g := range replayed {
		fmt.Fprintf(&b, "  %s, %s: %s, %s\n", g.Stream, g.Code, countOf(g.Count, "record"), g.how())
	}
	_, err := io.WriteString(a.stdout, b.String())
	return printError(err)
}
