package report

import (
	"html/template"
	"strings"

	"chatferry/cmd/chatferry/progress"
)

// monthsChart draws how many chats began in each month.
func (m *Months) chart(class string, width float64) template.HTML {
	most := int64(0)
	for i := range m.Months {
		most = max(most, m.Months[i].All())
	}
	a := axisFor(float64(most), 4)
	if a.step < 1 {
		a = axis{max(1, float64(most)), 1}
	}
	left := 14 + textWidth(a.label(a.top))
	base := chartTop + chartHeight
	d := newDrawing("months-"+class, class, width, base+24, "Chats by month", m.inWords())
	d.text(0, 12, "start", "axis", "chats per month")
	d.grid(a, left, width-chartRight, base, chartHeight)
	each := (width - chartRight - left) / float64(max(1, len(m.Months)))
	bar := min(40, slim(each))
	free := 0.0
	for i := range m.Months {
		month := &m.Months[i]
		x := left + float64(i)*each
		y := base
		tip := month.Month + ": " + month.inWords()
		for _, one := range []struct {
			n     int64
			class string
		}{{month.Chats, "chats"}, {month.Offline, "offline"}, {month.Other, "other"}} {
			h := chartHeight * float64(one.n) / a.top
			if one.n > 0 {
				d.rect(x+(each-bar)/2, y-h, bar, h, one.class, tip)
			}
			y -= h
		}
		year, label := month.Month[:4], month.Month
		if len(m.Months) > 18 {
			label = year
			if !strings.HasSuffix(month.Month, "-01") {
				continue
			}
			d.line(x, base, x, base+5, "base")
		}
		if at := x + each/2; at-textWidth(label)/2 >= free && at+textWidth(label)/2 <= width {
			d.text(at, base+18, "middle", "tick", label)
			free = at + textWidth(label)/2 + 6
		}
	}
	return d.end()
}

// inWords is a month for who points at it.
func (m *Month) inWords() string {
	text := count(m.Chats, "chat") + ", " + count(m.Offline, "offline message")
	if m.Other > 0 {
		text += ", " + progress.Count(m.Other) + " of other types"
	}
	return text
}

// inWords is the chart for who cannot see it.
func (m *Months) inWords() string {
	if len(m.Months) == 0 {
		return "No chat has a time."
	}
	sum := m.sum()
	return "From " + m.Months[0].Month + " to " + m.Months[len(m.Months)-1].Month + ": " + sum.inWords() + "."
}

func (m *Months) sum() Month {
	sum := Month{Month: "all"}
	for i := range m.Months {
		sum.add(&m.Months[i])
	}
	return sum
}

func (m *Month) add(o *Month) {
	m.Chats += o.Chats
	m.Offline += o.Offline
	m.Other += o.Other
}

// Years sums up the months of each year.
func (m *Months) Years() []Month {
	var years []Month
	for i := range m.Months {
		year := m.Months[i].Month[:4]
		if n := len(years); n == 0 || years[n-1].Month != year {
			years = append(years, Month{Month: year})
		}
		years[len(years)-1].add(&m.Months[i])
	}
	return years
}
