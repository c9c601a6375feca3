package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"chatferry"
	"chatferry/cmd/chatferry/progress"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// page is the template of the page. Whatever comes from outside is escaped by html/template, and in the charts by drawing.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"style":     func() template.CSS { return template.CSS(pageStyle) },
	"n":         progress.Count,
	"bytes":     progress.Bytes,
	"count":     count,
	"number":    func(n int, noun string) string { return count(int64(n), noun) },
	"span":      span,
	"took":      func(r Run) string { return span(r.Took().Seconds()) },
	"time":      func(t time.Time) string { return t.UTC().Format(timeLayout) },
	"minute":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
	"share":     func(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) },
	"inc":       func(i int) int { return i + 1 },
	"join":      func(words []string) string { return strings.Join(words, ", ") },
	"names":     names,
	"breakable": breakable,
	"icon":      icon,
	"swatch":    swatch,

	"working":     (*Report).working,
	"openWord":    (*Report).openWord,
	"work":        (*Report).workInWords,
	"intervals":   (*Report).intervals,
	"firstRun":    (*Report).firstRun,
	"anyEarly":    (*Report).anyEarly,
	"shownDoubts": (*Report).shownDoubts,
	"moreDoubts":  (*Report).moreDoubts,
	"sum":         (*Months).sum,
	"monthsAdd":   (*Report).monthsAdd,
	"workChart":   func(r *Report, class string) template.HTML { return r.workChart(class, widths[class]) },
	"monthsChart": func(m *Months, class string) template.HTML { return m.chart(class, widths[class]) },
}).Parse(pageText))

const timeLayout = "2006-01-02 15:04:05 UTC" // of times in UTC

// widths are the two widths of every chart; the style sheet shows the one that fits, since text that is scaled down cannot be
// read.
var widths = map[string]float64{"wide": wide, "narrow": narrow}

// HTML writes the page.
func (r *Report) HTML(w io.Writer) error { return page.Execute(w, r) }

// icon is a sign for who does not see the colours.
func icon(l Level) template.HTML {
	path := map[Level]string{
		Complete:   "M6.5 12.5l4 4 7-9",
		Exceptions: "M12 6.5v7M12 17v.5",
		Incomplete: "M12 6.5v6l4 2.5",
		Differs:    "M7.5 7.5l9 9M16.5 7.5l-9 9",
	}[l]
	return template.HTML(`<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="11" fill="currentColor"/><path d="` + path +
		`" fill="none" stroke="var(--paper)" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/></svg>`)
}

// swatch is a patch of a colour of the charts.
func swatch(class string) template.HTML {
	return template.HTML(`<svg viewBox="0 0 10 10" aria-hidden="true"><rect class="` + class + `" width="10" height="10" rx="2"/></svg>`)
}

// breakable is a name of the program, or of a table, that may be broken behind each underscore, where there is little room.
func breakable(name any) template.HTML {
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(fmt.Sprint(name)), "_", "_<wbr/>"))
}

// names lists Streams.
func names(streams []chatferry.Stream) string {
	words := make([]string, len(streams))
	for i, s := range streams {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

func (r *Report) working() bool { return len(r.Runs) > 0 && r.Runs[len(r.Runs)-1].Working }

// openWord says of a Stream that is not read to its end why.
func (r *Report) openWord(name chatferry.Stream) string {
	for _, n := range r.NotGiven {
		if n.Stream == name {
			return string(n.Why)
		}
	}
	for i := range r.Streams {
		if s := &r.Streams[i]; s.Name == name && s.Read == 0 {
			return "waits"
		}
	}
	return "in progress"
}

// mostDoubts is how many doubts are shown.
const mostDoubts = 50

func (r *Report) shownDoubts() []Doubt { return r.Doubts[:min(mostDoubts, len(r.Doubts))] }

// moreDoubts says how many are not shown.
func (r *Report) moreDoubts() string {
	if more := int64(len(r.Doubts) - mostDoubts); more > 0 {
		return progress.Count(more) + " more stand in the report’s JSON form."
	}
	return ""
}

// mostRuns is how many runs are shown; a dataset that is brought up to date every night has many.
const mostRuns = 30

// firstRun is the index of the first of them.
func (r *Report) firstRun() int { return max(0, len(r.Runs)-mostRuns) }

// anyEarly reports whether a run ended before everything was done.
func (r *Report) anyEarly() bool { return slices.ContainsFunc(r.Runs, Run.early) }

// early reports whether the run ended before everything was done.
func (r Run) early() bool {
	return !r.Working && (r.ExitCode == nil || *r.ExitCode != 0 && *r.ExitCode != 4)
}

// monthsAdd says that every row of the table of chats is in a month, or where the others are.
func (r *Report) monthsAdd() string {
	m := r.Months
	sum := m.sum()
	text := "The months hold " + count(sum.All(), "chat")
	for _, one := range []struct {
		n    int64
		what string
	}{
		{m.Undated, "without a time"},
		{m.Outside, fmt.Sprintf("before %d or after this report", firstYear)},
		{m.Unpublished, "committed, and shown by the next run"},
	} {
		if one.n > 0 {
			text += ", " + progress.Count(one.n) + " more " + map[bool]string{true: "is ", false: "are "}[one.n == 1] + one.what
		}
	}
	rows := int64(0)
	for _, t := range r.Tables {
		if t.Name == chatferry.Chats.Parent() {
			rows = t.Rows
		}
	}
	if m.Total+m.Unpublished == rows {
		return text + ": together the " + count(rows, "row") + " of the table. Months are those of UTC."
	}
	return text + ", but the table should have " + count(rows, "row") + "."
}

// intervals lists those in which something was carried.
func (r *Report) intervals() []datedInterval {
	var all []datedInterval
	for n := range r.Timeline.each {
		if n.Interval != (Interval{}) {
			all = append(all, n)
		}
	}
	return all
}
