package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"chatferry/cmd/chatferry/progress"
)

// markdown is a text in the making, for tickets and wikis.
type markdown struct{ strings.Builder }

// Markdown writes the report without its charts.
func (r *Report) Markdown(w io.Writer) error {
	m := &markdown{}
	fmt.Fprintf(m, "# Migration report\n\n**%s**\n", plain(r.Verdict.Sentence))
	if r.Verdict.Command != "" {
		m.command("To go on:", r.Verdict.Command)
	}
	m.about(r)
	m.books(r)
	m.aside(r)
	m.months(r)
	m.runs(r)
	m.tables(r)
	_, err := io.WriteString(w, m.String())
	return err
}

func (m *markdown) about(r *Report) {
	rows := [][]string{
		{"", ""},
		{"Dataset", r.Root + " (" + r.Dataset + ")"},
		{"Source", strings.Join(r.Sources, ", ")},
		{"Streams asked for", r.Only},
		{"Certificate", r.Certificate},
		{"Watermark", r.Watermark},
	}
	if !r.Begun.IsZero() {
		rows = append(rows,
			[]string{"Begun", r.Begun.Format(timeLayout)},
			[]string{map[bool]string{true: "Works until now", false: "Ended"}[r.working()], r.Ended.Format(timeLayout)},
			[]string{"Work", r.workInWords()},
			[]string{"Carried by", "chatferry " + strings.Join(r.Versions, ", ")})
	}
	rows = append(rows, []string{"Report made", r.Made.Format(timeLayout) + ", by chatferry " + r.Version})
	kept := rows[:1]
	for _, row := range rows[1:] {
		if row[1] != "" {
			kept = append(kept, row)
		}
	}
	m.table("", kept, 2)
}

func (m *markdown) books(r *Report) {
	if len(r.Streams) == 0 {
		return
	}
	verdict := "This adds up for every stream, in counts, in bytes and in SHA-256 digests."
	if !r.All.Closes {
		verdict = "**This does not add up** for the streams marked below."
	}
	fmt.Fprintf(m, "\n## What became of every record\n\nread = loaded + quarantined + excluded + superseded. %s\n", verdict)
	rows := [][]string{{"Stream", "Read", "Loaded", "Quarantined", "Excluded", "Superseded", "Adds up", "State"}}
	add := func(s *Stream, state string) {
		row := append([]string{string(s.Name)}, numbers(s.Read, s.Loaded, s.Quarantined, s.Excluded, s.Superseded)...)
		rows = append(rows, append(row, map[bool]string{true: "yes", false: "NO"}[s.Closes], state))
	}
	for i := range r.Streams {
		state := "done"
		if !r.Streams[i].Done {
			state = r.openWord(r.Streams[i].Name)
		}
		add(&r.Streams[i], state)
	}
	add(&r.All, "")
	m.table("", rows, 1, 6)
	if len(r.NotHeld) > 0 {
		fmt.Fprintf(m, "\nNot part of this dataset, since the source holds nothing of them or they were not asked for: %s.\n", names(r.NotHeld))
	}
}

// aside writes what a person may want to look at.
func (m *markdown) aside(r *Report) {
	rows := [][]string{{"Stream", "Why", "Accepted"}}
	for _, n := range r.NotGiven {
		rows = append(rows, []string{string(n.Stream), string(n.Why), map[bool]string{true: "yes", false: "no"}[n.Allowed]})
	}
	m.table("Streams that the source did not give", rows, 3)
	rows = [][]string{{"Stream", "Code", "Records", "A record that …"}}
	for _, q := range r.Quarantine {
		rows = append(rows, []string{string(q.Stream), string(q.Code), progress.Count(q.Count), q.Why})
	}
	m.table("In quarantine", rows, 2, 3)
	if r.Rejects != "" {
		m.command("To look at them:", r.Rejects)
	}
	rows = [][]string{{"Stream", "Records", "How"}}
	for i := range r.Replayed {
		rows = append(rows, []string{string(r.Replayed[i].Stream), progress.Count(r.Replayed[i].Count), r.Replayed[i].How()})
	}
	m.table("Out of quarantine, and loaded or excluded since", rows, 1, 2)
	rows = [][]string{{"Stream", "Reason", "Records", "In words"}}
	for _, e := range r.Excluded {
		rows = append(rows, []string{string(e.Stream), e.Reason, progress.Count(e.Count), e.Why})
	}
	m.table("Excluded by rule", rows, 2, 3)
	rows = [][]string{{"Stream", "File", "At byte", "Reason"}}
	for _, d := range r.shownDoubts() {
		rows = append(rows, []string{string(d.Stream), d.File, progress.Count(d.At), d.Reason})
	}
	m.table("Doubtful parts of the source", rows, 2, 3)
	if more := r.moreDoubts(); more != "" {
		fmt.Fprintf(m, "\n%s\n", more)
	}
}

