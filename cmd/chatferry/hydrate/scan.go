package hydrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
)

// Store opens published files by their names below the root of the dataset; load.Store does.
type Store interface {
	Open(ctx context.Context, name string) (load.ReadFile, error)
}

// tables are the files of a dataset that lists are made of.
type tables struct {
	store Store
	names map[chatferry.Table][]string
}

// newTables takes the files that hold rows of Shards that are done.
func newTables(d *checkpoint.Dataset, store Store) tables {
	done := map[chatferry.ShardID]bool{}
	for i := range d.Shards {
		done[d.Shards[i].Shard.ID] = d.Shards[i].Done
	}
	t := tables{store: store, names: map[chatferry.Table][]string{}}
	for _, f := range d.Inventory() {
		if f.Kind == chatferry.FileRows && slices.ContainsFunc(f.Parts, func(p checkpoint.PartSpan) bool { return done[p.Shard] }) {
			t.names[f.Table] = append(t.names[f.Table], f.Name)
		}
	}
	return t
}

// scan calls each with all rows of a table, some columns of them, in records that are released afterwards.
func (t *tables) scan(ctx context.Context, table chatferry.Table, columns []string, each func(arrow.Record) error) error {
	for _, name := range t.names[table] {
		if err := t.scanFile(ctx, name, columns, each); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if chatferry.KindOf(err) != chatferry.KindUnexpected {
				return err
			}
			return &chatferry.Error{
				Kind: chatferry.KindIncompatible, Op: "read", Place: name, Err: err,
				Hint: "chatferry inspect tells what is left of the file; restore it from a backup",
			}
		}
	}
	return nil
}

func (t *tables) scanFile(ctx context.Context, name string, columns []string, each func(arrow.Record) error) (err error) {
	f, err := t.store.Open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rows, err := load.OpenColumns(f, f.Size(), columns...)
	if err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
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

// column returns a column of a record as the type that the table's schema gives it.
func column[A arrow.Array](rec arrow.Record, i int) (A, error) {
	a, ok := rec.Column(i).(A)
	if !ok {
		return a, fmt.Errorf("column %s is of type %s", rec.ColumnName(i), rec.Column(i).DataType())
	}
	return a, nil
}
