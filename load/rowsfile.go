package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"golang.org/x/sync/errgroup"

	"chatferry"
	"chatferry/load/chunk"
)

// entryTerms sums the Entry terms of the records that rows stand for.
type entryTerms func(arrow.Record) (chatferry.Digest, error)

// ColumnRawSHA256 is the column of every parent table that holds the SHA-256 of the source record.
const ColumnRawSHA256 = "_raw_sha256"

// parentEntries returns the entryTerms of a Stream's parent table.
func parentEntries(stream chatferry.Stream) entryTerms {
	return func(rec arrow.Record) (d chatferry.Digest, err error) {
		sums, err := fixedColumn(rec, ColumnRawSHA256)
		if err != nil {
			return d, err
		}
		raws := make([][32]byte, sums.Len())
		for i := range raws {
			raws[i] = [32]byte(sums.Value(i))
		}
		terms := make([][32]byte, len(raws))
		chatferry.Entries(terms, stream, raws)
		for i := range terms {
			d.Add(&terms[i])
		}
		return d, nil
	}
}

// fixedColumn returns a column of SHA-256 sums without nulls.
func fixedColumn(rec arrow.Record, name string) (*array.FixedSizeBinary, error) {
	at := rec.Schema().FieldIndices(name)
	if len(at) != 1 {
		return nil, fmt.Errorf("there is no column %s", name)
	}
	a, ok := rec.Column(at[0]).(*array.FixedSizeBinary)
	if !ok || a.DataType().(*arrow.FixedSizeBinaryType).ByteWidth != 32 || a.NullN() > 0 {
		return nil, fmt.Errorf("column %s does not hold a SHA-256 for every row", name)
	}
	return a, nil
}

// contents is what a file of rows holds, summed over the Batches.
type contents struct {
	rows int64
	v, e chatferry.Digest
}

func (c *contents) add(rec arrow.Record, entries entryTerms) error {
	v, err := chatferry.ValuesDigest(rec)
	if err != nil {
		return err
	}
	if entries != nil {
		e, err := entries(rec)
		if err != nil {
			return err
		}
		c.e.Merge(e)
	}
	c.v.Merge(v)
	c.rows += rec.NumRows()
	return nil
}

// rowsFile is a Parquet file being built: rows of one table, or a ledger.
type rowsFile struct {
	to      chatferry.PartFile // kind, table and name
	entries entryTerms         // nil for child tables
	schema  *arrow.Schema
	staging Staging
	w       *parquetWriter
	written contents
}

func (s *Sink) newRowsFile(label string, schema *arrow.Schema, to chatferry.PartFile, entries entryTerms, create func() (Staging, error)) (*rowsFile, error) {
	fs, err := s.schema(label, schema)
	if err != nil {
		return nil, err
	}
	staging, err := create()
	if err != nil {
		return nil, err
	}
	w, err := newParquetWriter(staging, fs, s.layout, &s.writers)
	if err != nil {
		return nil, errors.Join(err, staging.Discard())
	}
	return &rowsFile{to: to, entries: entries, schema: fs.arrow, staging: staging, w: w}, nil
}

func (f *rowsFile) write(rec arrow.Record) error {
	if err := f.checkSchema(rec); err != nil {
		return err
	}
	if err := f.written.add(rec, f.entries); err != nil {
		return err
	}
	return f.w.write(rec)
}

// writeBeside is write, cut into two pieces that other goroutines do side by side.
func (f *rowsFile) writeBeside(g *errgroup.Group, rec arrow.Record) error {
	if err := f.checkSchema(rec); err != nil {
		return err
	}
	countNulls(rec.Columns())
	named := func(err error) error {
		if err != nil {
			return fmt.Errorf("table %s: %w", f.to.Table, err)
		}
		return nil
	}
	g.Go(func() error { return named(f.w.write(rec)) })
	g.Go(func() error { return named(f.written.add(rec, f.entries)) })
	return nil
}

// countNulls has arrow count the nulls of arrays that are slices, which it does at the first call and without a lock.
func countNulls(columns []arrow.Array) {
	for _, c := range columns {
		c.NullN()
		if list, ok := c.(*array.List); ok {
			list.ListValues().NullN()
		}
	}
}

func (f *rowsFile) checkSchema(rec arrow.Record) error {
	if s := rec.Schema(); s != f.schema && !s.Equal(f.schema) {
		return errors.New("the schema changed inside a Part")
	}
	return nil
}

