package report

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"chatferry"
	"chatferry/checkpoint"
)

// The figures of a report are those that were put into the logs.
func TestFigures(t *testing.T) {
	for i, tt := range datasets {
		t.Run(tt.name, func(t *testing.T) {
			m, r := reported(t, i)
			if r.Verdict.Level != tt.level {
				t.Errorf("the verdict is %s: %s", r.Verdict.Level, r.Verdict.Sentence)
			}
			all := Stream{Name: "all", Done: true, Closes: true}
			for j := range r.Streams {
				s := &r.Streams[j]
				if diff := cmp.Diff(m.know[s.Name], s); diff != "" {
					t.Errorf("%s differs (-made +reported):\n%s", s.Name, diff)
				}
				all.add(s)
			}
			if len(r.NotHeld) != len(chatferry.Given())-len(m.know) {
				t.Errorf("%d streams are not held", len(r.NotHeld))
			}
			if len(r.Streams) != len(m.know) || r.All != all {
				t.Errorf("%d streams, in all %+v", len(r.Streams), r.All)
			}
			why := map[string]int64{}
			for _, e := range r.Excluded {
				why[e.Reason] += e.Count
			}
			if diff := cmp.Diff(m.why, why); diff != "" {
				t.Errorf("what is excluded differs:\n%s", diff)
			}
			var tables []Table
			for _, name := range slices.Sorted(maps.Keys(m.table)) {
				tables = append(tables, *m.table[name])
			}
			if diff := cmp.Diff(tables, r.Tables); diff != "" {
				t.Errorf("the tables differ:\n%s", diff)
			}
			if diff := cmp.Diff(m.runs, r.Runs, cmpopts.IgnoreUnexported(Run{}), cmpopts.IgnoreFields(Run{}, "Outcome", "Version")); diff != "" {
				t.Errorf("the runs differ:\n%s", diff)
			}
			if bad := m.know[chatferry.Chats].Quarantined > 0; (len(r.Doubts) > 0) != bad || r.Aside.Quarantine.Rows != r.All.Quarantined {
				t.Errorf("%d doubts, %d records in the files of the quarantine", len(r.Doubts), r.Aside.Quarantine.Rows)
			}
			var sum Interval
			for _, n := range r.intervals() {
				sum.Records += n.Records
				sum.Bytes += n.Bytes
				sum.ThrottledMS += n.ThrottledMS
				if n.Records < 0 || n.Bytes < 0 || n.ThrottledMS < 0 || n.LaneMS < 0 {
					t.Errorf("an interval with less than nothing: %+v", n)
				}
			}
			if sum.Records != all.Read || sum.Bytes != all.Bytes || sum.ThrottledMS != m.wait {
				t.Errorf("the intervals hold %+v, of %d records, %d bytes and %d ms of waiting", sum, all.Read, all.Bytes, m.wait)
			}
		})
	}
}

// A long pause is left out of the timeline, a short one is not, and a Part lies where it was carried.
func TestTimeline(t *testing.T) {
	m, r := reported(t, 2)
	if n := len(r.Timeline.Stretch); n != 2 {
		t.Fatalf("%d stretches", n)
	}
	if first := r.Timeline.Stretch[0]; !first.From.Equal(m.runs[0].Begun) || !first.To.Equal(m.runs[0].Ended) {
		t.Errorf("the first stretch is from %s to %s", first.From, first.To)
	}

	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	line := Timeline{StepS: 5, Stretch: []Stretch{{From: at, To: at.Add(40 * time.Second), Intervals: make([]Interval, 8)}}}
	p := &checkpoint.PartState{At: at.Add(20 * time.Second)}
	p.Books.Read.N, p.WallMS, p.ThrottledMS = 101, 9000, 3000
	line.spread(p, at.Add(11*time.Second))
	var records []int64
	for _, n := range line.Stretch[0].Intervals {
		records = append(records, n.Records)
	}
	if diff := cmp.Diff([]int64{0, 0, 44, 57, 0, 0, 0, 0}, records); diff != "" {
		t.Errorf("the records lie elsewhere:\n%s", diff)
	}
	// A clock that went back, or on beyond the end of the run, loses nothing.
	for _, off := range []time.Duration{-time.Hour, 0, 40 * time.Second, time.Hour} {
		p.At = at.Add(off)
		line.spread(p, p.At)
	}
	sum := int64(0)
	for _, n := range line.Stretch[0].Intervals {
		sum += n.Records
	}
	if sum != 5*101 {
		t.Errorf("%d records", sum)
	}
}

