package load

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
)

// The columns of a ledger, in order.
const (
	ledgerStream = iota
	ledgerKey
	ledgerVersion
	ledgerRawSHA256
	ledgerRawLen
	ledgerDisposition
	ledgerReason
	ledgerShard
	ledgerSeq
	ledgerOffset
)

// The columns of a ledger by which a record is identified and ordered among those with its key.
const (
	LedgerStream      = "stream"
	LedgerKey         = "key"
	LedgerVersion     = "version"
	LedgerRawSHA256   = "raw_sha256"
	LedgerRawLen      = "raw_len"
	LedgerDisposition = "disposition"
	LedgerReason      = "reason"
	LedgerShard       = "_source_shard"
	LedgerOffset      = "_source_offset"
)

// LedgerSchema returns the columns of a ledger.
func LedgerSchema() *arrow.Schema { return ledgerSchema() }

// ledgerSchema returns the columns of a ledger. Only the version may be null: the record has none.
func ledgerSchema() *arrow.Schema {
	few := arrow.NewMetadata([]string{MetaDictionary}, []string{"1"})
	return arrow.NewSchema([]arrow.Field{
		ledgerStream:      {Name: LedgerStream, Type: arrow.BinaryTypes.String, Metadata: few},
		ledgerKey:         {Name: LedgerKey, Type: arrow.BinaryTypes.String},
		ledgerVersion:     {Name: LedgerVersion, Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
		ledgerRawSHA256:   {Name: LedgerRawSHA256, Type: &arrow.FixedSizeBinaryType{ByteWidth: 32}},
		ledgerRawLen:      {Name: LedgerRawLen, Type: arrow.PrimitiveTypes.Int64},
		ledgerDisposition: {Name: LedgerDisposition, Type: arrow.BinaryTypes.String, Metadata: few},
		ledgerReason:      {Name: LedgerReason, Type: arrow.BinaryTypes.String, Metadata: few},
		ledgerShard:       {Name: LedgerShard, Type: arrow.PrimitiveTypes.Int64},
		ledgerSeq:         {Name: "_source_seq", Type: arrow.PrimitiveTypes.Int64},
		ledgerOffset:      {Name: LedgerOffset, Type: arrow.PrimitiveTypes.Int64},
	}, nil)
}

// ledgerRecord makes the rows of one Batch's entries. The caller releases it.
func ledgerRecord(shard chatferry.ShardID, seq uint64, entries []chatferry.LedgerEntry) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, ledgerSchema())
	defer b.Release()
	text := func(i int) *array.StringBuilder { return b.Field(i).(*array.StringBuilder) }
	number := func(i int) *array.Int64Builder { return b.Field(i).(*array.Int64Builder) }
	for i := range entries {
		e := &entries[i]
		text(ledgerStream).Append(string(e.Stream))
		text(ledgerKey).Append(e.Key)
		if version := b.Field(ledgerVersion).(*array.TimestampBuilder); e.Version == 0 {
			version.AppendNull()
		} else {
			version.Append(arrow.Timestamp(e.Version))
		}
		b.Field(ledgerRawSHA256).(*array.FixedSizeBinaryBuilder).Append(e.RawSHA256[:])
		number(ledgerRawLen).Append(e.RawLen)
		text(ledgerDisposition).Append(string(e.Disposition))
		text(ledgerReason).Append(e.Reason)
		number(ledgerShard).Append(int64(shard))
		number(ledgerSeq).Append(int64(seq))
		number(ledgerOffset).Append(int64(e.Offset))
	}
	return b.NewRecord()
}

// ledgerEntries is the entryTerms of a ledger.
func ledgerEntries(rec arrow.Record) (d chatferry.Digest, err error) {
	at := rec.Schema().FieldIndices(LedgerStream)
	if len(at) != 1 {
		return d, fmt.Errorf("there is no column stream")
	}
	streams, ok := rec.Column(at[0]).(*array.String)
	if !ok {
		return d, fmt.Errorf("column stream is no text")
	}
	sums, err := fixedColumn(rec, LedgerRawSHA256)
	if err != nil {
		return d, err
	}
	for i := range sums.Len() {
		e := chatferry.Entry(chatferry.Stream(streams.Value(i)), (*[32]byte)(sums.Value(i)))
		d.Add(&e)
	}
	return d, nil
}
