package report

import (
	"slices"
	"time"

	"chatferry/checkpoint"
)

// Run is one run over the dataset, and what it committed.
type Run struct {
	ID      string    `json:"run_id"`
	Version string    `json:"version"`
	Begun   time.Time `json:"begun"`
	// Ended is when it ended, or, of a run that did not, its last sign of life: the last record that it wrote.
	Ended    time.Time `json:"ended"`
	ExitCode *int      `json:"exit_code,omitempty"` // nil: it did not end in good order
	Working  bool      `json:"working,omitempty"`
	Outcome  string    `json:"outcome"`

	Parts       int64 `json:"parts"`
	Records     int64 `json:"records"` // read
	Bytes       int64 `json:"bytes"`   // stored bytes of the source
	Quarantined int64 `json:"quarantined"`
	Requests    int64 `json:"requests"`
	Superseded  int64 `json:"superseded"` // net, by replaces
	Retired     int64 `json:"files_retired"`
	Added       int64 `json:"files_added"` // in their place
	Reopened    int64 `json:"parts_reopened"`

	epoch uint64
}

// Took is how long it worked.
func (r *Run) Took() time.Duration { return r.Ended.Sub(r.Begun) }

// runs fills in the runs, and what only the first and the last of them tell.
func (r *Report) runs(d *checkpoint.Dataset, f *Facts) {
	all := d.Runs()
	r.Runs = make([]Run, 0, len(all))
	by := map[uint64]int{}
	for i := range all {
		s := &all[i]
		run := Run{ID: f.Escape(s.RunID), Version: f.Escape(s.Tool), Begun: s.Opened.UTC(), Ended: s.Opened.UTC(), epoch: s.Epoch}
		if s.Done != nil {
			code := s.Done.ExitCode
			run.ExitCode, run.Ended, run.Outcome = &code, s.DoneAt.UTC(), f.Outcome(code)
		} else {
			run.Outcome = "stopped or was killed before its end"
		}
		by[s.Epoch] = i
		r.Runs = append(r.Runs, run)
		if !slices.Contains(r.Versions, run.Version) {
			r.Versions = append(r.Versions, run.Version)
		}
	}
	for i := range d.Shards {
		for j := range d.Shards[i].Commits {
			p := &d.Shards[i].Commits[j]
			if at, ok := by[p.Epoch]; ok {
				r.Runs[at].commit(p)
			}
		}
	}
	for _, replace := range d.Replaces() {
		if at, ok := by[replace.Epoch]; ok {
			r.Runs[at].replace(&replace)
		}
	}
	if len(all) == 0 {
		return
	}
	first, last := &all[0], &all[len(all)-1]
	end := &r.Runs[len(all)-1]
	if last.Done == nil && f.State == Working {
		end.Working, end.Outcome = true, "works"
	}
	if last.Done == nil && f.Ended.After(end.Ended) {
		end.Ended = f.Ended.UTC()
	}
	r.Begun, r.Ended = first.Opened.UTC(), end.Ended
	r.Trial = last.Shaping["limit"] != "" && last.Shaping["limit"] != "0"
	r.Only, r.Phase = last.Scope["streams"], last.Operation["phase"]
	for i := range r.Runs {
		// A run that was taken over may still have written while the next one worked.
		if i+1 < len(r.Runs) && r.Runs[i].ExitCode == nil && r.Runs[i].Ended.After(r.Runs[i+1].Begun) {
			r.Runs[i].Ended = r.Runs[i+1].Begun
		}
		r.WorkedS += r.Runs[i].Took().Seconds()
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Done != nil {
			r.Watermark = all[i].Done.Watermark
			r.notGiven(all[i].Done, f)
			break
		}
	}
}

// commit counts a Part that the run committed.
func (r *Run) commit(p *checkpoint.PartState) {
	r.alive(p.At)
	if p.Reopened {
		r.Reopened++
		return
	}
	r.Parts++
	r.Records += p.Books.Read.N
	r.Bytes += p.StoredBytes
	r.Quarantined += p.Books.Quarantined.N
	r.Requests += p.Requests
}

// replace counts what the run did to files that were there.
func (r *Run) replace(s *checkpoint.ReplaceState) {
	r.alive(s.At)
	if !s.Done {
		return
	}
	r.Retired += int64(len(s.Retire))
	r.Added += int64(len(s.Add))
	for i := range s.Moves {
		if s.Moves[i].To == checkpoint.Superseded {
			r.Superseded += s.Moves[i].N
		}
		if s.Moves[i].From == checkpoint.Superseded {
			r.Superseded -= s.Moves[i].N
		}
	}
}

// alive notes that the run wrote at that time.
func (r *Run) alive(at time.Time) {
	if r.ExitCode == nil && at.After(r.Ended) {
		r.Ended = at.UTC()
	}
}
