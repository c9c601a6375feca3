package settle

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// rewrite exchanges the files of a unit that lose rows, and enters the rows in a ledger.
func (b *batch) rewrite(ctx context.Context, k *keyed, u *unit, out *drops) error {
	b.begin()
	leave := newDeparture(b.d, k, u)
	if err := b.rewriteUnit(ctx, k, u, out, leave); err != nil {
		return errors.Join(err, leave.abort())
	}
	return b.full(ctx)
}

func (b *batch) rewriteUnit(ctx context.Context, k *keyed, u *unit, out *drops, leave *departure) error {
	var err error
	if leave.ledger, err = b.files.Ledger(b.number("")); err != nil {
		return err
	}
	// What earlier replaces entered comes along, so that a unit that loses rows again and again has one ledger of theirs.
	for _, f := range u.of(chatferry.FileLedger, "") {
		if f.Generation == 0 {
			continue
		}
		if err := eachRecord(ctx, b.s.o.Store, f, nil, leave.ledger.Write); err != nil {
			return err
		}
		b.retire(f)
	}
	for _, f := range u.of(chatferry.FileRows, k.stream.Parent()) {
		if !out.has(f.Name) {
			continue
		}
		row := int32(0)
		err := b.filter(ctx, u, f, func(rec arrow.Record) ([]int, error) {
			kept, err := leave.depart(rec, out, f.Name, row)
			row += int32(rec.NumRows())
			return kept, err
		})
		if err != nil {
			return err
		}
	}
	for _, table := range k.stream.Tables()[1:] {
		for _, f := range u.of(chatferry.FileRows, table) {
			if err := b.rewriteChild(ctx, u, f, leave); err != nil {
				return err
			}
		}
	}
	ledger := leave.ledger
	leave.ledger = nil
	if _, err := b.seal(ctx, ledger, u.spans); err != nil {
		return err
	}
	b.move(k.stream, leave.moved())
	return nil
}

// sourceColumns name the record that a row comes from.
var sourceColumns = []string{transform.ColumnSourceShard, transform.ColumnSourceOffset}

// rewriteChild exchanges a file of a child table if it holds rows of records that leave.
func (b *batch) rewriteChild(ctx context.Context, u *unit, f *checkpoint.InventoryFile, leave *departure) error {
	going := int64(0)
	err := eachRecord(ctx, b.s.o.Store, f, sourceColumns, func(rec arrow.Record) error {
		kept, err := leave.stay(rec, 0, 1)
		going += rec.NumRows() - int64(len(kept))
		return err
	})
	switch {
	case err != nil:
		return err
	case going == 0:
		return nil
	case going == f.Rows:
		b.retire(f)
		return nil
	}
	return b.filter(ctx, u, f, func(rec arrow.Record) ([]int, error) {
		shard, offset := rec.Schema().FieldIndices(sourceColumns[0]), rec.Schema().FieldIndices(sourceColumns[1])
		if len(shard) != 1 || len(offset) != 1 {
			return nil, errors.New("its rows do not say where they come from")
		}
		return leave.stay(rec, shard[0], offset[0])
	})
}

// filter exchanges a file of rows for one without those that keep does not name. If none is left, the file has no
// successor. That nothing else changes is proven: the values of the old file are those of the new one and of the rows that
// went, by their digests.
func (b *batch) filter(ctx context.Context, u *unit, f *checkpoint.InventoryFile, keep func(arrow.Record) ([]int, error)) error {
	schema := transform.Schema(f.Table)
	var w *load.ReplacementFile
	var rest chatferry.PartFile
	var went chatferry.Digest
	wentRows := int64(0)
	err := eachRecord(ctx, b.s.o.Store, f, nil, func(rec arrow.Record) error {
		if err := sameNames(schema, rec.Schema()); err != nil {
			return damaged(err)
		}
		kept, err := keep(rec)
		if err != nil {
			return err
		}
		gone, err := valuesOf(rec, others(kept, int(rec.NumRows())))
		if err != nil {
			return err
		}
		went.Merge(gone)
		wentRows += rec.NumRows() - int64(len(kept))
		if len(kept) == 0 {
			return nil
		}
		if w == nil {
			if w, err = b.files.Rows(f.Table, b.number(f.Table), schema); err != nil {
				return err
			}
		}
		part, err := gather(rec, kept)
		if err != nil {
			return err
		}
		defer part.Release()
		return w.Write(part)
	})
	if err != nil && w != nil {
		err = errors.Join(err, w.Abort())
	} else if w != nil {
		rest, err = b.seal(ctx, w, u.spans)
	}
	if err != nil {
		return err
	}
	b.retire(f)
	sum := rest.V
	sum.Merge(went)
	if sum != f.V || rest.Rows+wentRows != f.Rows {
		return chatferry.Errorf(chatferry.KindDiffers, "check the disk and its memory; nothing was changed",
			"rewrite %s: it has %d rows (values %s), but %d stay and %d go (values %s)",
			f.Name, f.Rows, f.V, rest.Rows, wentRows, sum)
	}
	return nil
}

func sameNames(want, got *arrow.Schema) error {
	if want.NumFields() != got.NumFields() {
		return fmt.Errorf("it has %d columns, its table has %d", got.NumFields(), want.NumFields())
	}
	for i, f := range want.Fields() {
		if got.Field(i).Name != f.Name {
			return fmt.Errorf("its column %d is %s, its table's %s", i, got.Field(i).Name, f.Name)
		}
	}
	return nil
}

// others returns the numbers below n that are not among some, which are sorted.
func others(some []int, n int) []int {
	out := make([]int, 0, n-len(some))
	for i := range n {
		if len(some) > 0 && some[0] == i {
			some = some[1:]
			continue
		}
		out = append(out, i)
	}
	return out
}

// valuesOf is the ValuesDigest of some rows of a record.
func valuesOf(rec arrow.Record, rows []int) (d chatferry.Digest, err error) {
	if len(rows) == 0 {
		return d, nil
	}
	some, err := gather(rec, rows)
	if err != nil {
		return d, err
	}
	defer some.Release()
	return chatferry.ValuesDigest(some)
}
