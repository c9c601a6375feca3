package main

import (
	"encoding/json"
	"fmt"
	"time"

	"chatferry"
	"chatferry/cmd/chatferry/estimate"
)

// result is what a run says about itself at its end: the one object of --json, and the source of the summary.
type result struct {
	Command       string                            `json:"command"`
	OK            bool                              `json:"ok"`
	ExitCode      int                               `json:"exit_code"`
	Trial         bool                              `json:"trial,omitempty"` // only the first records of each Stream were read
	RunID         string                            `json:"run_id"`
	Root          string                            `json:"root"`
	Streams       map[chatferry.Stream]streamResult `json:"streams"`
	Tables        map[chatferry.Table]tableResult   `json:"tables"`
	Replay        *replayResult                     `json:"replay,omitempty"`
	Quarantined   map[chatferry.Code]int64          `json:"quarantined_by_code,omitempty"`
	Excluded      map[string]int64                  `json:"excluded_by_reason,omitempty"`
	Doubts        []chatferry.Doubt                 `json:"doubts,omitempty"`
	Ignored       []ignoredFile                     `json:"ignored,omitempty"`
	Requests      int64                             `json:"requests,omitempty"`    // of the API, over all runs
	ThrottledS    float64                           `json:"throttled_s,omitempty"` // of all Lanes together
	Watermark     string                            `json:"watermark,omitempty"`   // every change before it was read; of accounts
	ElapsedS      float64                           `json:"elapsed_s"`
	ResumeCommand string                            `json:"resume_command"`
	Phase         *phaseResult                      `json:"phase,omitempty"`
	Estimate      *estimate.Comparison              `json:"estimate,omitempty"` // what was planned, against what came
	// Identities are the agents and departments that were found again in the upgraded account; nil: they were not looked at.
	Identities map[chatferry.Stream]identityResult `json:"identities,omitempty"`
	// QuarantineCommand shows the Rejects.
	QuarantineCommand string       `json:"-"`
	Error             *resultError `json:"error"`
}

// streamResult is what became of the records of a Stream, over all runs of the dataset.
type streamResult struct {
	Read        int64  `json:"read"`
	Loaded      int64  `json:"loaded"`
	Quarantined int64  `json:"quarantined"`
	Excluded    int64  `json:"excluded"`
	Superseded  int64  `json:"superseded"`
	Absent      int64  `json:"absent,omitempty"` // named by the source and then not given: deleted meanwhile
	BytesRead   int64  `json:"bytes_read"`       // stored bytes of the source
	State       string `json:"state"`            // done, reading or waiting; missing or forbidden
}

// tableResult is what the dataset holds of a table.
type tableResult struct {
	Rows         int64 `json:"rows"`
	Files        int64 `json:"files"`
	BytesWritten int64 `json:"bytes_written"`
}

// ignoredFile is a file of the dump that holds no records of any Stream.
type ignoredFile struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// resultError is an error as programs read it.
type resultError struct {
	Code    string `json:"code"` // the exit code's name
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// notGiven marks a Stream that the source did not give.
func (r *result) notGiven(name chatferry.Stream, why chatferry.Availability) {
	s := r.Streams[name]
	s.State = string(why)
	r.Streams[name] = s
}

// resultErrorOf describes the branch of err that decides the exit code.
func resultErrorOf(err error) *resultError {
	if err == nil {
		return nil
	}
	code, cause := gravest(err)
	return &resultError{Code: outcomeName(code), Message: cause.Error(), Hint: chatferry.HintOf(cause)}
}

// seconds is a duration with milliseconds.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// printResult prints the result as the one JSON object.
func (a *app) printResult(r *result) error {
	if r.Streams == nil {
		r.Streams = map[chatferry.Stream]streamResult{}
	}
	if r.Tables == nil {
		r.Tables = map[chatferry.Table]tableResult{}
	}
	return a.printJSON(r)
}

// printJSON prints v as one indented object on stdout.
func (a *app) printJSON(v any) error {
	data, err := indented(v)
	if err != nil {
		return err
	}
	a.printed = true
	_, err = a.stdout.Write(data)
	return printError(err)
}

// indented is v as one indented object.
func indented(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("print the result: %w", err)
	}
	return append(data, '\n'), nil
}

// printError is the error of a result that could not be written to stdout.
func printError(err error) error {
	if err == nil {
		return nil
	}
	return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "print the result", Err: err, Hint: "look at where stdout goes"}
}
