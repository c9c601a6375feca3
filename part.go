package chatferry

import (
	"context"
	"errors"
	"time"
)

// FileKind says what a file of a dataset holds.
type FileKind string

// The FileKinds.
const (
	FileRows       FileKind = "rows"       // Parquet rows of one table
	FileLedger     FileKind = "ledger"     // Parquet, LedgerEntry rows
	FileQuarantine FileKind = "quarantine" // NDJSON in zstd, one Reject a line
	FileReplayed   FileKind = "replayed"   // the same, of Rejects that left the quarantine since
)

// PartFile is one file of a Part, as it stands in the log. It was read back before it got here.
type PartFile struct {
	Kind    FileKind `json:"kind"`
	Table   Table    `json:"table,omitempty"` // for FileRows
	Staging string   `json:"staging"`         // disk: path below the root. S3: key and upload
	Name    string   `json:"name"`            // final path below the root
	Size    int64    `json:"size"`
	SHA256  SHA256   `json:"sha256"`
	Rows    int64    `json:"rows"`
	E       Digest   `json:"e"` // sum of the Entry terms of its records; zero for child tables
	V       Digest   `json:"v"` // sum of the ValuesDigest of its rows; zero for quarantine
	// StoreChecksum is what the store must answer for the published object, where it has one.
	StoreChecksum string `json:"store_checksum,omitempty"`
}

// Part is everything one Checkpoint seals: the range [From, To) of a Shard, and where its records went.
type Part struct {
	Stream Stream     `json:"stream"`
	Seq    uint64     `json:"seq"` // 1, 2, … inside the Shard
	From   Position   `json:"from"`
	To     Position   `json:"to"`
	Files  []PartFile `json:"files"`
	Books  Books      `json:"books"`
	Doubts []Doubt    `json:"doubts,omitempty"`
	Absent []string   `json:"absent,omitempty"` // ids that the source named and did not give

	StoredBytes int64 `json:"stored_bytes"` // bytes read from the store
	Requests    int64 `json:"requests"`
	ThrottledMS int64 `json:"throttled_ms"`
	WallMS      int64 `json:"wall_ms"` // from the Part's first Page to its staging
}

// Rows returns the rows of the Part's tables.
func (p *Part) Rows() map[Table]int64 {
	m := make(map[Table]int64, len(p.Files))
	for _, f := range p.Files {
		if f.Kind == FileRows {
			m[f.Table] += f.Rows
		}
	}
	return m
}

// Staged is one staging file or upload that a store holds, committed or not.
type Staged struct {
	Ref   string  // PartFile.Staging
	Shard ShardID // 0: it is staged for a replace
	// Generation is that of the replace; 0 if it is staged for none, or the epoch is known.
	Generation uint64
	Epoch      uint64 // of the run that made it; 0 if the store cannot tell
	// Begun is when it was staged, by the store's clock; zero if the epoch is known.
	Begun time.Time
}

// Publisher makes staged files visible to readers of the dataset. The stores implement it; a Shard's log drives it.
// Its methods may be called by several Lanes at once, and every one may be repeated.
type Publisher interface {
	// Publish makes f visible under its final name and durable there, then removes it from staging. A name that is
	// taken by a file of equal size and SHA-256 is done; one taken by other bytes is an error of KindIncompatible.
	// ErrStagingGone means that neither the staged nor the final file exists.
	Publish(ctx context.Context, f PartFile) error
	// Unpublish removes a published file whose Part was reopened, or that a replace retired. A file that is not there is
	// done, once its absence is durable: a power loss must not bring it back.
	Unpublish(ctx context.Context, f PartFile) error
	// ListStaged lists what is staged for a Shard; for Shard 0, which there is not, what is staged for replaces.
	ListStaged(ctx context.Context, shard ShardID) ([]Staged, error)
	// StagedShards names the Shards for which something is staged, each once, in any order; 0 stands for replaces. It costs
	// one look, however many Shards there are.
	StagedShards(ctx context.Context) ([]ShardID, error)
	// Unstage removes one staged file. One that is not there is done.
	Unstage(ctx context.Context, s Staged) error
}

// ErrStagingGone is returned by Publish when the staged bytes no longer exist anywhere.
var ErrStagingGone = errors.New("the staged file is gone")
