package progress

import (
	"time"

	"chatferry"
)

// StreamProgress is how far one Stream is, or all of them together.
type StreamProgress struct {
	Stream      chatferry.Stream `json:"stream"`
	Done        int64            `json:"done_bytes"`  // stored bytes read
	Total       int64            `json:"total_bytes"` // stored bytes; as many as were read while it is Open
	Open        bool             `json:"total_unknown,omitempty"`
	Records     int64            `json:"records"`
	Quarantined int64            `json:"quarantined"`
	Rate        float64          `json:"records_per_s"` // of the window; 0: not known
	ByteRate    float64          `json:"bytes_per_s"`
	ETA         time.Duration    `json:"-"` // negative: not known
	State       string           `json:"state"`
}

// Snapshot is how far a run is.
type Snapshot struct {
	At      time.Time
	Elapsed time.Duration
	All     StreamProgress
	Streams []StreamProgress
	// SinceCommit is the age of the last Checkpoint of this run; negative: there is none yet.
	SinceCommit time.Duration
}

// The states of a Stream.
const (
	Waiting = "waiting"
	Reading = "reading"
	Done    = "done"
)

const (
	window     = 30 * time.Second // over which rates are taken
	leastSpan  = 10 * time.Second // before which there is no estimate
	sampleStep = time.Second
)

// sample is what had been read at an instant.
type sample struct {
	at    time.Time
	bytes map[chatferry.Stream]int64
	recs  map[chatferry.Stream]int64
}

// Snapshot returns how far the run is, and keeps a sample for the rates. It is called at least every few seconds.
func (t *Tracker) Snapshot() Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.sample(now)
	s := Snapshot{At: now, Elapsed: now.Sub(t.started), SinceCommit: -1}
	if !t.commit.IsZero() {
		s.SinceCommit = now.Sub(t.commit)
	}
	first := t.window[0]
	span := now.Sub(first.at)
	s.All.ETA = -1
	done := 0
	var ahead int64 // bytes read in the window, over all Streams
	for _, name := range t.order {
		c := t.streams[name]
		p := StreamProgress{
			Stream: name, Done: c.read, Total: c.size(), Records: c.records, Quarantined: c.quarantined, ETA: -1,
			State: Waiting,
		}
		switch {
		case c.done == c.shards:
			p.State = Done
			done++
		case c.open > 0 || c.done > 0:
			p.State = Reading
		}
		bytes := max(0, c.read-first.bytes[name])
		records := max(0, c.records-first.recs[name])
		p.Rate, p.ByteRate, p.ETA = estimate(span, bytes, records, p.Total-c.read)
		p.Open = c.unknown > 0 && p.State != Done
		if p.State != Reading || p.Open {
			p.ETA = -1
		}
		s.All.Open = s.All.Open || p.Open
		ahead += bytes
		s.All.Done += p.Done
		s.All.Total += p.Total
		s.All.Records += p.Records
		s.All.Quarantined += p.Quarantined
		s.All.Rate += p.Rate
		s.Streams = append(s.Streams, p)
	}
	_, s.All.ByteRate, s.All.ETA = estimate(span, ahead, 0, s.All.Total-s.All.Done)
	if s.All.Open {
		s.All.ETA = -1
	}
	switch {
	case t.state != "":
		s.All.State = t.state
	case len(t.order) == 0:
		s.All.State = Waiting
	case done == len(t.order):
		s.All.State = Done
		s.All.ETA = -1
	default:
		s.All.State = Reading
	}
	return s
}

// estimate returns the rates over a span and the time that is left; all are unknown if the span is short.
func estimate(span time.Duration, bytes, records, left int64) (rate, byteRate float64, eta time.Duration) {
	if span < sampleStep {
		return 0, 0, -1
	}
	rate = float64(records) / span.Seconds()
	byteRate = float64(bytes) / span.Seconds()
	if span < leastSpan || byteRate <= 0 {
		return rate, byteRate, -1
	}
	left = max(0, left)
	seconds := float64(left) / byteRate
	if seconds > (100 * 365 * 24 * time.Hour).Seconds() {
		return rate, byteRate, -1
	}
	return rate, byteRate, time.Duration(seconds * float64(time.Second))
}

// sample keeps what has been read, at most once each sampleStep, and forgets what lies before the window. The oldest
// sample that stays is the last one at or before the window's beginning.
func (t *Tracker) sample(now time.Time) {
	if n := len(t.window); n == 0 || now.Sub(t.window[n-1].at) >= sampleStep {
		s := sample{at: now, bytes: map[chatferry.Stream]int64{}, recs: map[chatferry.Stream]int64{}}
		for name, c := range t.streams {
			s.bytes[name], s.recs[name] = c.read, c.records
		}
		t.window = append(t.window, s)
	}
	from := 0
	for from+1 < len(t.window) && now.Sub(t.window[from+1].at) >= window {
		from++
	}
	t.window = t.window[from:]
}

// share writes how much is done, or a dash.
func (p *StreamProgress) share() string {
	if p.Open {
		return "-"
	}
	return Share(p.Done, p.Total)
}

// done writes how many bytes are done, of how many if that is known.
func (p *StreamProgress) done() string {
	if p.Open {
		return Bytes(p.Done)
	}
	return bytesOf(p.Done, p.Total)
}
