package verify

import (
	"crypto/sha256"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// entry is a record as a row of a parent table or a ledger names it.
type entry struct {
	stream chatferry.Stream
	term   [32]byte // by which it counts
	origin
	disposition chatferry.Disposition // empty: it is a row
	reason      string
	rawLen      int64 // of a ledger's
}

// origin says where a row was read.
type origin struct {
	part   checkpoint.PartID
	offset chatferry.Offset
}

// column returns a column of a record without nulls.
func column[A arrow.Array](rec arrow.Record, name string) (a A, err error) {
	at := rec.Schema().FieldIndices(name)
	if len(at) != 1 {
		return a, fmt.Errorf("it has no column %s", name)
	}
	a, ok := rec.Column(at[0]).(A)
	if !ok || a.NullN() > 0 {
		return a, fmt.Errorf("its column %s is not of the type that it should have, or holds nulls", name)
	}
	return a, nil
}

// origins returns where each row was read.
func origins(rec arrow.Record) ([]origin, error) {
	shards, err := column[*array.Int64](rec, transform.ColumnSourceShard)
	if err != nil {
		return nil, err
	}
	seqs, err := column[*array.Int64](rec, transform.ColumnSourceSeq)
	if err != nil {
		return nil, err
	}
	offsets, err := column[*array.Int64](rec, transform.ColumnSourceOffset)
	if err != nil {
		return nil, err
	}
	out := make([]origin, rec.NumRows())
	for i := range out {
		out[i] = origin{
			checkpoint.PartID{Shard: chatferry.ShardID(shards.Value(i)), Seq: uint64(seqs.Value(i))}, chatferry.Offset(offsets.Value(i)),
		}
	}
	return out, nil
}

// entriesOf returns the records that rows stand for; none for the rows of a child or a derived table.
func entriesOf(f *checkpoint.InventoryFile, rec arrow.Record) ([]entry, error) {
	ledger := f.Kind == chatferry.FileLedger
	stream := chatferry.Stream(f.Table)
	if !ledger && !stream.Known() {
		return nil, nil
	}
	from, err := origins(rec)
	if err != nil {
		return nil, err
	}
	name := transform.ColumnRawSHA256
	if ledger {
		name = load.LedgerRawSHA256
	}
	sums, err := column[*array.FixedSizeBinary](rec, name)
	if err != nil {
		return nil, err
	}
	out := make([]entry, len(from))
	for i := range out {
		out[i] = entry{stream: stream, origin: from[i]}
	}
	if ledger {
		if err := fillLedger(rec, out); err != nil {
			return nil, err
		}
	}
	for i := range out {
		raw := sums.Value(i)
		if len(raw) != sha256.Size {
			return nil, fmt.Errorf("its column %s holds no SHA-256", name)
		}
		out[i].term = chatferry.Entry(out[i].stream, (*[sha256.Size]byte)(raw))
	}
	return out, nil
}

// fillLedger adds what a ledger says beyond a row.
func fillLedger(rec arrow.Record, out []entry) error {
	streams, err := column[*array.String](rec, load.LedgerStream)
	if err != nil {
		return err
	}
	dispositions, err := column[*array.String](rec, load.LedgerDisposition)
	if err != nil {
		return err
	}
	reasons, err := column[*array.String](rec, load.LedgerReason)
	if err != nil {
		return err
	}
	lengths, err := column[*array.Int64](rec, load.LedgerRawLen)
	if err != nil {
		return err
	}
	for i := range out {
		out[i].stream = chatferry.Stream(streams.Value(i))
		out[i].disposition, out[i].reason = chatferry.Disposition(dispositions.Value(i)), reasons.Value(i)
		out[i].rawLen = lengths.Value(i)
	}
	return nil
}