func (f *rowsFile) finish() error {
	if err := f.w.close(); err != nil {
		return fmt.Errorf("finish %s: %w", f.to.Name, err)
	}
	return nil
}

func (f *rowsFile) file() Staging { return f.staging }

func (f *rowsFile) made() chatferry.PartFile {
	out := f.to
	out.Size, out.SHA256, out.Rows = f.w.sink.n, f.w.sink.sha256(), f.written.rows
	out.V, out.E = f.written.v, f.written.e
	return out
}

func (f *rowsFile) through() *hashingSink { return f.w.sink }

// compare decodes every value, and holds each row group against the rows and the Prints of what was written, and what the
// footer says of it against its pages.
func (f *rowsFile) compare(ctx context.Context, s *sweep) error {
	in, err := file.NewParquetReader(io.NewSectionReader(s.in, 0, s.size))
	if err != nil {
		return err
	}
	got, err := pqarrow.FromParquet(in.MetaData().Schema, nil, nil)
	if err != nil {
		return err
	}
	if err := sameColumns(f.schema, got); err != nil {
		return err
	}
	if in.NumRowGroups() != len(f.w.groups) {
		return fmt.Errorf("%d row groups instead of %d", in.NumRowGroups(), len(f.w.groups))
	}
	if magic, err := s.next(int64(len(parquetMagic))); err != nil || string(magic) != parquetMagic {
		return cmp.Or(err, errors.New("it does not begin as a Parquet file"))
	}
	left := f.written.rows
	for g, rows := range f.w.groups {
		group := in.MetaData().RowGroups[g]
		left -= rows
		if group.NumRows != rows || len(group.Columns) != len(f.w.schema.columns) {
			return fmt.Errorf("row group %d has %d rows of %d columns instead of %d of %d",
				g, group.NumRows, len(group.Columns), rows, len(f.w.schema.columns))
		}
		for i, c := range f.w.schema.columns {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := compareChunk(s, in, g, i, c, f.w.prints[g][i]); err != nil {
				return fmt.Errorf("row group %d, column %s: %w", g, f.schema.Field(i).Name, err)
			}
		}
	}
	if left != 0 {
		return fmt.Errorf("%d rows instead of %d", f.written.rows-left, f.written.rows)
	}
	return nil
}

// compareChunk holds the next bytes of a file, which the footer says are a column chunk, against what was written.
func compareChunk(s *sweep, in *file.Reader, g, i int, c chunk.Column, want chunk.Print) error {
	meta := in.MetaData().RowGroups[g].Columns[i].MetaData
	if meta == nil {
		return errors.New("the footer does not say where it is")
	}
	start, placed := meta.DataPageOffset, chunk.Placed{Cells: meta.NumValues, Size: meta.TotalUncompressedSize}
	if at := meta.DictionaryPageOffset; at != nil {
		start, placed.Data = *at, meta.DataPageOffset-*at
	}
	if st := meta.Statistics; st != nil {
		placed.Stated = chunk.Stated{Nulls: st.NullCount, Distinct: st.DistinctCount, Min: st.MinValue, Max: st.MaxValue}
	}
	if codec := compress.Compression(meta.Codec); start != s.place() || codec != compress.Codecs.Zstd {
		return fmt.Errorf("the footer says that it begins at %d, compressed by %s, and not at %d", start, codec, s.place())
	}
	b, err := s.next(meta.TotalCompressedSize)
	if err != nil {
		return err
	}
	got, err := s.columns.ReadBack(c, b, placed)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("it holds other values than were written (%d of %d cells are not null instead of %d of %d)",
			got.Present, got.Cells, want.Present, want.Cells)
	}
	return nil
}

// sameColumns compares names, types and nullability. How the elements of a list are called is Parquet's business.
func sameColumns(want, got *arrow.Schema) error {
	if want.NumFields() != got.NumFields() {
		return fmt.Errorf("%d columns instead of %d", got.NumFields(), want.NumFields())
	}
	for i, w := range want.Fields() {
		g := got.Field(i)
		wt, gt := w.Type, g.Type
		if wl, ok := wt.(*arrow.ListType); ok {
			if gl, ok := gt.(*arrow.ListType); ok {
				wt, gt = wl.Elem(), gl.Elem()
			}
		}
		if w.Name != g.Name || w.Nullable != g.Nullable || !arrow.TypeEqual(wt, gt) {
			return fmt.Errorf("column %d is %s %s instead of %s %s", i, g.Name, g.Type, w.Name, w.Type)
		}
	}
	return nil
}
