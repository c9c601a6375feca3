package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"chatferry/cmd/chatferry/progress"
)

// The measures of the charts, in the units of their drawings.
const (
	wide, narrow = 760.0, 350.0
	chartRight   = 10.0
	chartTop     = 26.0
	chartHeight  = 170.0
	waitTop      = 44.0 // from the chart of the work to that of the waiting
	waitHeight   = 44.0
	timesHeight  = 40.0 // below the lowest chart
	runsHeight   = 22.0 // below the times
	mostMarks    = 12   // runs whose beginning is marked with a line
	widestPause  = 44.0
	pausesShare  = 0.25 // of the width that all pauses take at most
)

// workChart draws how much was carried when, how much of the time was spent waiting, and which run it was.
func (r *Report) workChart(class string, width float64) template.HTML {
	t := &r.Timeline
	unit, per := "second", 1.0
	most := t.fastest()
	if most < 2 {
		unit, per = "minute", 60
	}
	a := axisFor(most*per, 4)
	left := 14 + textWidth(a.label(a.top))
	if r.Requests > 0 {
		left = max(left, 14+textWidth("100 %"))
	}
	base := chartTop + chartHeight
	low := base
	if r.Requests > 0 {
		low += waitTop + waitHeight
	}
	d := newDrawing("work-"+class, class, width, low+timesHeight+runsHeight, "Records carried over time", r.workInWords())
	c := t.clock(left, width-chartRight)
	d.text(0, 12, "start", "axis", "records per "+unit)
	d.grid(a, left, width-chartRight, base, chartHeight)
	if r.Requests > 0 {
		d.text(0, base+waitTop-14, "start", "axis", "share of the time spent waiting for the API")
		for _, share := range []float64{0, 1} {
			d.level(left, width-chartRight, low-share*waitHeight, trim(share*100)+" %", share == 0)
		}
	}
	for n := range t.each {
		x1, x2 := c.at(n.stretch, n.From), c.at(n.stretch, n.To)
		tip := n.From.UTC().Format(timeLayout) + ": " + count(n.Records, "record") + ", " + progress.Bytes(n.Bytes)
		if n.Records > 0 {
			h := max(1, chartHeight*n.rate(t.StepS)*per/a.top)
			d.rect(x1, base-h, slim(x2-x1), h, "work", tip)
		}
		if share := n.Throttled(); share > 0 && r.Requests > 0 {
			d.rect(x1, low-share*waitHeight, slim(x2-x1), share*waitHeight, "wait", fmt.Sprintf("%s; waited %.0f %% of the time", tip, 100*share))
		}
	}
	r.drawRuns(d, c, base, low)
	t.drawTimes(d, c, low, width)
	return d.end()
}

// fastest is the greatest number of records a second.
func (t *Timeline) fastest() float64 {
	most := 0.0
	for n := range t.each {
		most = max(most, n.rate(t.StepS))
	}
	return most
}

// workInWords is the chart for who cannot see it.
func (r *Report) workInWords() string {
	text := count(int64(len(r.Runs)), "run") + " carried " + count(r.All.Read, "record") + " in " + span(r.WorkedS) + " of work"
	if r.WorkedS > 0 {
		text += fmt.Sprintf(", %s records a second on average", perSecond(float64(r.All.Read)/r.WorkedS))
	}
	if r.Requests > 0 {
		text += fmt.Sprintf("; the %s waited %s in all for their turn", count(r.Requests, "request"), span(r.ThrottledS))
	}
	return text + "."
}

// perSecond writes a rate with the digits that count.
func perSecond(rate float64) string {
	if rate >= 10 {
		return progress.Count(int64(math.Round(rate)))
	}
	return trim(rate)
}

// clock says where on the paper a time is.
type clock struct {
	starts []float64 // of each Stretch
	scale  float64   // per nanosecond
	from   []time.Time
	pause  float64
}

