package hydrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
)

// tables are the files of a dataset that lists are made of.
type tables struct {
	store load.Opener
	names map[chatferry.Table][]string
}

// newTables takes the files that hold rows of Shards that are done and have a number greater than after.
func newTables(d *checkpoint.Dataset, store load.Opener, after chatferry.ShardID) tables {
	done := map[chatferry.ShardID]bool{}
	for i := range d.Shards {
		done[d.Shards[i].Shard.ID] = d.Shards[i].Done
	}
	t := tables{store: store, names: map[chatferry.Table][]string{}}
	for _, f := range d.Inventory() {
		if f.Kind == chatferry.FileRows && slices.ContainsFunc(f.Parts, func(p checkpoint.PartSpan) bool { return done[p.Shard] && p.Shard > after }) {
			t.names[f.Table] = append(t.names[f.Table], f.Name)
		}
	}
	return t
}

// scan calls each with all rows of a table, some columns of them, in records that are released afterwards.
func (t *tables) scan(ctx context.Context, table chatferry.Table, columns []string, each func(arrow.Record) error) error {
	for _, name := range t.names[table] {
		if err := load.Scan(ctx, t.store, name, columns, each); err != nil {
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

// column returns a column of a record as the type that the table's schema gives it.
func column[A arrow.Array](rec arrow.Record, i int) (A, error) {
	a, ok := rec.Column(i).(A)
	if !ok {
		return a, fmt.Errorf("column %s is of type %s", rec.ColumnName(i), rec.Column(i).DataType())
	}
	return a, nil
}
