package report

import (
	"html/template"
	"math"
	"strconv"
	"strings"

	"chatferry/cmd/chatferry/progress"
)

// drawing is an SVG in the making. Its colours are those of the page's style sheet, so that it follows light and dark.
type drawing struct {
	b strings.Builder
}

// newDrawing begins a drawing that is that wide and high, for readers of the page and for those who have it read to them.
func newDrawing(id, class string, width, height float64, title, desc string) *drawing {
	d := &drawing{}
	d.b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" class="` + class + `" role="img" viewBox="0 0 ` + trim(width) + ` ` + trim(height) +
		`" aria-labelledby="` + id + `-title ` + id + `-desc"><title id="` + id + `-title">` + template.HTMLEscapeString(title) +
		`</title><desc id="` + id + `-desc">` + template.HTMLEscapeString(desc) + `</desc>`)
	return d
}

func (d *drawing) end() template.HTML {
	d.b.WriteString("</svg>")
	return template.HTML(d.b.String()) // every text in it was escaped
}

// trim writes a number with at most one digit behind the point.
func trim(f float64) string {
	return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64)
}

// rect draws a bar; tip is shown to who points at it.
func (d *drawing) rect(x, y, width, height float64, class, tip string) {
	d.b.WriteString(`<rect class="` + class + `" x="` + trim(x) + `" y="` + trim(y) + `" width="` + trim(width) + `" height="` + trim(height) + `"`)
	if tip == "" {
		d.b.WriteString("/>")
		return
	}
	d.b.WriteString("><title>" + template.HTMLEscapeString(tip) + "</title></rect>")
}

func (d *drawing) line(x1, y1, x2, y2 float64, class string) {
	d.b.WriteString(`<line class="` + class + `" x1="` + trim(x1) + `" y1="` + trim(y1) + `" x2="` + trim(x2) + `" y2="` + trim(y2) + `"/>`)
}

// text writes one line; anchor is start, middle or end.
func (d *drawing) text(x, y float64, anchor, class, text string) {
	d.b.WriteString(`<text class="` + class + `" x="` + trim(x) + `" y="` + trim(y) + `" text-anchor="` + anchor + `">` + template.HTMLEscapeString(text) + `</text>`)
}

// textWidth is about how wide a text is, in the type of the drawings.
func textWidth(text string) float64 { return 6.7 * float64(len([]rune(text))) }

// axis is a scale from 0 with a few round numbers.
type axis struct {
	top, step float64
}

// axisFor reaches at least as far as most, in about n steps.
func axisFor(most float64, n int) axis {
	if most <= 0 {
		return axis{1, 1}
	}
	raw := most / float64(n)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * unit
	for _, f := range []float64{1, 2, 2.5, 5} {
		if f*unit >= raw*0.999 {
			step = f * unit
			break
		}
	}
	return axis{math.Ceil(most/step-1e-9) * step, step}
}

// label writes a number of the axis.
func (a axis) label(v float64) string {
	if a.step == math.Trunc(a.step) {
		return progress.Count(int64(math.Round(v)))
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}

// grid draws the lines of an axis and its numbers, from left to right and from y upwards over height.
func (d *drawing) grid(a axis, left, right, y, height float64) {
	for i := 0; ; i++ {
		v := float64(i) * a.step
		if v > a.top*1.0001 {
			return
		}
		d.level(left, right, y-height*v/a.top, a.label(v), i == 0)
	}
}

// level draws a line across a chart with what it means, the lowest one stronger.
func (d *drawing) level(left, right, y float64, label string, lowest bool) {
	class := "grid"
	if lowest {
		class = "base"
	}
	d.line(left, y, right, y, class)
	d.text(left-6, y+4, "end", "tick", label)
}

// slim is the width of a bar that has that much room.
func slim(room float64) float64 {
	if room > 3 {
		room--
	}
	return max(0.5, room)
}
