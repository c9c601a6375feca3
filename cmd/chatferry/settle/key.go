package settle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// order is the place of a record among those with its key: the greatest is the newest.
type order struct {
	version int64
	shard   chatferry.ShardID
	offset  chatferry.Offset
}

// compare is negative if o is the older one.
func (o order) compare(p order) int {
	switch {
	case o.version != p.version:
		return sign(o.version < p.version)
	case o.shard != p.shard:
		return sign(o.shard < p.shard)
	case o.offset != p.offset:
		return sign(o.offset < p.offset)
	}
	return 0
}

func sign(less bool) int {
	if less {
		return -1
	}
	return 1
}

// entry is what a file says of one committed record.
type entry struct {
	id
	order
	row      int32 // in its file
	excluded bool  // it is in the ledger, not a row
	deleted  bool  // the row says that the record was deleted at the source
}

// keyed knows where the files of a Stream hold its keys.
type keyed struct {
	stream  chatferry.Stream
	key     transform.Key
	columns []string // that are read of the parent table
	ids     int      // so many of them tell of ids and of deleted records alone
	at      []int    // of a column of the parent table, its index in columns
	deleted int      // index in columns; -1: there is none
}

const columnDeleted = "deleted"

func newKeyed(stream chatferry.Stream) *keyed {
	k := &keyed{stream: stream, key: transform.KeyOf(stream), deleted: -1}
	schema := transform.Schema(stream.Parent())
	names := slices.Clone(k.key.Columns)
	if k.key.Else != "" {
		names = append(names, k.key.Else)
	}
	if stream == chatferry.Chats {
		k.deleted = len(names)
		names = append(names, columnDeleted)
	}
	k.ids = len(names)
	if k.key.Version != "" {
		names = append(names, k.key.Version)
	}
	names = append(names, transform.ColumnSourceShard, transform.ColumnSourceOffset)
	k.columns, k.at = names, make([]int, schema.NumFields())
	for i, name := range names {
		for _, column := range schema.FieldIndices(name) {
			k.at[column] = i
		}
	}
	return k
}

// chosen shows the columns of a record under the indexes that they have in the whole table.
type chosen struct {
	arrow.Record
	at []int
}

// Column returns a column that was chosen.
func (c chosen) Column(i int) arrow.Array { return c.Record.Column(c.at[i]) }

// entries calls visit for every row of a parent table's file, or every excluded record of a ledger.
func (k *keyed) entries(ctx context.Context, store load.Store, f *checkpoint.InventoryFile, visit func(*entry) error) error {
	return k.entriesIn(ctx, store, f, k.columns, nil, visit)
}

