package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"chatferry"
	"chatferry/cmd/chatferry/estimate"
	"chatferry/cmd/chatferry/progress"
)

// writePlan tells a person what an estimate says: the verdict about the window first.
func writePlan(w io.Writer, e *estimate.Estimate, file string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "plan for %s\n\n", printable(strings.ReplaceAll(e.Source, "\n", " ")))
	writeWindow(&b, e)
	writePlanned(&b, e)
	writeMonths(&b, e)
	b.WriteByte('\n')
	for _, p := range []struct {
		name string
		estimate.Phase
	}{{"cut-over", e.Cutover}, {"backfill", e.Backfill}} {
		fmt.Fprintf(&b, "%s: about %s (%s)", p.name, spanUp(p.Seconds), p.Known)
		if p.Requests.N > 0 {
			fmt.Fprintf(&b, ", %s (%s)", countOf(p.Requests.N, "request"), p.Requests.Known)
		}
		b.WriteByte('\n')
	}
	if e.PerMinute > 0 {
		fmt.Fprintf(&b, "rate: %.0f requests a minute; an answer takes %.1f s; planning took %s\n", e.PerMinute, e.LatencyS, countOf(e.Planning, "request"))
	}
	fmt.Fprintf(&b, "disk: about %s must be free (%s)", progress.Bytes(e.Disk.N), e.Disk.Known)
	if e.FreeDisk > 0 {
		word := "enough"
		if e.FreeDisk < e.Disk.N {
			word = "NOT ENOUGH"
		}
		fmt.Fprintf(&b, "; %s are, which is %s", progress.Bytes(e.FreeDisk), word)
	}
	fmt.Fprintf(&b, "\nmemory: %s, with %s\n", progress.Bytes(e.Memory.N), countOf(int64(e.Lanes), "lane"))
	if file != "" {
		fmt.Fprintf(&b, "\nWritten to %s; hold a run against it with --estimate.\n", printable(file))
	}
	_, err := io.WriteString(w, b.String())
	return printError(err)
}

// writeWindow says whether the cut-over fits.
func writeWindow(b *strings.Builder, e *estimate.Estimate) {
	window, about := spanUp(e.Window.Seconds), "about "
	if e.Window.AtLeast {
		about = "at least "
	}
	about += spanUp(e.Cutover.Seconds)
	switch e.Window.Fits {
	case estimate.FitsYes:
		fmt.Fprintf(b, "The cut-over fits into %s: it takes %s.", window, about)
		if e.Window.Backfill {
			b.WriteString(" So does all the rest.")
		}
	case estimate.FitsWithout:
		fmt.Fprintf(b, "The cut-over does NOT fit into %s: it takes %s. Without %s it takes about %s:\n  --phase cutover --streams %s\nWhat is left out comes with the backfill, if that is run without --phase and --streams.",
			window, about, streamSet(e.Window.Without), spanUp(e.Window.Needs), kept(e))
	default:
		fmt.Fprintf(b, "The cut-over does NOT fit into %s: it takes %s, whatever is left out. Ask for a longer one, or a higher --rate-share.",
			window, about)
	}
	b.WriteString("\n\n")
}

// kept are the Streams of the cut-over that are not left out.
func kept(e *estimate.Estimate) streamSet {
	var out streamSet
	for _, s := range chatferry.Streams() {
		if e.Streams[s] != nil && s.Configuration() && !slices.Contains(e.Window.Without, s) {
			out = append(out, s)
		}
	}
	return out
}

// writePlanned writes a row for each Stream.
func writePlanned(b *strings.Builder, e *estimate.Estimate) {
	rows := [][]string{{"STREAM", "RECORDS", "", "BYTES READ", "", "WRITTEN", "", "REQUESTS", "", "HOW"}}
	var all estimate.Stream
	for _, name := range chatferry.Streams() {
		s := e.Streams[name]
		if s == nil {
			continue
		}
		how := []string{}
		for _, text := range []string{s.Endpoint, s.Reason} {
			if text != "" {
				how = append(how, text)
			}
		}
		if s.Files > 0 {
			how = append(how, countOf(s.Files, "file"))
		}
		if s.AtLeast {
			how = append(how, "at least")
		}
		if s.Absent != "" {
			how = append(how, string(s.Absent))
		}
		rows = append(rows, plannedRow(string(name), s, strings.Join(how, ", ")))
		all.Records.N += s.Records.N
		all.Bytes.N += s.Bytes.N
		all.Written.N += s.Written.N
		all.Requests.N += s.Requests.N
	}
	rows = append(rows, plannedRow("all", &all, ""))
	aligned(b, rows, 1, 3, 5, 7)
}

func plannedRow(name string, s *estimate.Stream, how string) []string {
	return []string{
		name, progress.Count(s.Records.N), string(s.Records.Known), progress.Bytes(s.Bytes.N), string(s.Bytes.Known),
		progress.Bytes(s.Written.N), string(s.Written.Known), progress.Count(s.Requests.N), string(s.Requests.Known), printable(how),
	}
}

// aligned is writeColumns with the columns to the right named one by one.
func aligned(b *strings.Builder, rows [][]string, right ...int) {
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			if slices.Contains(right, i) {
				row[i] = strings.Repeat(" ", widths[i]-len([]rune(cell))) + cell
			}
		}
	}
	writeColumns(b, rows, 0, -1)
}

// writeMonths writes the records of each month, a column for each Stream that has any.
func writeMonths(b *strings.Builder, e *estimate.Estimate) {
	head, months := []string{"MONTH"}, map[string]bool{}
	var names []chatferry.Stream
	for _, name := range chatferry.Streams() {
		if s := e.Streams[name]; s != nil && len(s.Months) > 0 {
			names = append(names, name)
			head = append(head, fmt.Sprintf("%s (%s)", name, s.ByMonth))
			for m := range s.Months {
				months[m] = true
			}
		}
	}
	if len(names) == 0 {
		return
	}
	rows := [][]string{head}
	for _, m := range slices.Sorted(maps.Keys(months)) {
		row := []string{m}
		for _, name := range names {
			row = append(row, progress.Count(e.Streams[name].Months[m]))
		}
		rows = append(rows, row)
	}
	b.WriteByte('\n')
	writeColumns(b, rows, 1, len(names))
}

// writeComparison holds what was carried against what was planned.
func writeComparison(b *strings.Builder, c *estimate.Comparison) {
	fmt.Fprintf(b, "\nPlanned on %s, against what came:\n", c.Made.UTC().Format(time.DateOnly))
	rows := [][]string{{"  STREAM", "PLANNED", "", "CAME", "REQUESTS PLANNED", "MADE"}}
	for _, s := range c.Streams {
		rows = append(rows, []string{
			"  " + string(s.Stream), progress.Count(s.Planned.Records), string(s.Known), progress.Count(s.Actual.Records),
			progress.Count(s.Planned.Requests), progress.Count(s.Actual.Requests),
		})
	}
	aligned(b, rows, 1, 3, 4, 5)
	if c.Planned > 0 {
		fmt.Fprintf(b, "  It took %s; %s were planned.\n", spanUp(c.Actual), spanUp(c.Planned))
	}
	for _, d := range c.Deviations {
		fmt.Fprintf(b, "  Other than planned: %s\n", d)
	}
	if len(c.Deviations) == 0 {
		b.WriteString("  Nothing was other than planned.\n")
	}
}
