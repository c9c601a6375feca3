package load

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
)

// Opener opens published files by their names below the root of the dataset; every Store does.
type Opener interface {
	Open(ctx context.Context, name string) (ReadFile, error)
}

// Scan calls each with all rows of a Parquet file of the dataset, some columns of them, in records that are released when
// each returns. Without columns it gives all of them. The first error ends it.
func Scan(ctx context.Context, files Opener, name string, columns []string, each func(arrow.Record) error) (err error) {
	f, err := files.Open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rows, err := OpenColumns(f, f.Size(), columns...)
	if err != nil {
		return err
	}
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rec, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = each(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
}
