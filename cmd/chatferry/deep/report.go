package deep

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"chatferry"
)

// Kind says in what a dataset differs from its source. Kinds are documented API: they are never renamed.
type Kind string

// The Kinds.
const (
	Missing Kind = "missing" // a record of the source that is neither a row, nor in the ledger, nor in quarantine
	Extra   Kind = "extra"   // a row, or an entry of the ledger or the quarantine, of a record that the source has not
	Changed Kind = "changed" // a record whose values, or whose bytes, are not those of the source
	Column  Kind = "column"  // a record that can be rebuilt, but stands in columns that say something else
	Reject  Kind = "reject"  // a record in quarantine for a reason that it does not have
	Count   Kind = "count"   // files, or a stretch of time, of which the source counts other records
)

// Difference is one record in which a dataset differs from its source. It holds no values: they are personal data.
type Difference struct {
	Kind   Kind             `json:"kind"`
	Stream chatferry.Stream `json:"stream"`
	ID     string           `json:"id,omitempty"`     // the record's key at the source
	Place  string           `json:"place"`            // in the source
	Fields []string         `json:"fields,omitempty"` // JSON paths
	What   string           `json:"what"`
}

// String is the difference in one sentence.
func (d *Difference) String() string {
	var b strings.Builder
	b.WriteString(string(d.Stream))
	if d.ID != "" {
		fmt.Fprintf(&b, " %s", d.ID)
	}
	if d.Place != "" {
		fmt.Fprintf(&b, " (%s)", d.Place)
	}
	fmt.Fprintf(&b, ": %s", d.What)
	if len(d.Fields) > 0 {
		fmt.Fprintf(&b, ": %s", strings.Join(d.Fields, ", "))
		if len(d.Fields) == mostPaths {
			b.WriteString(", …")
		}
	}
	return b.String()
}

// Tally counts the records of a Stream by what became of them.
type Tally struct {
	Source      int64 `json:"source"` // records that the source has
	Bytes       int64 `json:"bytes"`
	Equal       int64 `json:"equal"`           // rows that were compared value by value, without a difference
	ByRule      int64 `json:"changed_by_rule"` // rows of records that came out of quarantine by a rule, which has changed them
	Quarantined int64 `json:"quarantined"`
	Excluded    int64 `json:"excluded"`
	Superseded  int64 `json:"superseded"`
	Missing     int64 `json:"missing"`
	Extra       int64 `json:"extra"`
	Changed     int64 `json:"changed"` // with those whose columns or reasons are wrong
}

func (t *Tally) add(o Tally) {
	t.Source += o.Source
	t.Bytes += o.Bytes
	t.Equal += o.Equal
	t.ByRule += o.ByRule
	t.Quarantined += o.Quarantined
	t.Excluded += o.Excluded
	t.Superseded += o.Superseded
	t.Missing += o.Missing
	t.Extra += o.Extra
	t.Changed += o.Changed
}

// Report says what was compared and what was found.
type Report struct {
	Streams map[chatferry.Stream]Tally `json:"streams"`
	Parts   int64                      `json:"parts"`                 // that were compared
	Waiting int                        `json:"shards_not_read_whole"` // of them what is committed was compared
	// Recounted are the records that a second way of cutting the files gives as well; Uncounted are the Shards of which, since
	// their files are damaged, none can be told.
	Recounted int64 `json:"records_recounted"`
	Uncounted int   `json:"shards_not_recounted"`
	// Elsewhere are the Streams with records that do not come from this source, which were not compared.
	Elsewhere   []chatferry.Stream `json:"elsewhere"`
	Differences []Difference       `json:"differences"`
	More        int64              `json:"more_differences"`
}

// mostDifferences is how many are kept; the others are counted.
const mostDifferences = 1000

// findings collects the report, from several goroutines.
type findings struct {
	mu     sync.Mutex
	report Report
}

func (f *findings) add(d Difference) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.report.Differences) == mostDifferences {
		f.report.More++
		return
	}
	f.report.Differences = append(f.report.Differences, d)
}

// full reports whether no further difference is kept.
func (f *findings) full() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.report.Differences) == mostDifferences
}

func (f *findings) count(s chatferry.Stream, t Tally) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := f.report.Streams[s]
	sum.add(t)
	f.report.Streams[s] = sum
}

// sorted returns the report, its differences in an order that does not depend on who found them first.
func (f *findings) sorted() *Report {
	slices.SortStableFunc(f.report.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Place, b.Place), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind))
	})
	return &f.report
}
