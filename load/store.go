package load

import (
	"context"
	"io"

	"chatferry"
)

// Store is where staged and published files live: a local disk or S3. Its methods may be called by several Lanes at
// once. Package storetest holds the contract that every Store passes.
type Store interface {
	chatferry.Publisher
	// Create begins one staging file. Readers of the dataset never see it before Publish.
	Create(ctx context.Context, t Target) (Staging, error)
	// SyncStaging makes every file that was staged before the call survive a crash. It is called once for each Part,
	// after the last of its files was staged, and before a log may name them.
	SyncStaging(ctx context.Context) error
	// Open opens a published file by its name below the root.
	Open(ctx context.Context, name string) (ReadFile, error)
}

// Target says what a staging file is for.
type Target struct {
	Shard chatferry.ShardID // 0 for a file that a replace adds
	Epoch uint64
	Seq   uint64 // of a file that a replace adds, the number in its name
	// Generation is that of the replace that adds the file; 0 for a file of a Part.
	Generation uint64
	Label      string // a table, LabelLedger or LabelQuarantine
	Nonce      string // tells apart two attempts to build one Part; hex digits
	Name       string // the final name below the root
}

// The Labels of files that do not hold rows of a table.
const (
	LabelLedger     = "ledger"
	LabelQuarantine = "quarantine"
	LabelReplayed   = "replayed"
)

// Staging is a file being built. It is used by one goroutine. After a failed Write or Stage only Discard may be called.
type Staging interface {
	io.Writer
	// Reopen opens what was written so far for reading. The caller closes it.
	Reopen(ctx context.Context) (ReadFile, error)
	// Stage makes the bytes durable and ends the writing. It returns the reference by which the store finds the
	// file again, PartFile.Staging, and what the store will answer for the published file, PartFile.StoreChecksum. A
	// failed Stage is final: the bytes must be thought lost.
	Stage(ctx context.Context) (ref, checksum string, err error)
	// Discard closes and removes the file, staged or not. It may be called at any time and twice.
	Discard() error
}

// ReadFile is a file being read.
type ReadFile interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Size() int64
}
