package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/progress"
	"chatferry/cmd/chatferry/settle"
)

// replayResult is what became of the records that were meant.
type replayResult struct {
	DryRun   bool              `json:"dry_run,omitempty"`
	Rule     string            `json:"rule,omitempty"` // the file of rules
	SHA256   *chatferry.SHA256 `json:"rule_sha256,omitempty"`
	Meant    int64             `json:"meant"`
	Loaded   int64             `json:"loaded"`
	Excluded int64             `json:"excluded"`
	Stay     int64             `json:"stay"`
	Staying  []settle.Staying  `json:"staying"` // the first 1,000 of them
	Waiting  int64             `json:"waiting"` // of streams that are not read to their end
}

func (r *replay) result() *replayResult {
	o := r.outlook
	out := &replayResult{
		Meant: o.Meant, Loaded: o.Loaded, Excluded: o.Excluded, Stay: o.Stay, Waiting: o.Waiting,
		Staying: append([]settle.Staying{}, o.Staying...),
	}
	if r.rules != nil {
		out.Rule, out.SHA256 = r.name, &r.rules.SHA256
	}
	return out
}

// mostStaying is how many records that stay a summary names.
const mostStaying = 20

// write tells a person.
func (r *replayResult) write(b *strings.Builder) {
	by := ""
	if r.Rule != "" {
		by = " by the rules of " + printable(r.Rule)
	}
	verb := "Replayed"
	if r.DryRun {
		verb = "Would replay"
	}
	fmt.Fprintf(b, "\n%s %s%s: %s loaded, %s excluded, %s in quarantine.\n", verb, countOf(r.Meant, "record"), by,
		progress.Count(r.Loaded), progress.Count(r.Excluded), stay(r.Stay))
	for i, s := range r.Staying {
		if i == mostStaying {
			fmt.Fprintf(b, "  and %s more; --json lists up to 1,000\n", progress.Count(r.Stay-int64(i)))
			break
		}
		fmt.Fprintf(b, "  %s  %s, %s: %s\n", printable(s.Place), s.Stream, s.Code, printable(s.Reason))
	}
	if r.Waiting > 0 {
		fmt.Fprintf(b, "%s of streams that are not read to their end were not looked at; resume first.\n", countOf(r.Waiting, "record"))
	}
}

// stay says how many records stay.
func stay(n int64) string {
	if n == 1 {
		return "1 stays"
	}
	return progress.Count(n) + " stay"
}

// replayedGroup is the records of one Stream with one code that one replay took out of quarantine.
type replayedGroup struct {
	Stream     chatferry.Stream `json:"stream"`
	Code       chatferry.Code   `json:"code"` // for which they were there
	Count      int64            `json:"count"`
	Generation uint64           `json:"generation"` // of the replace
	At         time.Time        `json:"at"`
	Rule       *checkpoint.Rule `json:"rule,omitempty"` // nil: they were converted as they were
}

// how says how the records came out.
func (g *replayedGroup) how() string {
	text := "replayed at " + g.At.UTC().Format(runTimesLayout)
	if g.Rule == nil {
		return text + " as they were"
	}
	return fmt.Sprintf("%s by the rules of %s (SHA-256 %.12s…)", text, printable(g.Rule.Name), g.Rule.SHA256.String())
}

// replayed counts the records that left the quarantine, in the order in which they did.
func (d *dataset) replayed(ctx context.Context, filter rejectFilter) ([]replayedGroup, error) {
	groups := []replayedGroup{}
	replaces := d.Replaces()
	for _, f := range d.Inventory() {
		if f.Kind != chatferry.FileReplayed {
			continue
		}
		err := readRejects(ctx, d.target, f, func(r *chatferry.Reject) error {
			if !filter.meets(r) {
				return nil
			}
			i := slices.IndexFunc(groups, func(g replayedGroup) bool {
				return g.Generation == f.Generation && g.Stream == r.Stream && g.Code == r.Code
			})
			if i < 0 {
				i = len(groups)
				by := &replaces[f.Generation-1]
				groups = append(groups, replayedGroup{Stream: r.Stream, Code: r.Code, Generation: f.Generation, At: by.At, Rule: by.Rule})
			}
			groups[i].Count++
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	order := chatferry.Streams()
	slices.SortStableFunc(groups, func(a, b replayedGroup) int {
		return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(slices.Index(order, a.Stream), slices.Index(order, b.Stream)),
			cmp.Compare(a.Code, b.Code))
	})
	return groups, nil
}
