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
	"chatferry/cmd/chatferry/verify"
)

// verified is the answer of `verify`.
type verified struct {
	Command  string `json:"command"`
	OK       bool   `json:"ok"`
	ExitCode int    `json:"exit_code"`
	Root     string `json:"root"`
	Dataset  string `json:"dataset"`
	Depth    string `json:"depth"` // whole, sample or quick
	Sample   string `json:"sample,omitempty"`
	Complete bool   `json:"complete"` // the last run ended in good order, and every Shard is read to its end

	Records     uint64 `json:"log_records"`
	Shards      int    `json:"shards"`
	Parts       int64  `json:"parts"`
	PartsProven int64  `json:"parts_proven"` // of which every record was counted again
	Files       int64  `json:"files"`
	FilesRead   int64  `json:"files_read"`
	// FilesRecalled are those of FilesRead that an earlier call read which was stopped; the first of them began at Since.
	FilesRecalled int64      `json:"files_recalled"`
	Since         *time.Time `json:"recalled_since,omitempty"`
	Bytes         int64      `json:"bytes"`
	BytesRead     int64      `json:"bytes_read"`
	Rows          int64      `json:"rows_read"`
	Awaited       int64      `json:"files_not_published"`
	Leaving       int64      `json:"files_to_be_removed"`
	Moved         int64      `json:"files_retired_meanwhile"`

	Streams    map[chatferry.Stream]chatferry.Books `json:"streams"`         // of the Parts proven
	OneRowEach map[chatferry.Stream]int64           `json:"one_row_each"`    // rows of Streams with one row for each key
	Versions   []chatferry.Stream                   `json:"several_allowed"` // Streams of which a key may have several rows
	Visitors   int64                                `json:"chat_visitors"`
	Changed    []verify.Changed                     `json:"changed_by_rule,omitempty"` // records of which values are not the source's

	Certificate *certificateFound `json:"certificate"` // null: no run has ended, or the logs cannot be believed

	Findings []verify.Finding `json:"findings"`
	More     int64            `json:"more_findings"`
	Unproven []string         `json:"not_proven"` // what no look at a dataset can show
	Deep     *deepened        `json:"deep,omitempty"`
	ElapsedS float64          `json:"elapsed_s"`
	Error    *resultError     `json:"error"`

	report *verify.Report
}

// unproven is what the files and logs of a dataset cannot show.
var unproven = []string{
	"that the source gave all that it had, and what changed or was deleted there since it was read",
	"that every value means what the source meant; the record of the source can be rebuilt from its rows",
	unprovenEnd,
}

const unprovenEnd = "that the end of the dataset's own log was not cut off: that looks like a run that was killed; a certificate that is kept elsewhere shows it"

// depthWhole is the Depth of a verification that reads every file.
const depthWhole = "whole"

func verification(root string, r *verify.Report, quick bool, sample float64) *verified {
	v := &verified{
		Command: "verify", Root: root, Dataset: r.Dataset, Depth: depthWhole, Complete: r.Ended && r.Complete == r.Shards,
		Records: r.Records, Shards: r.Shards, Parts: r.Parts, PartsProven: r.ProvenParts, Files: r.Files, FilesRead: r.ReadFiles,
		Bytes: r.ListBytes, BytesRead: r.Bytes, Rows: r.Rows, Awaited: r.Awaited, Leaving: r.Leaving, Moved: r.Moved,
		Streams: r.Books, OneRowEach: r.Keyed, Versions: r.Unsettled, Visitors: r.Visitors, Changed: r.Changed,
		Findings: r.Findings, More: r.More, Unproven: unproven, ElapsedS: seconds(r.Elapsed), report: r,
	}
	if v.Findings == nil {
		v.Findings = []verify.Finding{}
	}
	if v.Versions == nil {
		v.Versions = []chatferry.Stream{}
	}
	if v.FilesRecalled = r.Recalled; r.Recalled > 0 {
		v.Since = &r.Since
	}
	switch {
	case quick:
		v.Depth = "quick"
	case sample > 0 && sample < 1:
		v.Depth, v.Sample = "sample", share(sample).String()
	}
	return v
}

// mostFindings is how many findings the summary names.
const mostFindings = 30