// idsIn is entries without their order, and gathers what a file of chats says of visitors, unless seen is nil.
func (k *keyed) idsIn(ctx context.Context, store load.Store, f *checkpoint.InventoryFile, seen *sightings, visit func(*entry) error) error {
	names := k.columns[:k.ids]
	if seen != nil {
		names = slices.Clone(k.columns)
		for _, name := range visitorColumns {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return k.entriesIn(ctx, store, f, names, seen, visit)
}

// entriesIn is entries, of which these columns are read of a parent table.
func (k *keyed) entriesIn(
	ctx context.Context, store load.Store, f *checkpoint.InventoryFile, names []string, seen *sightings, visit func(*entry) error,
) error {
	each := k.ofRows
	if f.Kind == chatferry.FileLedger {
		names, each = ledgerColumns, k.ofLedger
	}
	rows := int32(0)
	return eachRecord(ctx, store, f, names, func(rec arrow.Record) error {
		err := each(rec, rows, visit)
		if err == nil && seen != nil {
			err = seen.read(rec)
		}
		rows += int32(rec.NumRows())
		return err
	})
}

func (k *keyed) ofRows(rec arrow.Record, from int32, visit func(*entry) error) error {
	ordered := int(rec.NumCols()) > k.ids
	var shards, offsets *array.Int64
	if ordered {
		var err error
		if shards, offsets, err = sourceOf(rec); err != nil {
			return err
		}
	}
	var deleted *array.Boolean
	if k.deleted >= 0 {
		deleted, _ = rec.Column(k.deleted).(*array.Boolean)
	}
	var view arrow.Record = chosen{rec, k.at}
	sheet := sheets.Get().(*idSheet)
	defer sheets.Put(sheet)
	for i := range int(rec.NumRows()) {
		sheet.begin(string(k.stream))
		sheet.text = k.key.Append(sheet.text, view, i)
		sheet.end()
	}
	var e entry
	for i, sum := range sheet.take() {
		e.id = idOf(&sum)
		if ordered {
			e.order = order{k.key.VersionOf(view, i), chatferry.ShardID(shards.Value(i)), chatferry.Offset(offsets.Value(i))}
		}
		e.row = from + int32(i)
		e.deleted = deleted != nil && deleted.IsValid(i) && deleted.Value(i)
		if err := visit(&e); err != nil {
			return err
		}
	}
	return nil
}

// sourceOf returns the Shard and the offset of each row of a table or of a ledger.
func sourceOf(rec arrow.Record) (shards, offsets *array.Int64, err error) {
	shards, ok := columnOf(rec, transform.ColumnSourceShard).(*array.Int64)
	offsets, also := columnOf(rec, transform.ColumnSourceOffset).(*array.Int64)
	if !ok || !also || shards.NullN() > 0 || offsets.NullN() > 0 {
		return nil, nil, errors.New("a row does not say where it comes from")
	}
	return shards, offsets, nil
}

var ledgerColumns = []string{
	load.LedgerShard, load.LedgerOffset, load.LedgerStream, load.LedgerKey, load.LedgerVersion, load.LedgerDisposition,
}

// ofLedger gives the entries of all Streams, whose ids differ.
func (k *keyed) ofLedger(rec arrow.Record, from int32, visit func(*entry) error) error {
	shards, offsets, err := sourceOf(rec)
	if err != nil {
		return err
	}
	streams, ok1 := rec.Column(2).(*array.String)
	keys, ok2 := rec.Column(3).(*array.String)
	versions, ok3 := rec.Column(4).(*array.Timestamp)
	dispositions, ok4 := rec.Column(5).(*array.String)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return errors.New("the columns of the ledger are of wrong types")
	}
	sheet := sheets.Get().(*idSheet)
	defer sheets.Put(sheet)
	var at []int
	for i := range int(rec.NumRows()) {
		if dispositions.Value(i) == string(chatferry.Excluded) {
			sheet.key(streams.Value(i), keys.Value(i))
			at = append(at, i)
		}
	}
	e := entry{excluded: true}
	for n, sum := range sheet.take() {
		i := at[n]
		e.id = idOf(&sum)
		e.order = order{0, chatferry.ShardID(shards.Value(i)), chatferry.Offset(offsets.Value(i))}
		if versions.IsValid(i) {
			e.version = int64(versions.Value(i))
		}
		e.row = from + int32(i)
		if err := visit(&e); err != nil {
			return err
		}
	}
	return nil
}

// eachRecord reads columns of a Parquet file of the dataset, all of them if none is named. A record is released when
// visit returns. That a file has as many rows as the log says is checked.
func eachRecord(ctx context.Context, store load.Store, f *checkpoint.InventoryFile, names []string, visit func(arrow.Record) error) error {
	left := f.Rows
	visited := error(nil)
	err := load.Scan(ctx, store, f.Name, names, func(rec arrow.Record) error {
		left -= rec.NumRows()
		visited = visit(rec)
		return visited
	})
	switch {
	case err == nil && left != 0:
		err = damaged(fmt.Errorf("it has %d rows, its record says %d", f.Rows-left, f.Rows))
	case err != nil && visited == nil && ctx.Err() == nil:
		err = damaged(err)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Name, err)
	}
	return nil
}

// damaged says that a published file is not what the log says of it, unless err tells that it could not be read.
func damaged(err error) error {
	if chatferry.KindOf(err) != chatferry.KindUnexpected {
		return err
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return &chatferry.Error{Kind: chatferry.KindEnvironment, Err: err, Hint: "check the disk, then run the same command again"}
	}
	return chatferry.Errorf(chatferry.KindDiffers, "check the disk; chatferry files tells which files there must be", "%w", err)
}
