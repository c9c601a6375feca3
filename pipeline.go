package chatferry

import (
	"context"
	"time"
)

// Source opens Shards for reading. Its methods may be called by several Lanes at once.
type Source interface {
	// Open starts reading a Shard at a Position: empty for its beginning, otherwise a Page's After that was
	// committed. A file that is not as it was listed is an error of KindIncompatible that names it.
	Open(ctx context.Context, shard *Shard, from Position) (Reader, error)
}

// Reader reads the Pages of one Shard in order. It is used by one goroutine.
type Reader interface {
	// Next returns the next Page, which the caller releases. io.EOF means that the Shard's end is proven; any other
	// error means that it is not, and that the Shard may be opened again at the last Page's After.
	Next(ctx context.Context) (*Page, error)
	Close() error
}

// Transformer turns Pages into Batches. It keeps buffers between calls, and is used by one goroutine.
type Transformer interface {
	// Transform converts every record of the Page: a record that cannot be converted becomes a Reject, never an
	// error. It depends only on the Page's records and seq. It keeps nothing of the Page. The caller releases the
	// Page and the Batch.
	Transform(p *Page, seq uint64) (*Batch, error)
}

// Sink builds Parts. Its methods may be called by several Lanes at once.
type Sink interface {
	// Begin starts Part seq of a Shard. Nothing that it writes is visible to readers of the dataset.
	Begin(shard *Shard, seq, epoch uint64) (PartWriter, error)
}

// PartWriter collects the Batches of one Part. It is used by one goroutine.
type PartWriter interface {
	// Write adds a Batch, which the caller releases afterwards. After an error only Abort may be called.
	Write(b *Batch) error
	// Seal finishes every file, reads it back, and makes it durable in staging. The Part it returns lacks the range,
	// the books and the costs, which the Lane knows. On error everything is removed as by Abort.
	Seal(ctx context.Context) (*Part, error)
	// Abort removes what was written. It may be called at any time before Seal, and twice.
	Abort() error
}

// Checkpointer opens the logs of Shards. Its methods may be called by several Lanes at once.
type Checkpointer interface {
	// OpenShard takes the Shard over for this run: it appends epoch-open, finishes publications that an earlier run
	// left open, and sweeps what nobody names. An error of KindFenced means that a newer run owns the dataset.
	OpenShard(ctx context.Context, shard *Shard) (ShardLog, error)
}

// ShardLog is the log of one Shard, open for writing. It is used by one goroutine.
type ShardLog interface {
	Epoch() uint64
	// Position is where the Shard resumes, NextSeq the number of its next Part.
	Position() Position
	NextSeq() uint64
	// Commit makes a staged Part the Shard's next Checkpoint and publishes its files. When it returns nil both are
	// durable. After an error the Shard must be opened again; nothing that was staged may be deleted.
	Commit(ctx context.Context, p *Part) error
	// Done records that the Shard's end is proven and that everything before it is committed.
	Done(ctx context.Context) error
}

// Cuts fix where Pages, Parts and Shards end. They shape the names and bytes of the dataset, so a dataset keeps the
// Cuts it was begun with.
type Cuts struct {
	PageBytes   int64 `json:"page_bytes"`   // raw bytes after which a Page ends
	PartBytes   int64 `json:"part_bytes"`   // raw bytes after which a Part is sealed, at the next Page's end
	PartRecords int64 `json:"part_records"` // records after which a Part is sealed, at the next Page's end
	ShardBytes  int64 `json:"shard_bytes"`  // least stored bytes of a dump Shard
	RecordBytes int64 `json:"record_bytes"` // a longer record becomes a Reject
}

// DefaultCuts are the Cuts of a dataset unless its first run says otherwise.
func DefaultCuts() Cuts {
	return Cuts{PageBytes: 1 << 20, PartBytes: 128 << 20, PartRecords: 1 << 20, ShardBytes: 16 << 20, RecordBytes: 64 << 20}
}

// Observer is told what the Lanes do. Its methods may be called by several Lanes at once and must not block.
type Observer interface {
	ShardOpened(s *Shard, from Position)
	PageRead(s *Shard, records, rawBytes, storedBytes int64)
	Committed(s *Shard, p *Part)
	ShardDone(s *Shard)
}

// BadLimit is the limit on Rejects, over all records of the dataset.
type BadLimit struct {
	Count   int64   // judged after every Checkpoint; negative: not used
	Percent float64 // judged from 1,000 records on; negative: not used
}

// badLimitFrom is the number of records from which on a percentage is judged.
const badLimitFrom = 1000

// Exceeded reports whether so many Rejects among so many records are too many.
func (l BadLimit) Exceeded(rejects, records int64) bool {
	if l.Count >= 0 && rejects > l.Count {
		return true
	}
	return l.Percent >= 0 && records >= badLimitFrom && float64(rejects)*100 > l.Percent*float64(records)
}

// Pipeline carries Shards from a Source to a Sink, a Lane for each, several Lanes side by side.
type Pipeline struct {
	Source         Source
	NewTransformer func(Stream) Transformer
	Sink           Sink
	Log            Checkpointer
	Observer       Observer // may be nil

	Cuts   Cuts
	Lanes  int
	Budget int64 // bytes of Pages in flight over all Lanes
	// SealEvery seals a Part that has been open so long; 0 for dumps, whose cuts must not depend on time.
	SealEvery time.Duration
	// SealOnStop seals the open Part when the run is stopped; otherwise it is dropped and read again.
	SealOnStop bool
	Bad        BadLimit
	Totals     Books // of earlier runs, for Bad
}
