package main

import (
	"fmt"
	"strings"
	"time"

	"chatferry"
	"chatferry/cmd/chatferry/deep"
	"chatferry/cmd/chatferry/progress"
)

// writeDifferences names what differs from the source.
func (d *deepened) writeDifferences(b *strings.Builder) {
	if len(d.Differences) == 0 {
		return
	}
	b.WriteString("\nDiffers from the source:\n")
	for i := range d.Differences {
		if i == mostFindings {
			fmt.Fprintf(b, "  and %s more; --json lists them\n", progress.Count(int64(len(d.Differences)-i)+d.More))
			break
		}
		fmt.Fprintf(b, "  %-8s %s\n", d.Differences[i].Kind, printable(d.Differences[i].String()))
	}
}

// write tells what was compared.
func (d *deepened) write(b *strings.Builder) {
	fmt.Fprintf(b, "\nCompared with %s in %s:\n", printable(strings.ReplaceAll(d.From, "\n", ", ")), progress.Span(d.took()))
	if d.Account != nil {
		d.writeAccount(b)
		return
	}
	rows := [][]string{{"STREAM", "IN THE SOURCE", "EQUAL", "QUARANTINED", "EXCLUDED", "SUPERSEDED", "MISSING", "EXTRA", "CHANGED"}}
	var all int64
	ruled := d.ruled()
	if ruled > 0 {
		rows[0] = append(rows[0], "BY RULE")
	}
	for _, name := range chatferry.Streams() {
		t, ok := d.Streams[name]
		if !ok {
			continue
		}
		all += t.Source
		row := []string{string(name)}
		for _, n := range []int64{t.Source, t.Equal, t.Quarantined, t.Excluded, t.Superseded, t.Missing, t.Extra, t.Changed} {
			row = append(row, progress.Count(n))
		}
		if ruled > 0 {
			row = append(row, progress.Count(t.ByRule))
		}
		rows = append(rows, row)
	}
	fmt.Fprintf(b, "  %s of %s, each decoded again and held against its rows and columns, the ledger or the quarantine\n\n",
		countOf(all, "record"), countOf(d.Parts, "part"))
	writeColumns(b, rows, 1, len(rows[0])-1)
	if ruled > 0 {
		fmt.Fprintf(b, "%s out of quarantine by a rule, which changed their values: they are not compared.\n", countOf(ruled, "record")+" came")
	}
	if d.Recounted > 0 {
		fmt.Fprintf(b, "%s counted again by cutting the files in another way", countOf(d.Recounted, "record"))
		if d.Uncounted > 0 {
			fmt.Fprintf(b, "; those of %s with damaged records cannot be", countOf(int64(d.Uncounted), "shard"))
		}
		b.WriteString(".\n")
	}
	if d.Waiting > 0 {
		fmt.Fprintf(b, "%s of the source not read to the end yet.\n", countOf(int64(d.Waiting), "shard"))
	}
}

// writeAccount tells what was asked of an account.
func (d *deepened) writeAccount(b *strings.Builder) {
	a := d.Account
	line := func(format string, args ...any) { fmt.Fprintf(b, "  "+format+"\n", args...) }
	if a.Months > 0 {
		line("%s found by its search, up to %s, counted by %s; %s and %s of Message are held",
			countOf(a.Counted, "chat"), a.Mark.Format(time.RFC3339), countOf(a.Months, "month"), countOf(a.Held, "row"), progress.Count(a.Excluded))
	}
	if a.Days > 0 {
		line("%s counted singly, and the chats of %s looked for by their ids", countOf(a.Days, "day"), progress.Count(a.Unequal))
	}
	for _, e := range []struct {
		why  deep.Reason
		text string
	}{
		{deep.NewerThere, "made or changed since"},
		{deep.GoneThere, "deleted since"},
		{deep.OfMessage, "conversations of Message, excluded"},
		{deep.InQuarantine, "in quarantine"},
		{deep.NotFound, "not shown by the search, though the account gives them"},
	} {
		if n := a.Explained[e.why]; n > 0 {
			line("  %s of them %s", progress.Count(n), e.text)
		}
	}
	line("%s asked for again (--seed %d): %s equal value by value, %s newer at the source, %s deleted there",
		countOf(a.Refetched, "chat"), a.Seed, progress.Count(a.Equal), progress.Count(a.Newer), progress.Count(a.Gone))
	if a.Renumbered > 0 {
		line("%s differ in the ids of agents and departments alone, which the upgrade has changed", countOf(a.Renumbered, "chat"))
	}
}
