package verify

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Kind says in what a dataset differs from its logs. Kinds are documented API: they are never renamed.
type Kind string

// The Kinds.
const (
	DamagedLog Kind = "log"         // a record of a log is damaged, missing, or does not follow from the others
	Missing    Kind = "missing"     // a file is not there
	Size       Kind = "size"        // a file has another size
	Bytes      Kind = "bytes"       // a file has other bytes
	Content    Kind = "content"     // a file cannot be read as what it is
	Rows       Kind = "rows"        // a file has another number of rows
	Records    Kind = "records"     // its rows stand for other records
	Values     Kind = "values"      // its rows hold other values
	Origin     Kind = "origin"      // a row says it is from a Part that its file holds nothing of
	Books      Kind = "books"       // the records of a Part are not those of its books
	Orphan     Kind = "orphan"      // a child row without its parent
	Twice      Kind = "twice"       // a record or a key that stands twice
	Lost       Kind = "lost"        // a record that left the quarantine and came nowhere
	Extra      Kind = "extra"       // a file that no log knows
	Stale      Kind = "stale"       // a file that was removed and is there again
	Certified  Kind = "certificate" // a certificate is not that of the dataset, or not signed as it should be
)

// Finding is one thing that is not as the logs say.
type Finding struct {
	Kind     Kind   `json:"kind"`
	Place    string `json:"place"` // a file or record, below the root; or a Part
	What     string `json:"what"`
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
}

// String is the finding in one sentence.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Place, f.What)
	if f.Expected != "" || f.Found != "" {
		fmt.Fprintf(&b, ": %s, the log says %s", f.Found, f.Expected)
	}
	return b.String()
}

// maxFindings is how many findings are kept; the others are counted.
const maxFindings = 1000

// findings collects what is found, from several goroutines.
type findings struct {
	mu   sync.Mutex
	list []Finding
	more int64
}

func (f *findings) add(found Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) == maxFindings {
		f.more++
		return
	}
	f.list = append(f.list, found)
}

// has reports whether anything was found at one of these places, or may have been, since not all findings are kept.
func (f *findings) has(places map[string]bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.more > 0 || slices.ContainsFunc(f.list, func(found Finding) bool { return places[found.Place] })
}

// sorted returns what was found in the order of places.
func (f *findings) sorted() []Finding {
	slices.SortStableFunc(f.list, func(a, b Finding) int { return strings.Compare(a.Place, b.Place) })
	return f.list
}
