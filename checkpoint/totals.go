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

// The Columns between which records move; that of excluded records comes with its reason.
const (
	Loaded      Column = "loaded"
	Quarantined Column = "quarantined"
	Superseded  Column = "superseded"
)

const excludedColumn = "excluded:"

// Excluded is the Column of the records that were excluded for a reason.
func Excluded(reason string) Column { return Column(excludedColumn + reason) }

// post moves records from one column of the books to another. An error changes nothing.
func post(b *chatferry.Books, m *Move) error {
	if m.From == m.To || m.N <= 0 || m.Bytes < 0 {
		return fmt.Errorf("%d records of %d bytes cannot move from %q to %q", m.N, m.Bytes, m.From, m.To)
	}
	from, err := column(b, m.From)
	if err != nil {
		return err
	}
	to, err := column(b, m.To)
	if err != nil {
		return err
	}
	left := from
	left.N -= m.N
	left.Bytes -= m.Bytes
	left.D.Sub(m.D)
	if left.N < 0 || left.Bytes < 0 || left.N == 0 && left != (chatferry.Tally{}) {
		return fmt.Errorf("%d records of %d bytes (digest %s) cannot leave column %q, which has %d of %d bytes (digest %s)",
			m.N, m.Bytes, m.D, m.From, from.N, from.Bytes, from.D)
	}
	to.Add(m.Tally)
	setColumn(b, m.From, left)
	setColumn(b, m.To, to)
	return nil
}

// column returns what a column of the books holds.
func column(b *chatferry.Books, c Column) (chatferry.Tally, error) {
	if reason, ok := strings.CutPrefix(string(c), excludedColumn); ok && reason != "" {
		return b.Excluded[reason], nil
	}
	switch c {
	case Loaded:
		return b.Loaded, nil
	case Quarantined:
		return b.Quarantined, nil
	case Superseded:
		return b.Superseded, nil
	}
	return chatferry.Tally{}, fmt.Errorf("the books have no column %q", c)
}

// setColumn sets a column that exists. A reason by which nothing is excluded any more is left out.
func setColumn(b *chatferry.Books, c Column, t chatferry.Tally) {
	reason, excluded := strings.CutPrefix(string(c), excludedColumn)
	switch {
	case c == Loaded:
		b.Loaded = t
	case c == Quarantined:
		b.Quarantined = t
	case c == Superseded:
		b.Superseded = t
	case excluded && t == (chatferry.Tally{}):
		delete(b.Excluded, reason)
	case excluded:
		if b.Excluded == nil {
			b.Excluded = map[string]chatferry.Tally{}
		}
		b.Excluded[reason] = t
	}
}
