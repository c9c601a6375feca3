package progress

import (
	"io"
	"sync"
	"time"
)

// Info says what run this is.
type Info struct {
	Command string // "run", "resume"
	RunID   string
	Root    string
}

// End says how the run ended.
type End struct {
	ExitCode int
	Outcome  string // the exit code's name
	Message  string // of the error; empty if there was none
}

// A View shows Snapshots. Its methods are not called at the same time, except Write.
type View interface {
	// Start is called once, before the first Draw, and End once, after the last.
	Start(Info, Snapshot)
	Draw(Snapshot)
	End(Snapshot, End)
	// Every is how often it wants to draw; zero: never.
	Every() time.Duration
	// Write lets others write whole lines, such as logs, to where the View draws.
	io.Writer
}

// Runner lets a View draw until the run has ended.
type Runner struct {
	tracker *Tracker
	view    View
	stop    chan struct{}
	joined  sync.WaitGroup
}

// Run starts to draw.
func Run(t *Tracker, v View, info Info) *Runner {
	r := &Runner{tracker: t, view: v, stop: make(chan struct{})}
	v.Start(info, t.Snapshot())
	if every := v.Every(); every > 0 {
		r.joined.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-r.stop:
					return
				case <-tick.C:
					v.Draw(t.Snapshot())
				}
			}
		})
	}
	return r
}

// Finish draws for the last time and returns when the View is done with its writer.
func (r *Runner) Finish(end End) {
	close(r.stop)
	r.joined.Wait()
	r.view.End(r.tracker.Snapshot(), end)
}

// Silent is a View that shows nothing.
type Silent struct{ W io.Writer }

var _ View = Silent{}

// Start implements View.
func (Silent) Start(Info, Snapshot) {}

// Draw implements View.
func (Silent) Draw(Snapshot) {}

// End implements View.
func (Silent) End(Snapshot, End) {}

// Every implements View.
func (Silent) Every() time.Duration { return 0 }

// Write implements View.
func (s Silent) Write(p []byte) (int, error) { return s.W.Write(p) }
