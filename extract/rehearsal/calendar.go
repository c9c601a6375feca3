package rehearsal

import (
	"sort"
	"time"
)

const (
	second = int64(1000) // times inside this package are milliseconds since 1970
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// calendar says when each chat was made. Chats are numbered in the order of their making, and the time of any of them
// is found without looking at the others.
type calendar struct {
	firstDay int64   // days since 1970
	starts   []int64 // of each day: its first chat; one more at the end
	a        *Account
}

var (
	weekdays = [7]float64{0.25, 1.15, 1.1, 1.05, 1, 0.95, 0.35} // from Sunday
	seasons  = [12]float64{0.95, 0.9, 1, 1, 1.05, 1, 0.9, 0.8, 1, 1.05, 1.35, 1.4}
	// hours of work days; nights are quiet but not empty
	hours    = [24]float64{2, 1, 1, 1, 1, 2, 3, 8, 30, 55, 65, 62, 45, 48, 62, 64, 58, 46, 30, 20, 12, 8, 5, 3}
	hourSums = func() (sums [25]float64) {
		for h, w := range hours {
			sums[h+1] = sums[h] + w
		}
		return sums
	}()
)

func newCalendar(a *Account, from, to time.Time, chats int64) *calendar {
	first := from.UTC().Unix() / 86400
	days := int(to.UTC().Unix()/86400 - first)
	c := &calendar{firstDay: first, starts: make([]int64, days+1), a: a}
	sums := make([]float64, days+1)
	for d := range days {
		date := time.Unix((first+int64(d))*86400, 0).UTC()
		w := 1 + 3*float64(d)/float64(days) // growth: four times the chats at the end
		w *= weekdays[date.Weekday()] * seasons[date.Month()-1]
		noise := a.rng(domCalendar, first+int64(d))
		w *= 0.8 + float64(0.4*noise.unit()) // the conversion keeps every processor from fusing the two
		sums[d+1] = sums[d] + w
	}
	for d := range sums {
		c.starts[d] = int64(float64(chats) * (sums[d] / sums[days]))
	}
	c.starts[days] = chats
	return c
}

// dayOf returns the number of the day, counted from the first, on which chat i was made.
func (c *calendar) dayOf(i int64) int {
	return sort.Search(len(c.starts)-2, func(d int) bool { return c.starts[d+1] > i })
}

// made returns when chat i of that day was made.
func (c *calendar) made(i int64, d int) int64 {
	r := c.a.rng(domClock, i)
	u := (float64(i-c.starts[d]) + r.unit()) / float64(c.starts[d+1]-c.starts[d])
	x := u * hourSums[24]
	h := sort.Search(23, func(h int) bool { return hourSums[h+1] > x })
	within := (x - hourSums[h]) / hours[h]
	return (c.firstDay+int64(d))*day + int64(h)*hour + int64(within*float64(hour))
}

// dayStart returns when the day begins.
func (c *calendar) dayStart(d int) int64 { return (c.firstDay + int64(d)) * day }

func (c *calendar) days() int { return len(c.starts) - 1 }

// month is the first day of the month of a time, as 2021-03.
func month(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01") }

// months returns the runs of chats of each month that has any, in order.
func (c *calendar) months() []run {
	var runs []run
	for d := range c.days() {
		from, to := c.starts[d], c.starts[d+1]
		if from == to {
			continue
		}
		m := month(c.dayStart(d))
		if n := len(runs); n > 0 && runs[n-1].name == m {
			runs[n-1].to = to
			continue
		}
		runs = append(runs, run{name: m, from: from, to: to})
	}
	return runs
}

// run is a run of chats [from, to) that stands in one file.
type run struct {
	name     string
	from, to int64
}
