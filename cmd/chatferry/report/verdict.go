package report

import (
	"slices"
	"strings"
	"time"

	"chatferry"
	"chatferry/cmd/chatferry/progress"
)

// Verdict is the answer to the question whether everything is there.
type Verdict struct {
	Level      Level    `json:"level"`
	Sentence   string   `json:"sentence"`
	Exceptions []string `json:"exceptions"`        // what is not as it should be, each in words
	Command    string   `json:"command,omitempty"` // that goes on
}

// Level says how good a Verdict is.
type Level string

// The Levels.
const (
	Complete   Level = "complete"
	Exceptions Level = "exceptions" // complete, and a person should look at something
	Incomplete Level = "incomplete"
	Differs    Level = "differs" // what the logs say is not so
)

// judge says in one sentence what the figures mean.
func (r *Report) judge(f *Facts) Verdict {
	v := Verdict{Exceptions: r.exceptions(), Command: f.Resume}
	records := count(r.All.Read, "record")
	complete := "Complete"
	complete += r.onePhase()
	if r.Only != "" {
		complete += " for the streams that were asked for (" + strings.ReplaceAll(r.Only, ",", ", ") + ")"
	}
	switch {
	case f.Differs != nil:
		what := f.Differs.Error()
		if hint := chatferry.HintOf(f.Differs); hint != "" {
			what += "; " + hint
		}
		v.Level, v.Sentence = Differs, "Something is wrong: "+f.Escape(what)+"."
	case f.State == Empty:
		v.Level, v.Sentence = Incomplete, "Nothing is there yet: no run was begun."
	case f.State == Working:
		v.Level = Incomplete
		v.Sentence = "Not complete yet: a run works. " + r.soFar()
	case f.State == Died:
		v.Level, v.Sentence = Incomplete, "Not complete: the last run was stopped or killed before its end. "+r.soFar()
	case f.State == Stopped:
		v.Level, v.Sentence = Incomplete, "Not complete: the last run ended early. "+r.soFar()
	case len(v.Exceptions) > 0:
		v.Level, v.Sentence = Exceptions, complete+", with exceptions: "+strings.Join(v.Exceptions, "; ")+
			". Each of the "+records+" that were read is accounted for, and the books close."
	case r.All.Read == 1:
		v.Level, v.Sentence = Complete, complete+": the one record that was read is accounted for, and the books close."
	default:
		v.Level, v.Sentence = Complete, complete+": each of the "+records+" that were read is accounted for, and the books close."
	}
	return v
}

// onePhase says what is not there at all since the other phase was not run.
func (r *Report) onePhase() string {
	configuration := func(s Stream) bool { return s.Name.Configuration() }
	switch {
	case r.Phase == "cutover" && !slices.ContainsFunc(r.Streams, func(s Stream) bool { return !configuration(s) }):
		return " for the cut-over, without the history"
	case r.Phase == "backfill" && !slices.ContainsFunc(r.Streams, configuration):
		return " for the backfill, without the configuration"
	}
	return ""
}

// soFar says how much of an unfinished dataset is there.
func (r *Report) soFar() string {
	done := 0
	for i := range r.Streams {
		if r.Streams[i].Done {
			done++
		}
	}
	return "Streams read to their end: " + progress.Count(int64(done)) + " of " + progress.Count(int64(len(r.Streams))) +
		". The books of the " + count(r.All.Read, "record") + " read so far close."
}

// exceptions names what a person should look at, over all runs.
func (r *Report) exceptions() []string {
	what := []string{}
	if r.Trial {
		what = append(what, "only a trial, with the first records of each stream")
	}
	if n := r.All.Quarantined; n == 1 {
		what = append(what, "1 record is in quarantine")
	} else if n > 1 {
		what = append(what, progress.Count(n)+" records are in quarantine")
	}
	if n := int64(len(r.Doubts)); n > 0 {
		what = append(what, count(n, "part")+" of the source may be damaged or incomplete")
	}
	for _, s := range r.NotGiven {
		if !s.Allowed {
			what = append(what, string(s.Stream)+" is "+string(s.Why))
		}
	}
	for i := range r.Streams {
		s := &r.Streams[i]
		if !s.Done && !slices.ContainsFunc(r.NotGiven, func(n NotGiven) bool { return n.Stream == s.Name }) {
			what = append(what, string(s.Name)+" is not read to its end")
		}
	}
	if n := len(r.Runs); n > 0 && len(what) == 0 && r.Runs[n-1].ExitCode != nil && *r.Runs[n-1].ExitCode != 0 {
		what = append(what, "the last run "+r.Runs[n-1].Outcome)
	}
	return what
}

// count writes "1 record" or "3,000 records".
func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return progress.Count(n) + " " + noun
}

// span writes how long something took.
func span(seconds float64) string {
	if seconds > 0 && seconds < 10 {
		return trim(seconds) + "s"
	}
	return progress.Span(time.Duration(seconds * float64(time.Second)))
}
