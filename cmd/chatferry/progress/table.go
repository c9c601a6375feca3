package progress

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"chatferry"
)

// column is one column of the table. When the terminal is narrow, columns with a higher rank are left out first.
type column struct {
	head string
	left bool // aligned to the left
	rank int
	cell func(p *StreamProgress, width int, look Look) string
	bar  bool // takes the columns that the others leave
}

const (
	leastBar = 8
	mostBar  = 32
	gap      = 2
)

var columns = []column{
	{head: "STREAM", left: true, rank: 0, cell: func(p *StreamProgress, _ int, _ Look) string { return string(p.Stream) }},
	{head: "DONE", rank: 7, cell: func(p *StreamProgress, _ int, _ Look) string { return p.done() }},
	{head: "SHARE", rank: 1, cell: func(p *StreamProgress, _ int, _ Look) string { return p.share() }},
	{left: true, rank: 5, bar: true, cell: func(p *StreamProgress, width int, look Look) string {
		if p.Open {
			return meter(0, 1, width, look)
		}
		return meter(p.Done, p.Total, width, look)
	}},
	{head: "RECORDS", rank: 3, cell: func(p *StreamProgress, _ int, _ Look) string { return Count(p.Records) }},
	{head: "RATE", rank: 6, cell: func(p *StreamProgress, _ int, _ Look) string {
		if p.State == Done {
			return ""
		}
		return perSecond(p.Rate)
	}},
	{head: "LEFT", rank: 2, cell: func(p *StreamProgress, _ int, _ Look) string {
		switch {
		case p.State == Done || p.State == Waiting:
			return p.State
		case p.ETA >= 0:
			return Span(p.ETA)
		}
		return "..."
	}},
	{head: "QUARANTINED", rank: 4, cell: func(p *StreamProgress, _ int, _ Look) string { return Count(p.Quarantined) }},
}

// table draws a Snapshot in so many columns and at most so many lines.
func table(s Snapshot, look Look, width, lines int) []string {
	shown, rest := choose(s.Streams, lines-3)
	all := s.All
	all.Stream = "all"
	rows := append(shown, all)
	for i := range rows {
		rows[i].Stream = chatferry.Stream(shorten(string(rows[i].Stream), width, look))
	}

	cols := slices.Clone(columns)
	var widths []int
	for {
		widths = measure(cols, rows, look)
		sum := -gap
		for _, w := range widths {
			sum += w + gap
		}
		if sum <= width || len(cols) == 1 {
			for i := range cols {
				if cols[i].bar {
					widths[i] = min(mostBar, leastBar+width-sum)
				}
			}
			break
		}
		worst := 0
		for i := range cols {
			if cols[i].rank > cols[worst].rank {
				worst = i
			}
		}
		cols = slices.Delete(cols, worst, worst+1)
	}

	out := []string{fit(line(cols, widths, func(i int) string { return cols[i].head }), width)}
	for r := range rows {
		p := &rows[r]
		text := fit(line(cols, widths, func(i int) string { return cols[i].cell(p, widths[i], look) }), width)
		out = append(out, paint(text, p, look))
	}
	if rest != "" {
		out = append(out, fit(rest, width))
	}
	status := []string{s.All.State, Span(s.Elapsed) + " elapsed"}
	if s.All.Rate > 0 {
		status = append(status, Count(int64(s.All.Rate))+" records/s")
	}
	if s.All.ByteRate > 0 {
		status = append(status, Bytes(int64(s.All.ByteRate))+"/s")
	}
	if s.SinceCommit >= 0 {
		status = append(status, "last checkpoint "+Span(s.SinceCommit)+" ago")
	}
	return append(out, fit(strings.Join(status, ", "), width))
}

// shorten cuts the middle out of a long name where the terminal is not wide. What stays of 24 columns still tells the
// names of all Streams apart.
func shorten(name string, width int, look Look) string {
	most := 24
	switch {
	case width >= 120:
		return name
	case width < 60:
		most = max(8, width-24)
	}
	if len(name) <= most {
		return name
	}
	cut := "…"
	if look.ASCII {
		cut = "~"
	}
	head := most / 3
	return name[:head] + cut + name[len(name)-(most-head-1):]
}

// choose returns the Streams that have room, those being read first, and a line about the others.
func choose(streams []StreamProgress, room int) ([]StreamProgress, string) {
	if len(streams) <= max(1, room) {
		return slices.Clone(streams), ""
	}
	room = max(1, room-1)
	keep := map[int]bool{}
	for _, state := range []string{Reading, Waiting, Done} {
		for i := range streams {
			if streams[i].State == state && len(keep) < room {
				keep[i] = true
			}
		}
	}
	var shown []StreamProgress
	left := map[string]int{}
	for i := range streams {
		if keep[i] {
			shown = append(shown, streams[i])
		} else {
			left[streams[i].State]++
		}
	}
	var parts []string
	for _, state := range []string{Reading, Waiting, Done} {
		if left[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", left[state], state))
		}
	}
	return shown, "and " + strings.Join(parts, ", ")
}

func measure(cols []column, rows []StreamProgress, look Look) []int {
	widths := make([]int, len(cols))
	for i, c := range cols {
		if c.bar {
			widths[i] = leastBar
			continue
		}
		widths[i] = utf8.RuneCountInString(c.head)
		for r := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.cell(&rows[r], 0, look)))
		}
	}
	return widths
}

func line(cols []column, widths []int, cell func(i int) string) string {
	var b strings.Builder
	for i := range cols {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		text := cell(i)
		pad := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(text)))
		if cols[i].left {
			b.WriteString(text + pad)
		} else {
			b.WriteString(pad + text)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// meter draws how much is done in width columns. It is full only when all is done.
func meter(done, total int64, width int, look Look) string {
	full, empty := "█", "░"
	if look.ASCII {
		full, empty = "#", "."
	}
	n := width
	if total > 0 && done < total {
		n = min(width-1, int(float64(max(0, done))/float64(total)*float64(width)))
	}
	n = max(0, n)
	return strings.Repeat(full, n) + strings.Repeat(empty, max(0, width-n))
}

// paint colours a whole row: green when it is done, yellow when it has Rejects.
func paint(text string, p *StreamProgress, look Look) string {
	switch {
	case !look.Color:
		return text
	case p.Quarantined > 0:
		return "\x1b[33m" + text + "\x1b[0m"
	case p.State == Done:
		return "\x1b[32m" + text + "\x1b[0m"
	}
	return text
}
