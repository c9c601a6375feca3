package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"chatferry"
	"chatferry/cmd/chatferry/progress"
	"chatferry/cmd/chatferry/settle"
)

// writeSummary tells a person what became of a run: the books by stream, what the dataset holds, what was put aside and
// why, and the command that goes on.
func writeSummary(w io.Writer, r *result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s: %s (exit code %d) after %s\n", r.Command, printable(r.Root), outcomeMeaning(r.ExitCode), r.ExitCode,
		progress.Span(time.Duration(r.ElapsedS*float64(time.Second))))
	if r.Trial {
		b.WriteString("A trial: only the first records of each stream were read. Carry the whole over into another folder.\n")
	}
	if r.Replay != nil {
		r.Replay.write(&b)
	}
	writeBooks(&b, r)
	writeTables(&b, r)
	writeIdentities(&b, r.Identities)
	writePutAside(&b, r)
	if r.Estimate != nil {
		writeComparison(&b, r.Estimate)
	}
	if r.Phase != nil {
		if text := r.Phase.sentence(r); text != "" {
			b.WriteString("\n" + text + "\n")
		}
	}
	if r.ResumeCommand != "" {
		fmt.Fprintf(&b, "\nTo go on:\n  %s\n", r.ResumeCommand)
	}
	_, err := io.WriteString(w, b.String())
	return printError(err)
}

// writeBooks writes a row for each Stream and one for all.
func writeBooks(b *strings.Builder, r *result) {
	if len(r.Streams) == 0 {
		return
	}
	b.WriteByte('\n')
	rows := [][]string{{"STREAM", "READ", "LOADED", "QUARANTINED", "EXCLUDED", "SUPERSEDED", "BYTES READ", "STATE"}}
	var all streamResult
	add := func(name string, s streamResult) {
		rows = append(rows, []string{
			name, progress.Count(s.Read), progress.Count(s.Loaded), progress.Count(s.Quarantined), progress.Count(s.Excluded),
			progress.Count(s.Superseded), progress.Bytes(s.BytesRead), s.State,
		})
	}
	for _, name := range chatferry.Streams() {
		s, ok := r.Streams[name]
		if !ok {
			continue
		}
		add(string(name), s)
		all.Read += s.Read
		all.Loaded += s.Loaded
		all.Quarantined += s.Quarantined
		all.Excluded += s.Excluded
		all.Superseded += s.Superseded
		all.BytesRead += s.BytesRead
	}
	add("all", all)
	writeColumns(b, rows, 1, 6)
	if r.Requests > 0 {
		fmt.Fprintf(b, "\n%s to the API; the Lanes together waited %s for their turn.\n",
			countOf(r.Requests, "request"), progress.Span(time.Duration(r.ThrottledS*float64(time.Second))))
	}
	if r.Watermark != "" {
		fmt.Fprintf(b, "Every change before %s is there.\n", r.Watermark)
	}
	for _, name := range chatferry.Streams() {
		if n := r.Streams[name].Absent; n > 0 {
			fmt.Fprintf(b, "%s of %s were named by the API and then not there: deleted meanwhile.\n", countOf(n, "record"), name)
		}
	}
}

// writeTables writes a row for each table that the dataset holds.
func writeTables(b *strings.Builder, r *result) {
	if len(r.Tables) == 0 {
		return
	}
	b.WriteByte('\n')
	rows := [][]string{{"TABLE", "ROWS", "FILES", "BYTES"}}
	for _, name := range slices.Sorted(maps.Keys(r.Tables)) {
		t := r.Tables[name]
		rows = append(rows, []string{string(name), progress.Count(t.Rows), progress.Count(t.Files), progress.Bytes(t.BytesWritten)})
	}
	writeColumns(b, rows, 1, 3)
}

// writePutAside says which records are not rows, which files are not trusted, and why.
func writePutAside(b *strings.Builder, r *result) {
	if len(r.Quarantined) > 0 {
		b.WriteString("\nIn quarantine, with their bytes:\n")
		rows := [][]string{}
		for _, code := range slices.Sorted(maps.Keys(r.Quarantined)) {
			n := r.Quarantined[code]
			rows = append(rows, []string{"  " + progress.Count(n), string(code), "a record that " + chatferry.Codes[code]})
		}
		writeColumns(b, rows, 0, 0)
		fmt.Fprintf(b, "  Look at them: %s\n", r.QuarantineCommand)
	}
	if len(r.Excluded) > 0 {
		b.WriteString("\nExcluded by rule, listed in the ledger:\n")
		rows := [][]string{}
		for _, reason := range slices.Sorted(maps.Keys(r.Excluded)) {
			n := r.Excluded[reason]
			rows = append(rows, []string{"  " + progress.Count(n), printable(reason), explainExclusion(reason)})
		}
		writeColumns(b, rows, 0, 0)
	}
	if len(r.Doubts) > 0 {
		b.WriteString("\nDoubtful files, of which records may be missing:\n")
		for _, d := range r.Doubts {
			fmt.Fprintf(b, "  %s at byte %s: %s\n", printable(d.File), progress.Count(d.At), printable(d.Reason))
		}
	}
	if len(r.Ignored) > 0 {
		b.WriteString("\nFiles that were not read:\n")
		for i, f := range r.Ignored {
			if i == mostIgnored {
				fmt.Fprintf(b, "  and %s more; --json lists all\n", progress.Count(int64(len(r.Ignored)-i)))
				break
			}
			fmt.Fprintf(b, "  %s: %s\n", printable(f.Path), printable(f.Reason))
		}
	}
}

// mostIgnored is how many files that were not read the summary names.
const mostIgnored = 10

// explainExclusion says in words why records of a reason are not carried over.
func explainExclusion(reason string) string {
	if network, ok := strings.CutPrefix(reason, "message:"); ok {
		return "Zendesk Message conversations (" + printable(network) + "), which the upgrade does not carry over"
	}
	if network, ok := strings.CutPrefix(reason, "message_ticket:"); ok {
		return "the same, by the ticket that they left in Support (" + printable(network) + ")"
	}
	if why, ok := strings.CutPrefix(reason, "message_suspect:"); ok {
		return "taken for such by --message-suspects exclude, without evidence: " + printable(why)
	}
	if reason == settle.ReasonDeleted {
		return "deleted at the source, and taken out by --drop-deleted"
	}
	return ""
}

// outcomeMeaning is the sentence of an exit code.
func outcomeMeaning(code int) string {
	for _, o := range outcomes {
		if o.code == code {
			return o.meaning
		}
	}
	return outcomes[exitUnexpected].meaning
}

// writeColumns aligns rows, the columns from right to rightEnd to the right.
func writeColumns(b *strings.Builder, rows [][]string, right, rightEnd int) {
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i > 0 {
				line.WriteString("  ")
			}
			if i >= right && i <= rightEnd {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
