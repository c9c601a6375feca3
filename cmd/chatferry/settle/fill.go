package settle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/identity"
	"chatferry/transform"
)

// mostUnresolved is how many ids that no map resolves are told of, of agents and of departments.
const mostUnresolved = 1000

// filling fills the columns beside ids that change in an upgrade. What they hold depends on the maps and on the ids alone.
type filling struct {
	s          *settler
	maps       map[chatferry.Stream]*identity.Map
	before     map[chatferry.SHA256]bool // files that are known to say what the maps say
	unresolved map[chatferry.Stream]map[int64]bool
	files      int
}

// twinned returns the unit's files with such columns.
func twinned(stream chatferry.Stream, u *unit) []*checkpoint.InventoryFile {
	var out []*checkpoint.InventoryFile
	for _, table := range stream.Tables() {
		if len(transform.Twins(table)) > 0 {
			out = append(out, u.of(chatferry.FileRows, table)...)
		}
	}
	return out
}

// fill exchanges the files of which a column says something else, in the order of Stream, Shard and number.
func (f *filling) fill(ctx context.Context, d *checkpoint.Dataset, ready map[chatferry.Stream][]*unit) error {
	b := f.s.newBatch(d, "fill-identities")
	for _, stream := range chatferry.Streams() {
		for i, u := range ready[stream] {
			f.s.o.Progress(Progress{Step: "identities", Stream: stream, Done: int64(i), Total: int64(len(ready[stream]))})
			if err := f.fillUnit(ctx, b, stream, u); err != nil {
				return errors.Join(err, b.discard())
			}
		}
	}
	if err := b.replace(ctx); err != nil {
		return errors.Join(err, b.discard())
	}
	return nil
}

func (f *filling) fillUnit(ctx context.Context, b *batch, stream chatferry.Stream, u *unit) error {
	var stale []*checkpoint.InventoryFile
	for _, file := range twinned(stream, u) {
		if f.before[file.SHA256] {
			continue
		}
		differs, err := f.differs(ctx, file)
		if err != nil {
			return err
		}
		if differs {
			stale = append(stale, file)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	b.begin()
	for _, file := range stale {
		if err := f.rewrite(ctx, b, u, file); err != nil {
			return err
		}
	}
	f.files += len(stale)
	return b.full(ctx)
}

// differs reports whether a column of a file is not what the maps make of the ids beside it.
func (f *filling) differs(ctx context.Context, file *checkpoint.InventoryFile) (differs bool, err error) {
	twins := transform.Twins(file.Table)
	var names []string
	for _, t := range twins {
		names = append(names, t.Column, t.Upgraded)
	}
	err = eachRecord(ctx, f.s.o.Store, file, names, func(rec arrow.Record) error {
		for i, t := range twins {
			now, err := f.upgraded(rec.Column(2*i), t)
			if err != nil {
				return err
			}
			differs = differs || !array.Equal(now, rec.Column(2*i+1))
			now.Release()
		}
		return nil
	})
	return differs, err
}

// rewrite exchanges a file for one in which nothing but these columns is different. That it was read whole is proven by
// the digest of its values, and that no record is lost by that of its records.
func (f *filling) rewrite(ctx context.Context, b *batch, u *unit, file *checkpoint.InventoryFile) error {
	schema := transform.Schema(file.Table)
	w, err := b.files.Rows(file.Table, b.number(file.Table), schema)
	if err != nil {
		return err
	}
	var was chatferry.Digest
	err = eachRecord(ctx, b.s.o.Store, file, nil, func(rec arrow.Record) error {
		if err := sameNames(schema, rec.Schema()); err != nil {
			return damaged(err)
		}
		values, err := chatferry.ValuesDigest(rec)
		if err != nil {
			return err
		}
		was.Merge(values)
		now, err := f.filledRecord(rec, file.Table)
		if err != nil {
			return err
		}
		defer now.Release()
		return w.Write(now)
	})
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	done, err := b.seal(ctx, w, u.spans)
	if err != nil {
		return err
	}
	b.retire(file)
	if was != file.V || done.Rows != file.Rows || done.E != file.E {
		return chatferry.Errorf(chatferry.KindDiffers, "check the disk and its memory; nothing was changed",
			"fill %s: it has %d rows (records %s, values %s), but %d (records %s, values %s) were read and written",
			file.Name, file.Rows, file.E, file.V, done.Rows, done.E, was)
	}
	return nil
}

// filledRecord returns rec with its columns filled. The caller releases it.
func (f *filling) filledRecord(rec arrow.Record, table chatferry.Table) (arrow.Record, error) {
	columns := slices.Clone(rec.Columns())
	for _, t := range transform.Twins(table) {
		from, to := rec.Schema().FieldIndices(t.Column), rec.Schema().FieldIndices(t.Upgraded)
		now, err := f.upgraded(rec.Column(from[0]), t)
		if err != nil {
			return nil, err
		}
		defer now.Release()
		columns[to[0]] = now
	}
	return array.NewRecord(rec.Schema(), columns, rec.NumRows()), nil
}

// upgraded is what the maps make of a column of ids: null where they do not know one. The caller releases it.
func (f *filling) upgraded(ids arrow.Array, t transform.Twin) (arrow.Array, error) {
	if list, ok := ids.(*array.List); ok {
		b := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Int64)
		defer b.Release()
		to := b.ValueBuilder().(*array.Int64Builder)
		for row := range list.Len() {
			if list.IsNull(row) {
				b.AppendNull()
				continue
			}
			b.Append(true)
			from, end := list.ValueOffsets(row)
			for i := from; i < end; i++ {
				if err := f.one(to, list.ListValues(), int(i), t); err != nil {
					return nil, err
				}
			}
		}
		return b.NewArray(), nil
	}
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for row := range ids.Len() {
		if err := f.one(b, ids, row, t); err != nil {
			return nil, err
		}
	}
	return b.NewArray(), nil
}

// one appends what becomes of one id.
func (f *filling) one(to *array.Int64Builder, ids arrow.Array, i int, t transform.Twin) error {
	var id int64
	switch a := ids.(type) {
	case *array.Int64:
		if a.IsValid(i) {
			id = a.Value(i)
		}
	case *array.String:
		if a.IsValid(i) {
			id, _ = strconv.ParseInt(a.Value(i), 10, 64) // what is no number is no id
		}
	default:
		return damaged(fmt.Errorf("column %s is of type %s", t.Column, ids.DataType()))
	}
	if id <= 0 {
		to.AppendNull()
		return nil
	}
	now, ok := f.maps[t.Of].Upgraded(id)
	if !ok {
		f.miss(t.Of, id)
		to.AppendNull()
		return nil
	}
	to.Append(now)
	return nil
}

// miss notes an id that no map resolves.
func (f *filling) miss(of chatferry.Stream, id int64) {
	ids := f.unresolved[of]
	if ids == nil {
		ids = map[int64]bool{}
		f.unresolved[of] = ids
	}
	if len(ids) < mostUnresolved {
		ids[id] = true
	}
}

// recall takes over what an earlier settle could not resolve with the same maps in files that are not read now.
func (f *filling) recall(was *filled) {
	for of, ids := range was.unresolved() {
		for _, id := range ids {
			f.miss(of, id)
		}
	}
}

func (f *filling) remember(now *filled) {
	now.Agents = slices.Sorted(maps.Keys(f.unresolved[chatferry.Agents]))
	now.Departments = slices.Sorted(maps.Keys(f.unresolved[chatferry.Departments]))
}
