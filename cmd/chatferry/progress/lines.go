package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Lines is a View that writes a line at the start, one every half minute, and one at the end: for logs, where a bar
// would be noise.
type Lines struct {
	mu sync.Mutex
	w  io.Writer
}

var _ View = (*Lines)(nil)

// linesEvery is how often Lines and JSON write.
const linesEvery = 30 * time.Second

// NewLines returns a View that writes to w.
func NewLines(w io.Writer) *Lines { return &Lines{w: w} }

// Every implements View.
func (l *Lines) Every() time.Duration { return linesEvery }

// Write implements View.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (l *Lines) line(at time.Time, text string) {
	_, _ = fmt.Fprintf(l, "%s %s\n", at.UTC().Format(time.RFC3339), text)
}

// Start implements View.
func (l *Lines) Start(i Info, s Snapshot) {
	text := fmt.Sprintf("%s %s to %s", i.Command, i.RunID, i.Root)
	if len(s.Streams) > 0 {
		text += fmt.Sprintf(": %s in %d streams", Bytes(s.All.Total), len(s.Streams))
		if s.All.Open {
			text += ", and what is not known yet"
		}
	}
	if s.All.Done > 0 && !s.All.Open {
		text += ", " + Share(s.All.Done, s.All.Total) + " of it by earlier runs"
	}
	l.line(s.At, text)
}

// Draw implements View.
func (l *Lines) Draw(s Snapshot) { l.line(s.At, Line(s)) }

// End implements View.
func (l *Lines) End(s Snapshot, e End) {
	text := fmt.Sprintf("%s (exit code %d) after %s", e.Outcome, e.ExitCode, Span(s.Elapsed))
	if len(s.Streams) > 0 {
		text += " | " + Line(s)
	}
	l.line(s.At, text)
}

// Line says on one line how far the run is.
func Line(s Snapshot) string {
	parts := []string{
		s.All.share(),
		s.All.done(),
		Count(s.All.Records) + " records",
	}
	if s.All.State != Done {
		parts = append(parts, perSecond(s.All.Rate))
		eta := "ETA not known yet"
		if s.All.ETA >= 0 {
			eta = "ETA " + Span(s.All.ETA)
		}
		parts = append(parts, eta)
	}
	state := s.All.State
	if state == Reading {
		var names []string
		for _, p := range s.Streams {
			if p.State == Reading {
				names = append(names, string(p.Stream))
			}
		}
		if len(names) > 0 {
			state += " " + strings.Join(names, ", ")
		}
	}
	parts = append(parts, state, "quarantined "+Count(s.All.Quarantined))
	if s.SinceCommit >= 0 {
		parts = append(parts, "checkpoint "+Span(s.SinceCommit)+" ago")
	}
	return strings.Join(parts, " | ")
}
