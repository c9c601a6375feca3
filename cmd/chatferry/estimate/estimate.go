package estimate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"chatferry"
)

// Certainty says how a figure was found.
type Certainty string

// The Certainties, the surest first.
const (
	Counted Certainty = "counted" // the source says so, or all of it was looked at
	Sampled Certainty = "sampled" // reckoned from a part of the source
	Assumed Certainty = "assumed" // what is usual
)

// weaker returns the less sure of two.
func weaker(a, b Certainty) Certainty {
	for _, c := range []Certainty{Assumed, Sampled, Counted} {
		if a == c || b == c {
			return c
		}
	}
	return Assumed
}

// Figure is a number and how it was found.
type Figure struct {
	N     int64     `json:"n"`
	Known Certainty `json:"known"`
}

// plus adds two figures; the sum is as sure as the less sure of them.
func (f Figure) plus(g Figure) Figure {
	switch {
	case f.Known == "":
		return g
	case g.Known == "":
		return f
	}
	return Figure{f.N + g.N, weaker(f.Known, g.Known)}
}

// Stream is what is planned of a Stream.
type Stream struct {
	Endpoint string                 `json:"endpoint,omitempty"` // of an account
	Reason   string                 `json:"reason,omitempty"`   // why it is read in this way
	Absent   chatferry.Availability `json:"absent,omitempty"`   // the source does not give it
	AtLeast  bool                   `json:"at_least,omitempty"` // there is more than was looked at
	Files    int64                  `json:"files,omitempty"`    // of a dump
	Records  Figure                 `json:"records"`            //
	Bytes    Figure                 `json:"bytes"`              // stored bytes that are read
	Raw      Figure                 `json:"raw_bytes"`          // uncompressed
	Written  Figure                 `json:"bytes_written"`      //
	Requests Figure                 `json:"requests"`           //
	Months   map[string]int64       `json:"months,omitempty"`   // records by "2021-03"
	ByMonth  Certainty              `json:"by_month,omitempty"` // how Months was found
	chain    int64                  // requests that wait for each other; 0: all of them
	latency  time.Duration          // of one
}

// Phase is what a phase takes.
type Phase struct {
	Requests Figure    `json:"requests"`
	Seconds  float64   `json:"seconds"`
	Known    Certainty `json:"known"`
}

// Took is the time of the phase.
func (p Phase) Took() time.Duration { return time.Duration(p.Seconds * float64(time.Second)) }

// The verdicts about a window.
const (
	FitsYes     = "yes"
	FitsNo      = "no"
	FitsWithout = "without" // if some Streams are left for later
)

// Window says whether the cut-over fits into the time in which Chat stands still.
type Window struct {
	Seconds  float64            `json:"seconds"`
	Fits     string             `json:"fits"`
	Without  []chatferry.Stream `json:"without,omitempty"`
	Needs    float64            `json:"needs_seconds"` // what is carried then
	AtLeast  bool               `json:"at_least"`      // there is more of a Stream than was looked at
	Backfill bool               `json:"backfill_fits"` // the rest fits as well
}

// Format is the first member of an estimate file.
const Format = "chatferry estimate 1"

// Estimate is what carrying a source over takes.
type Estimate struct {
	Format    string                       `json:"format"`
	Made      time.Time                    `json:"made"`
	Tool      string                       `json:"tool"`
	Source    string                       `json:"source"`
	Account   string                       `json:"account,omitempty"` // fingerprint
	PerMinute float64                      `json:"requests_per_minute,omitempty"`
	LatencyS  float64                      `json:"latency_s,omitempty"` // of an answer, the median
	Planning  int64                        `json:"planning_requests,omitempty"`
	Streams   map[chatferry.Stream]*Stream `json:"streams"`
	Cutover   Phase                        `json:"cutover"`
	Backfill  Phase                        `json:"backfill"`
	Window    Window                       `json:"window"`
	Disk      Figure                       `json:"disk_bytes"` // that must be free
	FreeDisk  int64                        `json:"free_disk_bytes,omitempty"`
	Memory    Figure                       `json:"memory_bytes"`
	Lanes     int                          `json:"lanes"`
}

// Phase returns what a run of a phase, "cutover" or "backfill", takes; of any other word both together.
func (e *Estimate) Phase(name string) Phase {
	switch name {
	case "cutover":
		return e.Cutover
	case "backfill":
		return e.Backfill
	}
	return Phase{
		Requests: e.Cutover.Requests.plus(e.Backfill.Requests), Seconds: e.Cutover.Seconds + e.Backfill.Seconds,
		Known: weaker(e.Cutover.Known, e.Backfill.Known),
	}
}

// mostFile is far beyond any estimate.
const mostFile = 16 << 20

// Load reads an estimate file.
func Load(name string) (*Estimate, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the estimate: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the estimate: %w", err)
	}
	e := &Estimate{}
	if len(data) > mostFile {
		err = errors.New("it is larger than 16 MiB")
	} else {
		err = json.Unmarshal(data, e)
	}
	if err == nil && e.Format != Format {
		err = fmt.Errorf("its format is %q and not %q", e.Format, Format)
	}
	for name, s := range e.Streams {
		if err == nil && (s == nil || !name.Known()) {
			err = fmt.Errorf("there is no stream %q", name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s is no estimate: %w", name, err)
	}
	return e, nil
}
