package settle

import (
	"errors"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// ReasonDeleted is why a record is excluded that was deleted at the source.
const ReasonDeleted = "deleted"

// source names a record by where it was read.
type source struct{ shard, offset int64 }

// departure collects the records whose rows leave a unit.
type departure struct {
	key    *keyed
	gone   map[source]struct{}
	moves  map[moved]*chatferry.Tally
	parts  []checkpoint.PartID
	shares map[checkpoint.PartID]*shares
	ledger *load.ReplacementFile // nil once it is sealed
}

// moved is what a Move is about.
type moved struct {
	part checkpoint.PartID
	to   checkpoint.Column
}

// shares gives the raw bytes of a Part's rows out: a row does not say how long its record is.
type shares struct {
	rows, bytes int64 // that are loaded
	taken       int64 // rows
}

// next is the share of the next row. The shares of all rows together are the bytes of all.
func (s *shares) next() int64 {
	before := s.bytes * s.taken / s.rows
	s.taken++
	return s.bytes*s.taken/s.rows - before
}

func newDeparture(d *checkpoint.Dataset, k *keyed, u *unit) *departure {
	l := &departure{
		key: k, gone: map[source]struct{}{}, moves: map[moved]*chatferry.Tally{}, parts: u.parts,
		shares: map[checkpoint.PartID]*shares{},
	}
	for _, id := range u.parts {
		books, _ := d.PartBooks(id)
		l.shares[id] = &shares{rows: books.Loaded.N, bytes: books.Loaded.Bytes}
	}
	return l
}

func (l *departure) abort() error {
	if l.ledger == nil {
		return nil
	}
	return l.ledger.Abort()
}

// rowSource are the columns of a parent table that say where a row comes from and of what it was made.
type rowSource struct {
	shard, seq, offset *array.Int64
	sum                *array.FixedSizeBinary
}

func rowSourceOf(rec arrow.Record) (out rowSource, err error) {
	column := func(name string) arrow.Array {
		if at := rec.Schema().FieldIndices(name); len(at) == 1 && rec.Column(at[0]).NullN() == 0 {
			return rec.Column(at[0])
		}
		return nil
	}
	var ok [4]bool
	out.shard, ok[0] = column(transform.ColumnSourceShard).(*array.Int64)
	out.seq, ok[1] = column(transform.ColumnSourceSeq).(*array.Int64)
	out.offset, ok[2] = column(transform.ColumnSourceOffset).(*array.Int64)
	out.sum, ok[3] = column(transform.ColumnRawSHA256).(*array.FixedSizeBinary)
	if ok != [4]bool{true, true, true, true} {
		return out, damaged(errors.New("its rows do not say where they come from"))
	}
	return out, nil
}

// depart enters the rows of a record that leave in the ledger and the books, and returns the numbers of the others. The
// record begins with the given row of the file.
func (l *departure) depart(rec arrow.Record, out *drops, file string, from int32) ([]int, error) {
	cols, err := rowSourceOf(rec)
	if err != nil {
		return nil, err
	}
	superseded, deleted, gone := out.superseded[file], out.deleted[file], out.gone[file]
	kept := make([]int, 0, rec.NumRows())
	var entries []chatferry.LedgerEntry
	var of checkpoint.PartID // of the entries
	for i := range int(rec.NumRows()) {
		row := uint64(from) + uint64(i)
		e := chatferry.LedgerEntry{Stream: l.key.stream, Offset: chatferry.Offset(cols.offset.Value(i))}
		var to checkpoint.Column
		switch {
		case superseded != nil && superseded.has(row):
			e.Disposition, to = chatferry.Superseded, checkpoint.Superseded
		case deleted != nil && deleted.has(row):
			e.Disposition, e.Reason, to = chatferry.Excluded, ReasonDeleted, checkpoint.Excluded(ReasonDeleted)
		case gone != nil && gone.has(row):
			e.Disposition, e.Reason, to = chatferry.Superseded, reasonGone, checkpoint.Superseded
		default:
			kept = append(kept, i)
			continue
		}
		part := checkpoint.PartID{Shard: chatferry.ShardID(cols.shard.Value(i)), Seq: uint64(cols.seq.Value(i))}
		if part != of {
			if err := l.ledger.WriteEntries(of.Shard, of.Seq, entries); err != nil {
				return nil, err
			}
			of, entries = part, nil
		}
		e.RawSHA256 = chatferry.SHA256(cols.sum.Value(i))
		e.Key, e.Version = l.key.key.Of(rec, i)
		if e.RawLen, err = l.post(moved{part, to}, &e); err != nil {
			return nil, err
		}
		l.gone[source{int64(part.Shard), int64(e.Offset)}] = struct{}{}
		entries = append(entries, e)
	}
	return kept, l.ledger.WriteEntries(of.Shard, of.Seq, entries)
}

// post moves a record in the books, and returns the bytes that move with it.
func (l *departure) post(m moved, e *chatferry.LedgerEntry) (int64, error) {
	share := l.shares[m.part]
	if share == nil || share.taken == share.rows {
		return 0, damaged(errors.New("it holds rows of a part that has no such rows"))
	}
	tally := l.moves[m]
	if tally == nil {
		tally = &chatferry.Tally{}
		l.moves[m] = tally
	}
	bytes := share.next()
	term := chatferry.Entry(e.Stream, (*[32]byte)(&e.RawSHA256))
	tally.Count(bytes, &term)
	return bytes, nil
}

// stay returns the numbers of the rows that are not of a record that leaves. The columns are those of its source.
func (l *departure) stay(rec arrow.Record, shard, offset int) ([]int, error) {
	shards, ok := rec.Column(shard).(*array.Int64)
	offsets, also := rec.Column(offset).(*array.Int64)
	if !ok || !also || shards.NullN() > 0 || offsets.NullN() > 0 {
		return nil, damaged(errors.New("its rows do not say where they come from"))
	}
	kept := make([]int, 0, rec.NumRows())
	var last source
	var gone, any bool
	for i := range int(rec.NumRows()) {
		// The rows of one record stand together.
		if s := (source{shards.Value(i), offsets.Value(i)}); s != last || !any {
			_, gone = l.gone[s]
			last, any = s, true
		}
		if !gone {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// moved returns the moves in the order of Parts.
func (l *departure) moved() []checkpoint.Move {
	var out []checkpoint.Move
	for _, id := range l.parts {
		for _, to := range []checkpoint.Column{checkpoint.Superseded, checkpoint.Excluded(ReasonDeleted)} {
			if t := l.moves[moved{id, to}]; t != nil {
				out = append(out, checkpoint.Move{Shard: id.Shard, Seq: id.Seq, From: checkpoint.Loaded, To: to, Tally: *t})
			}
		}
	}
	return out
}
