package deep

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// place names a record inside a dataset.
type place struct {
	shard  chatferry.ShardID
	offset chatferry.Offset
}

// cursor goes through the rows of a file.
type cursor struct {
	file   load.ReadFile
	rows   *load.RowReader
	rec    arrow.Record // nil: not read yet, or at the end
	at     int          // the next row of rec
	places []place      // of its rows
	ended  bool
}

func openCursor(ctx context.Context, files load.Opener, f *checkpoint.InventoryFile) (*cursor, error) {
	file, err := files.Open(ctx, f.Name)
	if err != nil {
		return nil, err
	}
	rows, err := load.OpenRows(file, file.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", f.Name, err), file.Close())
	}
	return &cursor{file: file, rows: rows}, nil
}

func (c *cursor) close() error {
	if c.rec != nil {
		c.rec.Release()
		c.rec = nil
	}
	return c.file.Close()
}

// head returns where the next row was read; ok is false behind the last one.
func (c *cursor) head() (p place, ok bool, err error) {
	for !c.ended && (c.rec == nil || c.at == len(c.places)) {
		if c.rec != nil {
			c.rec.Release()
			c.rec = nil
		}
		rec, err := c.rows.Next()
		if err == io.EOF {
			c.ended = true
			break
		}
		if err != nil {
			return p, false, err
		}
		c.rec, c.at = rec, 0
		if c.places, err = placesOf(rec); err != nil {
			return p, false, err
		}
	}
	if c.ended {
		return p, false, nil
	}
	return c.places[c.at], true, nil
}

// placesOf returns where each row was read.
func placesOf(rec arrow.Record) ([]place, error) {
	shards, err := column[*array.Int64](rec, transform.ColumnSourceShard)
	if err != nil {
		return nil, err
	}
	offsets, err := column[*array.Int64](rec, transform.ColumnSourceOffset)
	if err != nil {
		return nil, err
	}
	out := make([]place, rec.NumRows())
	for i := range out {
		out[i] = place{chatferry.ShardID(shards.Value(i)), chatferry.Offset(offsets.Value(i))}
	}
	return out, nil
}

// column returns a column of a record.
func column[A arrow.Array](rec arrow.Record, name string) (a A, err error) {
	at := rec.Schema().FieldIndices(name)
	if len(at) != 1 {
		return a, fmt.Errorf("it has no column %s", name)
	}
	a, ok := rec.Column(at[0]).(A)
	if !ok {
		return a, fmt.Errorf("its column %s is not of the type that it should have", name)
	}
	return a, nil
}

// gathering collects runs of rows of one table, from several files, into one record.
type gathering struct {
	pieces []arrow.Record
	rows   int
}

// take moves all next rows of a cursor that come from one place into g. It returns how many they are.
func (c *cursor) take(p place, g *gathering) (n int, err error) {
	for {
		head, ok, err := c.head()
		if err != nil || !ok || head != p {
			return n, err
		}
		from := c.at
		for c.at < len(c.places) && c.places[c.at] == p {
			c.at++
		}
		g.pieces = append(g.pieces, c.rec.NewSlice(int64(from), int64(c.at)))
		g.rows += c.at - from
		n += c.at - from
	}
}

// record is what was gathered, nil if that is nothing. The caller releases it.
func (g *gathering) record() (arrow.Record, error) {
	defer g.release()
	switch len(g.pieces) {
	case 0:
		return nil, nil
	case 1:
		g.pieces[0].Retain()
		return g.pieces[0], nil
	}
	schema := g.pieces[0].Schema()
	columns := make([]arrow.Array, 0, schema.NumFields())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i := range schema.NumFields() {
		parts := make([]arrow.Array, len(g.pieces))
		for k, piece := range g.pieces {
			parts[k] = piece.Column(i)
		}
		whole, err := array.Concatenate(parts, memory.DefaultAllocator)
		if err != nil {
			return nil, err
		}
		columns = append(columns, whole)
	}
	return array.NewRecord(schema, columns, int64(g.rows)), nil
}

func (g *gathering) release() {
	for _, piece := range g.pieces {
		piece.Release()
	}
	g.pieces = nil
}
