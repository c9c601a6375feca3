package load

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
)

// Replacement builds the files of one replace: files that take the place of others which hold the same records, or some
// of them. It is used by one goroutine.
type Replacement struct {
	sink              *Sink
	generation, epoch uint64
	nonce             string
}

// BeginReplacement starts the files of the replace with a generation. Nothing that is built is visible to readers of the
// dataset before the replace is announced and published.
func (s *Sink) BeginReplacement(generation, epoch uint64) *Replacement {
	return &Replacement{sink: s, generation: generation, epoch: epoch, nonce: s.nonce()}
}

// Rows begins the k-th file of rows of a table. The schema is that of its Parts, with the hints of its columns.
func (r *Replacement) Rows(t chatferry.Table, k uint64, schema *arrow.Schema) (*ReplacementFile, error) {
	var entries entryTerms
	if stream := chatferry.Stream(t); stream.Known() {
		entries = parentEntries(stream)
	}
	to := chatferry.PartFile{Kind: chatferry.FileRows, Table: t, Name: ReplacedRowsName(t, r.generation, k)}
	return r.begin(to, k, string(t), schema, entries)
}

// Ledger begins the k-th ledger.
func (r *Replacement) Ledger(k uint64) (*ReplacementFile, error) {
	to := chatferry.PartFile{Kind: chatferry.FileLedger, Name: ReplacedLedgerName(r.generation, k)}
	return r.begin(to, k, LabelLedger, ledgerSchema(), ledgerEntries)
}

// Quarantine begins the k-th file of Rejects that stay in quarantine.
func (r *Replacement) Quarantine(k uint64) (*ReplacementFile, error) {
	to := chatferry.PartFile{Kind: chatferry.FileQuarantine, Name: ReplacedQuarantineName(r.generation, k)}
	return r.beginRejects(to, k, LabelQuarantine)
}

// Replayed begins the k-th file of Rejects that leave the quarantine. It keeps their bytes as they were cut.
func (r *Replacement) Replayed(k uint64) (*ReplacementFile, error) {
	to := chatferry.PartFile{Kind: chatferry.FileReplayed, Name: ReplayedName(r.generation, k)}
	return r.beginRejects(to, k, LabelReplayed)
}

func (r *Replacement) begin(to chatferry.PartFile, k uint64, label string, s *arrow.Schema, entries entryTerms) (*ReplacementFile, error) {
	f, err := r.sink.newRowsFile(label, s, to, entries, r.create(to, k, label))
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", to.Name, err)
	}
	return &ReplacementFile{partFile: f, rows: f}, nil
}

func (r *Replacement) beginRejects(to chatferry.PartFile, k uint64, label string) (*ReplacementFile, error) {
	f, err := newQuarantineFile(to, r.create(to, k, label))
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", to.Name, err)
	}
	return &ReplacementFile{partFile: f, rejects: f}, nil
}

func (r *Replacement) create(to chatferry.PartFile, k uint64, label string) func() (Staging, error) {
	return func() (Staging, error) {
		return r.sink.store.Create(context.Background(), Target{
			Generation: r.generation, Epoch: r.epoch, Seq: k, Label: label, Nonce: r.nonce, Name: to.Name,
		})
	}
}

// Sync makes every file that was sealed before the call survive a crash. It comes before the replace is announced.
func (r *Replacement) Sync(ctx context.Context) error { return r.sink.store.SyncStaging(ctx) }

// ReplacementFile is a file of a Replacement while it is built. After an error only Abort may be called.
type ReplacementFile struct {
	partFile
	rows    *rowsFile       // nil: it holds Rejects
	rejects *quarantineFile // nil: it holds rows
	err     error           // why nothing but Abort may be called
}

// Write appends rows, which the caller releases afterwards; they may be such as a RowReader gives, without the hints of
// the columns. Where the records end decides about row groups, so the same rows must be cut in the same way again.
func (f *ReplacementFile) Write(rec arrow.Record) error {
	if f.err != nil || rec.NumRows() == 0 {
		return f.err
	}
	if f.err = sameColumns(f.rows.schema, rec.Schema()); f.err != nil {
		return f.err
	}
	own := array.NewRecord(f.rows.schema, rec.Columns(), rec.NumRows())
	defer own.Release()
	f.err = f.rows.write(own)
	return f.err
}

// WriteReject appends a Reject to a file of Rejects.
func (f *ReplacementFile) WriteReject(r *chatferry.Reject) error {
	if f.err == nil {
		f.err = f.rejects.write(r)
	}
	return f.err
}

// WriteEntries appends entries of one Part to a ledger.
func (f *ReplacementFile) WriteEntries(shard chatferry.ShardID, seq uint64, entries []chatferry.LedgerEntry) error {
	if f.err != nil || len(entries) == 0 {
		return f.err
	}
	rec := ledgerRecord(shard, seq, entries)
	defer rec.Release()
	return f.Write(rec)
}

// Seal finishes the file, reads it back and compares it with what was written, and makes its bytes durable in staging.
// On error it is removed as by Abort.
func (f *ReplacementFile) Seal(ctx context.Context) (chatferry.PartFile, error) {
	done, err := f.seal(ctx)
	if err != nil {
		f.err = err
		return done, errors.Join(err, f.Abort())
	}
	f.err = errSealed
	return done, nil
}

func (f *ReplacementFile) seal(ctx context.Context) (done chatferry.PartFile, err error) {
	if f.err != nil {
		return done, f.err
	}
	if err := f.finish(); err != nil {
		return done, err
	}
	r, err := f.file().Reopen(ctx)
	if err != nil {
		return done, err
	}
	if done, err = readBack(ctx, f.partFile, r); err != nil {
		return done, err
	}
	done.Staging, done.StoreChecksum, err = f.file().Stage(ctx)
	return done, err
}

// Abort removes the file, sealed or not. It may be called twice, and not once the replace has been announced.
func (f *ReplacementFile) Abort() error {
	if f.err == nil {
		f.err = errAborted
	}
	return f.file().Discard()
}
