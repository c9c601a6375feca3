package report

import (
	"time"

	"chatferry/checkpoint"
)

// Timeline is what was carried when. The pauses between runs are no part of it.
type Timeline struct {
	StepS   float64   `json:"step_s"` // length of an interval; the last one of a stretch may be shorter
	Stretch []Stretch `json:"stretches"`
}

// Stretch is a time in which runs worked without a long pause between them.
type Stretch struct {
	From      time.Time  `json:"from"`
	To        time.Time  `json:"to"`
	Intervals []Interval `json:"intervals"`
}

// Interval is what was carried in one step of a Stretch. A Part was carried between its first Page and its commit; what it
// holds is spread evenly over that time.
type Interval struct {
	Records     int64 `json:"records"`
	Bytes       int64 `json:"bytes"`        // stored bytes of the source
	LaneMS      int64 `json:"lane_ms"`      // that all Lanes together worked
	ThrottledMS int64 `json:"throttled_ms"` // of these: waited for the source to admit a request
}

// Throttled is the share of the Lanes' time that was spent waiting.
func (i *Interval) Throttled() float64 {
	if i.LaneMS <= 0 {
		return 0
	}
	return min(1, float64(i.ThrottledMS)/float64(i.LaneMS))
}

const (
	// mostIntervals is how many intervals a Timeline has at most, but for one more in each Stretch.
	mostIntervals = 96
	// pauseShare is how long a pause is at least that is left out, of the whole time of work.
	pauseShare = 0.05
)

// steps are the lengths that an interval may have.
var steps = []time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// stepFor is the shortest step of which no more than most make up the whole.
func stepFor(whole time.Duration, most int) time.Duration {
	for _, s := range steps {
		if whole <= s*time.Duration(most) {
			return s
		}
	}
	day := 24 * time.Hour
	return (whole/time.Duration(most)/day + 1) * day
}

// newTimeline spreads what every Part brought over the time in which it was carried.
func newTimeline(d *checkpoint.Dataset, runs []Run) Timeline {
	t := Timeline{Stretch: stretches(runs)}
	whole := time.Duration(0)
	for i := range t.Stretch {
		whole += t.Stretch[i].To.Sub(t.Stretch[i].From)
	}
	step := stepFor(whole, mostIntervals)
	t.StepS = step.Seconds()
	for i := range t.Stretch {
		s := &t.Stretch[i]
		s.Intervals = make([]Interval, max(1, (s.To.Sub(s.From)+step-1)/step))
	}
	begun := map[uint64]time.Time{}
	for i := range runs {
		begun[runs[i].epoch] = runs[i].Begun
	}
	for i := range d.Shards {
		for j := range d.Shards[i].Commits {
			p := &d.Shards[i].Commits[j]
			if p.Reopened {
				continue
			}
			from := p.At.Add(-time.Duration(p.WallMS) * time.Millisecond)
			if at, ok := begun[p.Epoch]; ok && from.Before(at) {
				from = at
			}
			t.spread(p, from)
		}
	}
	return t
}

// stretches joins runs between which there was no long pause.
func stretches(runs []Run) []Stretch {
	work := time.Duration(0)
	for i := range runs {
		work += runs[i].Took()
	}
	long := time.Duration(float64(work) * pauseShare)
	out := []Stretch{}
	for i := range runs {
		r := &runs[i]
		if n := len(out); n > 0 && r.Begun.Sub(out[n-1].To) <= long {
			if r.Ended.After(out[n-1].To) {
				out[n-1].To = r.Ended
			}
			continue
		}
		out = append(out, Stretch{From: r.Begun, To: r.Ended})
	}
	return out
}

// spread adds a Part that was carried from that time until its commit.
func (t *Timeline) spread(p *checkpoint.PartState, from time.Time) {
	s := &t.Stretch[t.index(p.At)]
	if from.Before(s.From) {
		from = s.From
	}
	step := t.step()
	end := min(max(0, p.At.Sub(s.From)), time.Duration(len(s.Intervals))*step)
	begin := min(from.Sub(s.From), end)
	// What lies before a point is rounded, not what lies between two, so that nothing is lost.
	before, done := Interval{}, 0.0
	for at := min(int(begin/step), len(s.Intervals)-1); done < 1 && at < len(s.Intervals); at++ {
		done = 1
		if to := time.Duration(at+1) * step; to < end && at+1 < len(s.Intervals) {
			done = float64(to-begin) / float64(end-begin)
		}
		upTo := Interval{part(p.Books.Read.N, done), part(p.StoredBytes, done), part(p.WallMS, done), part(p.ThrottledMS, done)}
		i := &s.Intervals[at]
		i.Records += upTo.Records - before.Records
		i.Bytes += upTo.Bytes - before.Bytes
		i.LaneMS += upTo.LaneMS - before.LaneMS
		i.ThrottledMS += upTo.ThrottledMS - before.ThrottledMS
		before = upTo
	}
}

func part(n int64, share float64) int64 {
	if share >= 1 {
		return n
	}
	return int64(float64(n) * share)
}

// datedInterval is an Interval with its time.
type datedInterval struct {
	Interval
	From, To time.Time
	stretch  int // its number
}

// each calls yield with all intervals in order.
func (t *Timeline) each(yield func(datedInterval) bool) {
	step := t.step()
	for i := range t.Stretch {
		s := &t.Stretch[i]
		for j, n := range s.Intervals {
			from := s.From.Add(time.Duration(j) * step)
			to := from.Add(step)
			if to.After(s.To) {
				to = s.To
			}
			if !yield(datedInterval{n, from, to, i}) {
				return
			}
		}
	}
}

// rate is in records a second. The last interval of a Stretch may be so short that its rate says nothing: it counts as a
// quarter of a step at least.
func (n *datedInterval) rate(stepS float64) float64 {
	return float64(n.Records) / max(n.To.Sub(n.From).Seconds(), stepS/4)
}

func (t *Timeline) step() time.Duration { return time.Duration(t.StepS * float64(time.Second)) }

// index is the number of the Stretch that a time lies in; of clocks that went wrong, of the nearest before.
func (t *Timeline) index(when time.Time) int {
	at := 0
	for i := range t.Stretch {
		if !t.Stretch[i].From.After(when) {
			at = i
		}
	}
	return at
}
