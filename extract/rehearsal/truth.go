package rehearsal

import "chatferry"

// Truth is what must come out when the records of a Stream are carried over. The account knows it from how it made
// them, not from reading them.
type Truth struct {
	Read   int64
	Loaded int64
	Bytes  int64 // of the records read. Where a Stream holds secrets, the books count fewer, without the secrets.
	// Keys is how many different things the loaded records are about: the rows that stay when each is there once.
	Keys        int64
	Suspect     int64 // among the loaded
	Quarantined map[chatferry.Code]int64
	Excluded    map[string]int64
	Rows        map[chatferry.Table]int64
	// Superseded are the rows among Rows that go when each thing stays once: what a record that occurs again has replaced.
	// It has as many child rows as before.
	Superseded map[chatferry.Table]int64
}

// NewTruth returns the Truth of no record.
func NewTruth() *Truth {
	return &Truth{
		Quarantined: map[chatferry.Code]int64{}, Excluded: map[string]int64{}, Rows: map[chatferry.Table]int64{},
		Superseded: map[chatferry.Table]int64{},
	}
}

// Count adds one record of a Stream.
func (t *Truth) Count(s chatferry.Stream, r *Record) {
	t.Read++
	t.Bytes += int64(len(r.Raw))
	switch {
	case r.Outcome.Code != "":
		t.Quarantined[r.Outcome.Code]++
		return
	case r.Outcome.Excluded != "":
		t.Excluded[r.Outcome.Excluded]++
		return
	}
	t.Loaded++
	if !r.Again {
		t.Keys++
	}
	if r.Outcome.Suspect {
		t.Suspect++
	}
	t.count(t.Rows, s, r)
	if r.Again {
		t.count(t.Superseded, s, r)
	}
}

// count adds the rows of a record.
func (*Truth) count(rows map[chatferry.Table]int64, s chatferry.Stream, r *Record) {
	rows[s.Parent()]++
	if s == chatferry.Chats {
		rows[chatferry.ChatHistory] += r.Children.History
		rows[chatferry.ChatWebpath] += r.Children.Webpath
		rows[chatferry.ChatEngagements] += r.Children.Engagements
		rows[chatferry.ChatConversions] += r.Children.Conversions
	}
}

// Add adds another Truth.
func (t *Truth) Add(o *Truth) {
	t.Read += o.Read
	t.Loaded += o.Loaded
	t.Bytes += o.Bytes
	t.Keys += o.Keys
	t.Suspect += o.Suspect
	for k, n := range o.Quarantined {
		t.Quarantined[k] += n
	}
	for k, n := range o.Excluded {
		t.Excluded[k] += n
	}
	for k, n := range o.Rows {
		t.Rows[k] += n
	}
	for k, n := range o.Superseded {
		t.Superseded[k] += n
	}
}

// QuarantinedTotal sums the quarantined records over all Codes.
func (t *Truth) QuarantinedTotal() int64 { return total(t.Quarantined) }

// ExcludedTotal sums the excluded records over all reasons.
func (t *Truth) ExcludedTotal() int64 { return total(t.Excluded) }

func total[K comparable](m map[K]int64) int64 {
	var n int64
	for _, v := range m {
		n += v
	}
	return n
}

// Truth makes every record of a Stream and says what must become of them all.
func (a *Account) Truth(s chatferry.Stream) *Truth {
	t := NewTruth()
	for r := range a.Records(s) {
		t.Count(s, &r)
	}
	return t
}
