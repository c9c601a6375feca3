package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"chatferry"
)

// Totals is the state of a Shard after one of its records: all that is needed to go on, so that a log of any length is
// opened by reading its end.
type Totals struct {
	Position chatferry.Position `json:"position"`
	Seq      uint64             `json:"seq"`   // of the last Part, reopened ones included; 0: none
	Parts    int64              `json:"parts"` // not counting reopened ones
	// PublishedTo: every Part up to this Seq that was not reopened is published.
	PublishedTo uint64 `json:"published_to"`
	// LastCommit is the number of the record of the last Part that was not reopened; 0: none.
	LastCommit uint64 `json:"last_commit"`
	// Removing are the numbers of the reopen records whose files may still have to be removed.
	Removing []uint64 `json:"removing,omitempty"`

	Books       chatferry.Books                 `json:"books"`
	StoredBytes int64                           `json:"stored_bytes"`
	Requests    int64                           `json:"requests"`
	ThrottledMS int64                           `json:"throttled_ms"`
	WallMS      int64                           `json:"wall_ms"`
	Doubts      int64                           `json:"doubts"`
	Tables      map[chatferry.Table]TableTotals `json:"tables,omitempty"`
	Ledger      TableTotals                     `json:"ledger"`
	Quarantine  TableTotals                     `json:"quarantine"`
}

// TableTotals counts files of one table.
type TableTotals struct {
	Files int64 `json:"files"`
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
}

// Add adds o.
func (t *TableTotals) Add(o TableTotals) {
	t.Files += o.Files
	t.Rows += o.Rows
	t.Bytes += o.Bytes
}

func (t Totals) clone() Totals {
	t.Removing = slices.Clone(t.Removing)
	t.Books = t.Books.Clone()
	t.Tables = maps.Clone(t.Tables)
	return t
}

// committed returns the Totals after the commit of p as record n. Before a commit, all that was reopened has been
// removed, and all that was committed is published.
func (t Totals) committed(n uint64, p *chatferry.Part) Totals {
	t = t.clone()
	t.Position, t.Seq, t.LastCommit = p.To, p.Seq, n
	t.PublishedTo = p.Seq - 1
	t.Parts++
	t.Removing = nil
	t.Books.Add(p.Books)
	t.StoredBytes += p.StoredBytes
	t.Requests += p.Requests
	t.ThrottledMS += p.ThrottledMS
	t.WallMS += p.WallMS
	t.Doubts += int64(len(p.Doubts))
	for _, f := range p.Files {
		one := TableTotals{Files: 1, Rows: f.Rows, Bytes: f.Size}
		switch f.Kind {
		case chatferry.FileLedger:
			t.Ledger.Add(one)
		case chatferry.FileQuarantine:
			t.Quarantine.Add(one)
		default:
			if t.Tables == nil {
				t.Tables = map[chatferry.Table]TableTotals{}
			}
			sum := t.Tables[f.Table]
			sum.Add(one)
			t.Tables[f.Table] = sum
		}
	}
	return t
}

// reopened returns the Totals after record n has taken back the Parts from seq on, where before are the Totals of the
// record in front of the first of them. Numbers of Parts are not given again.
func (t Totals) reopened(n, seq uint64, before Totals) Totals {
	back := before.clone()
	back.Seq = t.Seq
	back.PublishedTo = min(t.PublishedTo, seq-1)
	back.Removing = append(slices.Clone(t.Removing), n)
	return back
}

// finished returns the Totals of the done record.
func (t Totals) finished() Totals {
	t = t.clone()
	t.PublishedTo = t.Seq
	t.Removing = nil
	return t
}

// equal compares by the form in which Totals are kept.
func (t Totals) equal(o Totals) (bool, error) {
	a, err := json.Marshal(t)
	if err != nil {
		return false, err
	}
	b, err := json.Marshal(o)
	return bytes.Equal(a, b), err
}

// Column is a column of the books: "loaded", "quarantined", "superseded", or "excluded:" and a reason.
type Column string

const excludedColumn = "excluded:"

// post adds a Tally to one column of the books, or takes it away.
func post(b *chatferry.Books, c Column, t chatferry.Tally, away bool) error {
	change := func(to *chatferry.Tally) {
		if away {
			to.N -= t.N
			to.Bytes -= t.Bytes
			to.D.Sub(t.D)
			return
		}
		to.Add(t)
	}
	if reason, ok := strings.CutPrefix(string(c), excludedColumn); ok {
		if b.Excluded == nil {
			b.Excluded = map[string]chatferry.Tally{}
		}
		sum := b.Excluded[reason]
		change(&sum)
		b.Excluded[reason] = sum
		return nil
	}
	switch c {
	case "loaded":
		change(&b.Loaded)
	case "quarantined":
		change(&b.Quarantined)
	case "superseded":
		change(&b.Superseded)
	default:
		return fmt.Errorf("the books have no column %q", c)
	}
	return nil
}
