package progress

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// JSON is a View for programs: one JSON object a line, first a start event, then progress events, then one end event.
type JSON struct {
	mu   sync.Mutex
	w    io.Writer
	info Info
}

var _ View = (*JSON)(nil)

// NewJSON returns a View that writes to w.
func NewJSON(w io.Writer) *JSON { return &JSON{w: w} }

// Every implements View.
func (j *JSON) Every() time.Duration { return linesEvery }

// Write implements View.
func (j *JSON) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.w.Write(p)
}

type jsonEvent struct {
	Event       string           `json:"event"` // start, progress or end
	Time        time.Time        `json:"time"`
	Command     string           `json:"command"`
	RunID       string           `json:"run_id"`
	Root        string           `json:"root"`
	ElapsedS    float64          `json:"elapsed_s"`
	Done        int64            `json:"done_bytes"`
	Total       int64            `json:"total_bytes"`
	Records     int64            `json:"records"`
	Quarantined int64            `json:"quarantined"`
	Rate        float64          `json:"records_per_s"`
	ByteRate    float64          `json:"bytes_per_s"`
	ETAS        *float64         `json:"eta_s"`              // null: not known
	SinceCommit *float64         `json:"since_checkpoint_s"` // null: no Checkpoint in this run yet
	State       string           `json:"state"`
	Streams     []StreamProgress `json:"streams"`
	ExitCode    *int             `json:"exit_code,omitempty"`
	Outcome     string           `json:"outcome,omitempty"`
	Message     string           `json:"message,omitempty"`
}

func (j *JSON) event(kind string, s Snapshot, end *End) {
	e := jsonEvent{
		Event: kind, Time: s.At.UTC(), Command: j.info.Command, RunID: j.info.RunID, Root: j.info.Root,
		ElapsedS: round(s.Elapsed.Seconds()), Done: s.All.Done, Total: s.All.Total, Records: s.All.Records,
		Quarantined: s.All.Quarantined, Rate: round(s.All.Rate), ByteRate: round(s.All.ByteRate),
		ETAS: secondsOrNull(s.All.ETA), SinceCommit: secondsOrNull(s.SinceCommit), State: s.All.State,
		Streams: make([]StreamProgress, len(s.Streams)),
	}
	for i, p := range s.Streams {
		p.Rate, p.ByteRate = round(p.Rate), round(p.ByteRate)
		e.Streams[i] = p
	}
	if end != nil {
		e.ExitCode, e.Outcome, e.Message = &end.ExitCode, end.Outcome, end.Message
	}
	line, err := json.Marshal(e)
	if err != nil {
		panic("progress: an event that cannot be encoded: " + err.Error())
	}
	_, _ = j.Write(append(line, '\n'))
}

// Start implements View.
func (j *JSON) Start(i Info, s Snapshot) {
	j.info = i
	j.event("start", s, nil)
}

// Draw implements View.
func (j *JSON) Draw(s Snapshot) { j.event("progress", s, nil) }

// End implements View.
func (j *JSON) End(s Snapshot, e End) { j.event("end", s, &e) }

func secondsOrNull(d time.Duration) *float64 {
	if d < 0 {
		return nil
	}
	f := round(d.Seconds())
	return &f
}

// round keeps a tenth, which is all that the clock and the window give.
func round(f float64) float64 { return float64(int64(f*10+0.5)) / 10 }