func (t *Timeline) clock(left, right float64) clock {
	n := len(t.Stretch)
	c := clock{starts: make([]float64, n), from: make([]time.Time, n)}
	whole := time.Duration(0)
	for i := range t.Stretch {
		whole += t.Stretch[i].To.Sub(t.Stretch[i].From)
	}
	if n > 1 {
		c.pause = min(widestPause, pausesShare*(right-left)/float64(n-1))
	}
	c.scale = (right - left - c.pause*float64(max(0, n-1))) / float64(max(1, whole))
	x := left
	for i := range t.Stretch {
		c.starts[i], c.from[i] = x, t.Stretch[i].From
		x += float64(t.Stretch[i].To.Sub(t.Stretch[i].From))*c.scale + c.pause
	}
	return c
}

// at is the place of a time in a Stretch.
func (c *clock) at(i int, when time.Time) float64 {
	return c.starts[i] + float64(when.Sub(c.from[i]))*c.scale
}

// drawRuns draws a bar for each run, its number, and where it began.
func (r *Report) drawRuns(d *drawing, c clock, base, low float64) {
	y, free := low+timesHeight, math.Inf(-1)
	for i := range r.Runs {
		run := &r.Runs[i]
		at := r.Timeline.index(run.Begun)
		x1, x2 := c.at(at, run.Begun), c.at(at, run.Ended)
		class := "run"
		if run.early() {
			class = "run early"
		}
		d.rect(x1, y, max(1.5, x2-x1-1), 5, class, fmt.Sprintf("run %d: %s", i+1, run.Outcome))
		if i > 0 && len(r.Runs) <= mostMarks {
			d.line(x1, chartTop, x1, low, "begin")
		}
		label := fmt.Sprintf("run %d", i+1)
		if middle := (x1 + x2) / 2; x2-x1 > textWidth(label) && middle-textWidth(label)/2 > free+5 {
			d.text(middle, y+17, "middle", "tick", label)
			free = middle + textWidth(label)/2
		} else if label = label[4:]; middle-textWidth(label)/2 > free+5 {
			d.text(middle, y+17, "middle", "tick", label)
			free = middle + textWidth(label)/2
		}
	}
	for i := 1; i < len(r.Timeline.Stretch) && c.pause >= 30; i++ {
		before, s := &r.Timeline.Stretch[i-1], &r.Timeline.Stretch[i]
		middle := c.starts[i] - c.pause/2
		d.text(middle, base-7, "middle", "pause", "pause")
		d.text(middle, base-20, "middle", "pause", progress.Span(s.From.Sub(before.To)))
	}
}

// drawTimes writes round times below the chart that ends at low, up to right, and the day and the year where they are new.
func (t *Timeline) drawTimes(d *drawing, c clock, low, right float64) {
	const room = 70.0
	step := stepFor(time.Duration(room/max(c.scale, 1e-15)), 1)
	layout := "15:04"
	switch {
	case step < time.Second:
		layout = "15:04:05.0"
	case step < time.Minute:
		layout = "15:04:05"
	case step >= 24*time.Hour:
		layout = "2 Jan"
	}
	free, day, year := math.Inf(-1), "", ""
	write := func(x float64, when time.Time) {
		label, under := when.Format(layout), ""
		if now := when.Format("2 Jan"); now != day && layout != "2 Jan" {
			under = now
		}
		if now := when.Format("2006"); now != year {
			under = strings.TrimSpace(under + " " + now)
		}
		half := max(textWidth(label), textWidth(under)) / 2
		at := min(max(x, half), right-half)
		if at-half < free {
			return
		}
		d.line(x, low, x, low+5, "base")
		d.text(at, low+18, "middle", "tick", label)
		free = at + textWidth(label)/2 + 8
		if under != "" {
			d.text(at, low+33, "middle", "tick", under)
			free = at + half + 8
			day, year = when.Format("2 Jan"), when.Format("2006")
		}
	}
	for i := range t.Stretch {
		s := &t.Stretch[i]
		first := s.From.UTC().Truncate(step)
		if first.Before(s.From) {
			first = first.Add(step)
		}
		if first.After(s.To) {
			write(c.at(i, s.From), s.From.UTC())
			continue
		}
		for when := first; !when.After(s.To); when = when.Add(step) {
			write(c.at(i, when), when)
		}
	}
}
