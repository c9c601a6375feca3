package notify

import (
	"encoding/json"
	"fmt"
	"time"

	"chatferry"
)

// Kind says how a run ended.
type Kind string

// The Kinds of an Event.
const (
	Done               Kind = "done"    // came to its end; Outcome says whether something was put aside
	Failed             Kind = "failed"  //
	Stopped            Kind = "stopped" // cleanly, by a signal or its deadline
	NeedsAuthorisation Kind = "needs-authorisation"
)

// Format is the first member of an Event.
const Format = "chatferry notification 1"

// Event is what is told.
type Event struct {
	Format        string                      `json:"format"`
	ID            string                      `json:"id"`
	Event         Kind                        `json:"event"`
	At            time.Time                   `json:"at"`
	Text          string                      `json:"text"` // a sentence for a chat room
	Command       string                      `json:"command"`
	RunID         string                      `json:"run_id,omitempty"`
	Host          string                      `json:"host,omitempty"`
	Source        string                      `json:"source,omitempty"`
	Root          string                      `json:"root,omitempty"`
	Phase         string                      `json:"phase,omitempty"`
	ExitCode      int                         `json:"exit_code"`
	Outcome       string                      `json:"outcome"`
	Hint          string                      `json:"hint,omitempty"`
	ElapsedS      float64                     `json:"elapsed_s,omitempty"`
	Streams       map[chatferry.Stream]Counts `json:"streams,omitempty"`
	Quarantined   map[chatferry.Code]int64    `json:"quarantined_by_code,omitempty"`
	Watermark     string                      `json:"watermark,omitempty"`
	Deviations    []string                    `json:"deviations,omitempty"` // from the estimate
	ResumeCommand string                      `json:"resume_command"`
	NextCommand   string                      `json:"next_command,omitempty"` // of a cut-over that is done
}

// Counts is what became of the records of a Stream.
type Counts struct {
	Read        int64  `json:"read"`
	Loaded      int64  `json:"loaded"`
	Quarantined int64  `json:"quarantined"`
	Excluded    int64  `json:"excluded"`
	Superseded  int64  `json:"superseded"`
	State       string `json:"state"`
}

// body is the Event as it is sent.
func (e *Event) body() ([]byte, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write the notification: %w", err)
	}
	return data, nil
}
