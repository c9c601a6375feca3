package main

import (
	"fmt"
	"strings"

	"chatferry"
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
	rows := [][]string{{"STREAM", "IN THE SOURCE", "EQUAL", "QUARANTINED", "EXCLUDED", "SUPERSEDED", "MISSING", "EXTRA", "CHANGED"}}
	var all int64
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
		rows = append(rows, row)
	}
	fmt.Fprintf(b, "  %s of %s, each decoded again and held against its rows and columns, the ledger or the quarantine\n\n",
		countOf(all, "record"), countOf(d.Parts, "part"))
	writeColumns(b, rows, 1, 8)
	if d.Waiting > 0 {
		fmt.Fprintf(b, "%s of the source not read to the end yet.\n", countOf(int64(d.Waiting), "shard"))
	}
}
