package estimate

import (
	"fmt"
	"math"
	"time"

	"chatferry"
)

// Actual is what a Stream took in truth, over all runs of a dataset.
type Actual struct {
	Records  int64 // that the dataset accounts for, each once
	Bytes    int64 // stored bytes that were read
	Requests int64
	Done     bool // the Stream is read to its end
}

// Compared is a Stream as it was planned and as it came.
type Compared struct {
	Stream  chatferry.Stream `json:"stream"`
	Planned Numbers          `json:"planned"`
	Actual  Numbers          `json:"actual"`
	Known   Certainty        `json:"known"` // how the planned records were found
	Done    bool             `json:"done"`
}

// Numbers are what is compared.
type Numbers struct {
	Records  int64 `json:"records"`
	Bytes    int64 `json:"bytes"`
	Requests int64 `json:"requests"`
}

// Comparison holds an estimate against what was carried.
type Comparison struct {
	Made       time.Time  `json:"made"`
	Streams    []Compared `json:"streams"`
	Planned    float64    `json:"planned_seconds,omitempty"` // of a phase that one run carried from its beginning to its end
	Actual     float64    `json:"actual_seconds,omitempty"`
	Deviations []string   `json:"deviations"`
}

// tolerance is by what share a figure may be off before it is named, and by how much it may be off in any case.
var tolerance = map[Certainty]float64{Counted: 0.02, Sampled: 0.25, Assumed: 1}

const (
	idleRecords = 5
	idleSampled = 50 // of what was not counted
	idleBytes   = 64 << 10
	// A request more or less proves an end, or does not have to.
	idleRequests = 4
	idleSeconds  = 2
)

// off says how far an actual figure is from what was planned; "" if that is within what may be expected.
func off(planned, actual float64, known Certainty, idle float64) string {
	diff := actual - planned
	if math.Abs(diff) <= idle || math.Abs(diff) <= tolerance[known]*planned {
		return ""
	}
	if planned <= 0 {
		return "none were planned"
	}
	share := math.Round(math.Abs(diff) / planned * 100)
	if diff < 0 {
		return fmt.Sprintf("%.0f %% less", share)
	}
	return fmt.Sprintf("%.0f %% more", share)
}

// Compare holds the estimate against what was carried of the Streams that carried names. Of a Stream that is not read to its
// end only too much is a deviation.
func (e *Estimate) Compare(actual map[chatferry.Stream]Actual, carried func(chatferry.Stream) bool) *Comparison {
	c := &Comparison{Made: e.Made, Streams: []Compared{}, Deviations: []string{}}
	for _, name := range chatferry.Streams() {
		s, got := e.Streams[name], actual[name]
		_, came := actual[name]
		if !carried(name) || s == nil && (!came || got.Records == 0) {
			continue
		}
		if s == nil {
			s = &Stream{Records: Figure{0, Assumed}, Bytes: Figure{0, Assumed}, Requests: Figure{0, Assumed}}
		}
		row := Compared{
			Stream: name, Known: s.Records.Known, Done: got.Done,
			Planned: Numbers{s.Records.N, s.Bytes.N, s.Requests.N}, Actual: Numbers{got.Records, got.Bytes, got.Requests},
		}
		c.Streams = append(c.Streams, row)
		say := func(what string, planned, actual int64, known Certainty, idle float64) {
			text := off(float64(planned), float64(actual), known, idle)
			if text == "" || actual < planned && (!got.Done || s.AtLeast) || actual > planned && s.AtLeast {
				return
			}
			c.Deviations = append(c.Deviations, fmt.Sprintf("%s: %d %s instead of %d (%s), %s", name, actual, what, planned, known, text))
		}
		idle := float64(idleRecords)
		if s.Records.Known != Counted {
			idle = idleSampled
		}
		say("records", s.Records.N, got.Records, s.Records.Known, idle)
		say("bytes", s.Bytes.N, got.Bytes, weaker(s.Bytes.Known, Sampled), idleBytes) // sweeps read some again
		if s.Endpoint != "" {
			say("requests", s.Requests.N, got.Requests, weaker(s.Requests.Known, Sampled), idleRequests)
		}
	}
	return c
}

// Timed adds how long a phase took that one run carried from its beginning to its end.
func (c *Comparison) Timed(planned Phase, took time.Duration) {
	c.Planned, c.Actual = planned.Seconds, took.Seconds()
	if text := off(c.Planned, c.Actual, Sampled, idleSeconds); text != "" {
		c.Deviations = append(c.Deviations, fmt.Sprintf("time: %.0f s instead of %.0f s, %s", c.Actual, c.Planned, text))
	}
}