// The verdict in the words that a person reads.
func TestVerdicts(t *testing.T) {
	whole := func() *Report {
		code := 0
		return &Report{
			All: Stream{Read: 1200, Done: true, Closes: true}, Streams: []Stream{{Name: chatferry.Chats, Read: 1200, Done: true, Closes: true}},
			Runs: []Run{{ExitCode: &code}},
		}
	}
	for _, tt := range []struct {
		name  string
		state State
		edit  func(r *Report, f *Facts)
		level Level
		want  string
	}{
		{"complete", Done, func(*Report, *Facts) {}, Complete, "Complete: each of the 1,200 records that were read is accounted for, and the books close."},
		{"empty", Empty, func(*Report, *Facts) {}, Incomplete, "Nothing is there yet: no run was begun."},
		{"rejects", Done, func(r *Report, _ *Facts) { r.All.Quarantined = 2 }, Exceptions, "Complete, with exceptions: 2 records are in quarantine. Each of the 1,200 records that were read is accounted for, and the books close."},
		{
			"missing", Done, func(r *Report, _ *Facts) {
				r.NotGiven = []NotGiven{{chatferry.Bans, chatferry.Forbidden, false}, {chatferry.Goals, chatferry.Missing, true}}
			},
			Exceptions, "Complete, with exceptions: bans is forbidden. Each of the 1,200 records that were read is accounted for, and the books close.",
		},
		{"trial", Done, func(r *Report, _ *Facts) { r.Trial = true }, Exceptions, "Complete, with exceptions: only a trial, with the first records of each stream. Each of the 1,200 records that were read is accounted for, and the books close."},
		{"some streams", Done, func(r *Report, _ *Facts) { r.Only = "chats,agents" }, Complete, "Complete for the streams that were asked for (chats, agents): each of the 1,200 records that were read is accounted for, and the books close."},
		{"a backfill alone", Done, func(r *Report, _ *Facts) { r.Phase = "backfill" }, Complete, "Complete for the backfill, without the configuration: each of the 1,200 records that were read is accounted for, and the books close."},
		{"a cut-over alone", Done, func(r *Report, _ *Facts) { r.Phase, r.Streams[0].Name = "cutover", chatferry.Agents }, Complete, "Complete for the cut-over, without the history: each of the 1,200 records that were read is accounted for, and the books close."},
		{"a cut-over made anew", Done, func(r *Report, _ *Facts) { r.Phase = "cutover" }, Complete, "Complete: each of the 1,200 records that were read is accounted for, and the books close."},
		{"not to its end", Done, func(r *Report, _ *Facts) { r.Streams[0].Done = false }, Exceptions, "Complete, with exceptions: chats is not read to its end. Each of the 1,200 records that were read is accounted for, and the books close."},
		{"killed", Died, func(*Report, *Facts) {}, Incomplete, "Not complete: the last run was stopped or killed before its end. Streams read to their end: 1 of 1. The books of the 1,200 records read so far close."},
		{"wrong", Done, func(_ *Report, f *Facts) { f.Differs = errHostile }, Differs, "Something is wrong: " + errHostile.Error() + "."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := whole()
			f := (&made{}).facts(tt.state)
			tt.edit(r, f)
			if v := r.judge(f); v.Level != tt.level || v.Sentence != tt.want {
				t.Errorf("%s: %s", v.Level, v.Sentence)
			}
		})
	}
}

// The Markdown of each dataset is what it was.
func TestMarkdownGolden(t *testing.T) {
	for i, tt := range datasets {
		t.Run(tt.name, func(t *testing.T) {
			_, r := reported(t, i)
			var got bytes.Buffer
			if err := r.Markdown(&got); err != nil {
				t.Fatal(err)
			}
			name := "testdata/" + tt.name + ".md"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("it differs; UPDATE_GOLDEN=1 takes the new one:\n%s", diff)
			}
		})
	}
}