func (m *markdown) months(r *Report) {
	if r.Months == nil {
		return
	}
	rows := [][]string{{"Month", "Chats", "Offline messages", "Other types", "All"}}
	for i := range r.Months.Months {
		n := &r.Months.Months[i]
		rows = append(rows, append([]string{n.Month}, numbers(n.Chats, n.Offline, n.Other, n.All())...))
	}
	m.table("Chats by month", rows, 1)
	fmt.Fprintf(m, "\n%s\n", r.monthsAdd())
}

func (m *markdown) runs(r *Report) {
	rows := [][]string{{"Run", "Begun", "Worked", "Exit code", "Records", "Checkpoints", "Superseded", "Files replaced", "Outcome"}}
	for i := r.firstRun(); i < len(r.Runs); i++ {
		n := &r.Runs[i]
		code := "–"
		if n.ExitCode != nil {
			code = strconv.Itoa(*n.ExitCode)
		}
		row := append([]string{strconv.Itoa(i + 1), n.Begun.Format(timeLayout), span(n.Took().Seconds()), code},
			numbers(n.Records, n.Parts, n.Superseded, n.Retired)...)
		rows = append(rows, append(row, n.Outcome))
	}
	m.table("The runs", rows, 2, 8)
	if earlier := r.firstRun(); earlier > 0 {
		fmt.Fprintf(m, "\n%s stand in the report’s JSON form.\n", count(int64(earlier), "earlier run"))
	}
}

func (m *markdown) tables(r *Report) {
	rows := [][]string{{"Table", "Rows", "Files", "Size"}}
	for _, t := range r.Tables {
		rows = append(rows, []string{string(t.Name), progress.Count(t.Rows), progress.Count(t.Files), progress.Bytes(t.Bytes)})
	}
	if len(r.Tables) > 0 {
		rows = append(rows, []string{"all", progress.Count(r.Size.Rows), progress.Count(r.Size.Files), progress.Bytes(r.Size.Bytes)})
	}
	m.table("The tables", rows, 1)
	note := "Every file was looked for and has the size that the checkpoints name; its bytes were not read again."
	if !r.Checked {
		note = "The files were not looked at."
	}
	fmt.Fprintf(m, "\n%s\n", note)
}

func (m *markdown) command(what, command string) {
	fmt.Fprintf(m, "\n%s\n\n    %s\n", what, command)
}

// table writes rows under a title, the first as the head; without others it writes nothing. The columns from right on are
// aligned to the right, up to the one before left.
func (m *markdown) table(title string, rows [][]string, right int, left ...int) {
	if len(rows) < 2 {
		return
	}
	if title != "" {
		fmt.Fprintf(m, "\n## %s\n", title)
	}
	m.WriteByte('\n')
	end := len(rows[0])
	if len(left) > 0 {
		end = left[0]
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = plain(cell)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]), 2)
		}
	}
	for i, row := range rows {
		m.WriteByte('|')
		for j, cell := range row {
			pad := strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell))
			if j >= right && j < end {
				m.WriteString(" " + pad + cell + " |")
			} else {
				m.WriteString(" " + cell + pad + " |")
			}
		}
		m.WriteByte('\n')
		if i > 0 {
			continue
		}
		m.WriteByte('|')
		for j, width := range widths {
			rule := strings.Repeat("-", width+1)
			if j >= right && j < end {
				m.WriteString(rule + ":|")
			} else {
				m.WriteString(rule + "-|")
			}
		}
		m.WriteByte('\n')
	}
}

func numbers(ns ...int64) []string {
	texts := make([]string, len(ns))
	for i, n := range ns {
		texts[i] = progress.Count(n)
	}
	return texts
}

// plain escapes what Markdown, or HTML inside it, would take for more than text.
func plain(text string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", `\<`, "`", "\\`", "*", `\*`, "[", `\[`, "]", `\]`, "&", `\&`).Replace(text)
}
