package news

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// mostRecords is how many records of a Stream are compared. An account that has more that may be new has some.
const mostRecords = 20_000

// Look compares a Source with a dataset.
type Look struct {
	Source  chatferry.Source
	Dataset *checkpoint.Dataset
	Files   load.Opener
	Rules   transform.Options // by which records are converted
}

// Whole reports whether a Stream that is read whole gives other records than it gave when its Shard was read before. shard
// says what to read; it needs no id.
func (l *Look) Whole(ctx context.Context, shard *chatferry.Shard, before chatferry.Tally) (bool, error) {
	var now chatferry.Tally
	err := l.read(ctx, shard, func(b *chatferry.Batch) error {
		now.Add(b.Books.Read)
		return nil
	})
	return verdict(now != before, err)
}

// Grown reports whether the range of a Shard, which needs no id, gives records that the dataset does not hold. recent tells
// the Shards that hold what the range may give again.
func (l *Look) Grown(ctx context.Context, shard *chatferry.Shard, recent func(*chatferry.Shard) bool) (bool, error) {
	given := map[chatferry.SHA256]struct{}{}
	err := l.read(ctx, shard, func(b *chatferry.Batch) error {
		if len(b.Rejects) > 0 {
			return errNews
		}
		for _, e := range b.Ledger {
			given[e.RawSHA256] = struct{}{}
		}
		for _, r := range b.Rows {
			if r.Table != shard.Stream.Parent() {
				continue
			}
			at := r.Record.Schema().FieldIndices(transform.ColumnRawSHA256)
			if err := eachSum(r.Record.Column(at[0]), func(sum chatferry.SHA256) { given[sum] = struct{}{} }); err != nil {
				return err
			}
		}
		if len(given) > mostRecords {
			return errNews
		}
		return nil
	})
	if err == nil && len(given) > 0 {
		err = l.strike(ctx, shard.Stream, given, recent)
	}
	return verdict(len(given) > 0, err)
}

// errNews ends a look that has seen enough.
var errNews = errors.New("there is something new")

// verdict is whether there is news. An error that stands for news is none: the run that is planned then meets it by itself.
func verdict(different bool, err error) (bool, error) {
	absent := (*chatferry.UnavailableError)(nil)
	if errors.Is(err, errNews) || errors.As(err, &absent) {
		return true, nil
	}
	return different && err == nil, err
}

// read gives every Page of a Shard to visit, converted.
func (l *Look) read(ctx context.Context, shard *chatferry.Shard, visit func(*chatferry.Batch) error) (err error) {
	defer func() {
		if err != nil && !errors.Is(err, errNews) {
			err = fmt.Errorf("look at %s: %w", shard.Stream, err)
		}
	}()
	r, err := l.Source.Open(ctx, shard, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	t := transform.New(shard.Stream, l.Rules)
	for {
		page, err := r.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		doubts := len(page.Doubts)
		batch, err := t.Transform(page, 1)
		page.Release()
		if err != nil {
			return err
		}
		err = visit(batch)
		batch.Release()
		if err == nil && doubts > 0 {
			err = errNews
		}
		if err != nil {
			return err
		}
	}
}

// strike takes out of given what the Parts of recent Shards hold: as rows, or as entries of a ledger.
func (l *Look) strike(ctx context.Context, stream chatferry.Stream, given map[chatferry.SHA256]struct{}, recent func(*chatferry.Shard) bool) error {
	files := l.Dataset.FilesOf()
	seen := map[string]bool{}
	for i := range l.Dataset.Shards {
		s := &l.Dataset.Shards[i]
		if s.Shard.Stream != stream || !recent(&s.Shard) {
			continue
		}
		for _, p := range s.Commits {
			for _, f := range files[checkpoint.PartID{Shard: s.Shard.ID, Seq: p.Seq}] {
				column := ""
				switch {
				case f.Kind == chatferry.FileLedger:
					column = load.LedgerRawSHA256
				case f.Kind == chatferry.FileRows && f.Table == stream.Parent():
					column = transform.ColumnRawSHA256
				}
				if column == "" || seen[f.Name] {
					continue
				}
				seen[f.Name] = true
				err := load.Scan(ctx, l.Files, f.Name, []string{column}, func(rec arrow.Record) error {
					return eachSum(rec.Column(0), func(sum chatferry.SHA256) { delete(given, sum) })
				})
				if err != nil {
					return fmt.Errorf("read %s: %w", f.Name, err)
				}
				if len(given) == 0 {
					return nil
				}
			}
		}
	}
	return nil
}

func eachSum(column arrow.Array, visit func(chatferry.SHA256)) error {
	sums, ok := column.(*array.FixedSizeBinary)
	if !ok {
		return fmt.Errorf("the SHA-256 of records is a %s", column.DataType())
	}
	for i := range sums.Len() {
		if sums.IsValid(i) {
			visit(chatferry.SHA256(sums.Value(i)))
		}
	}
	return nil
}