// write tells a person.
func (v *verified) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "verify %s: %s (exit code %d) after %s\n", printable(v.Root), v.sentence(), v.ExitCode,
		progress.Span(time.Duration(v.ElapsedS*float64(time.Second))))
	if len(v.Findings) > 0 {
		b.WriteString("\nFound:\n")
		for i, f := range v.Findings {
			if i == mostFindings {
				fmt.Fprintf(&b, "  and %s more; --json lists them\n", progress.Count(int64(len(v.Findings)-i)+v.More))
				break
			}
			fmt.Fprintf(&b, "  %-8s %s\n", f.Kind, printable(f.String()))
		}
	}
	if v.Deep != nil {
		v.Deep.writeDifferences(&b)
	}
	if v.report.Corrupt == nil {
		v.writeProven(&b)
	}
	_, err := io.WriteString(w, b.String())
	return printError(err)
}

// sentence is the outcome in words.
func (v *verified) sentence() string {
	switch n := int64(len(v.Findings)) + v.More; {
	case v.report.Corrupt != nil:
		return "the logs are damaged, so that nothing can be proven"
	case n > 0:
		return things(n) + " not as the logs say"
	case v.Depth == "quick":
		return "the logs are sound, and all files are there with their sizes; none was read"
	case v.Deep != nil:
		return v.Deep.sentence(v)
	case v.Depth == "sample":
		return fmt.Sprintf("nothing is wrong with the %s of %s that were read, the logs, and the names and sizes of all",
			progress.Count(v.FilesRead), countOf(v.Files, "file"))
	case !v.Complete:
		return "what is committed is whole; the dataset is not complete yet"
	}
	return "whole"
}

func (v *verified) writeProven(b *strings.Builder) {
	b.WriteString("\nChecked:\n")
	line := func(format string, args ...any) { fmt.Fprintf(b, "  "+format+"\n", args...) }
	line("%s of %s, chained without a gap", countOf(int64(v.Records), "log record"), countOf(int64(v.Shards)+1, "log"))
	line("%s that should be there (%s), and what else is there", countOf(v.Files, "file"), progress.Bytes(v.Bytes))
	if v.Depth != "quick" {
		line("%s read, byte by byte and row by row: %s, %s", countOf(v.FilesRead, "file"), progress.Bytes(v.BytesRead), countOf(v.Rows, "row"))
		if v.FilesRecalled > 0 {
			line("%s of them by an earlier call that was stopped, since %s; they have not changed since", progress.Count(v.FilesRecalled), v.Since.Format(runTimesLayout))
		}
		line("%s of %s: every record read is loaded, in quarantine, excluded or superseded", progress.Count(v.PartsProven), countOf(v.Parts, "part"))
		v.writeStreams(b)
	}
	v.Certificate.write(b)
	if v.Deep != nil {
		v.Deep.write(b)
	}
	b.WriteString("\n")
	for _, c := range []struct {
		n    int64
		what string
	}{
		{v.Awaited, "committed and not published yet; the next run does it"},
		{v.Leaving, "replaced, and not removed yet; the next run does it"},
		{v.Moved, "replaced by a run while this was verified, and not looked at"},
	} {
		if c.n > 0 {
			fmt.Fprintf(b, "%s: %s.\n", countOf(c.n, "file"), c.what)
		}
	}
	for _, c := range v.Changed {
		for _, name := range slices.Sorted(maps.Keys(c.Records)) {
			fmt.Fprintf(b, "%s of %s came out of quarantine, changed by the rules of %s (SHA-256 %.12s…).\n",
				countOf(c.Records[name], "record"), name, printable(c.Rule), c.SHA256.String())
		}
	}
	b.WriteString("Not shown by this:\n")
	for _, text := range v.Unproven {
		fmt.Fprintf(b, "  %s\n", text)
	}
}

// writeStreams writes what was counted again of each Stream.
func (v *verified) writeStreams(b *strings.Builder) {
	if len(v.Streams) == 0 {
		return
	}
	b.WriteByte('\n')
	rows := [][]string{{"STREAM", "READ", "LOADED", "QUARANTINED", "EXCLUDED", "SUPERSEDED", "ROWS OF A KEY"}}
	for _, name := range chatferry.Streams() {
		books, ok := v.Streams[name]
		if !ok {
			continue
		}
		each := ""
		if _, ok := v.OneRowEach[name]; ok {
			each = "one"
		} else if slices.Contains(v.Versions, name) {
			each = "any: not settled"
		}
		rows = append(rows, []string{
			string(name), progress.Count(books.Read.N), progress.Count(books.Loaded.N), progress.Count(books.Quarantined.N),
			progress.Count(books.ExcludedTotal().N), progress.Count(books.Superseded.N), each,
		})
	}
	writeColumns(b, rows, 1, 5)
}
