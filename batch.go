package chatferry

import "github.com/apache/arrow/go/v17/arrow"

// Rows are rows of one table.
type Rows struct {
	Table  Table
	Record arrow.Record
}

// Batch is what became of one Page. Whoever receives it calls Release, on error paths too. The memory of its values, text
// included, is used for a later Batch as soon as the last reference to their array is released: whoever keeps an array longer
// retains it, and whoever keeps a text longer copies it.
type Batch struct {
	Shard *Shard
	Seq   uint64 // of the Part that these rows belong to
	From  Position
	After Position

	Rows    []Rows // in the order of Stream.Tables; tables without rows are left out
	Rejects []Reject
	Ledger  []LedgerEntry
	Books   Books

	RawBytes    int64
	StoredBytes int64
	Requests    int64
	ThrottledMS int64
	Doubts      []Doubt
	Absent      []string

	// Seal is set on the last Batch of a Part, Last on the last one of the Shard.
	Seal bool
	Last bool

	free func()
}

// OnRelease registers what Release gives back besides the rows.
func (b *Batch) OnRelease(f func()) { b.free = f }

// Release gives the Batch's memory back.
func (b *Batch) Release() {
	for _, r := range b.Rows {
		r.Record.Release()
	}
	b.Rows = nil
	if b.free != nil {
		b.free()
		b.free = nil
	}
}
