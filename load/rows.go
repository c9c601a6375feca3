package load

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// RowReader reads the rows of a Parquet file in order, one row group after the other, in records of bounded size. It
// decodes column by column in the caller's goroutine, so that a panic of the arrow library on a damaged file becomes an
// error; arrow's own record reader starts goroutines whose panics end the process.
type RowReader struct {
	file    *file.Reader
	schema  *arrow.Schema
	fields  []int           // of the file that are read: the schema's, in its order
	columns []*columnReader // of the open row group
	group   int             // the open row group, -1 before the first
	left    int64           // rows of it that were not read yet
	step    int64           // rows of a record
	scratch readScratch
}

// Records of a RowReader hold about so many decoded bytes, and at most so many rows.
const (
	recordBytes = 4 << 20
	recordRows  = 8192
)

// OpenRows opens a Parquet file of size bytes, which the caller closes after the last Next.
func OpenRows(r io.ReaderAt, size int64) (*RowReader, error) { return OpenColumns(r, size) }

// OpenColumns is OpenRows for some columns, in the order in which they are named; for all of them if none is named. The
// others are not read.
func OpenColumns(r io.ReaderAt, size int64, names ...string) (*RowReader, error) {
	registerZstd()
	out := &RowReader{group: -1}
	err := recovered(func() (err error) {
		props := parquet.NewReaderProperties(memory.DefaultAllocator)
		props.BufferedStreamEnabled = true
		out.file, err = file.NewParquetReader(io.NewSectionReader(r, 0, size), file.WithReadProps(props))
		if err != nil {
			return err
		}
		meta := out.file.MetaData()
		if out.schema, err = pqarrow.FromParquet(meta.Schema, nil, meta.KeyValueMetadata()); err != nil {
			return err
		}
		if n := meta.Schema.NumColumns(); n != out.schema.NumFields() {
			return fmt.Errorf("%d columns in %d fields, which no table has", n, out.schema.NumFields())
		}
		return out.choose(names)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// choose narrows what is read to the columns with these names.
func (r *RowReader) choose(names []string) error {
	if len(names) == 0 {
		for i := range r.schema.NumFields() {
			r.fields = append(r.fields, i)
		}
		return nil
	}
	var chosen []arrow.Field
	for _, name := range names {
		at := r.schema.FieldIndices(name)
		if len(at) != 1 {
			return fmt.Errorf("there is no column %s", name)
		}
		r.fields, chosen = append(r.fields, at[0]), append(chosen, r.schema.Field(at[0]))
	}
	r.schema = arrow.NewSchema(chosen, nil)
	return nil
}

// Schema returns the columns that are read.
func (r *RowReader) Schema() *arrow.Schema { return r.schema }

// Groups returns the number of rows of each row group.
func (r *RowReader) Groups() []int64 {
	groups := make([]int64, r.file.NumRowGroups())
	for i := range groups {
		groups[i] = r.file.MetaData().RowGroups[i].NumRows
	}
	return groups
}

// Next returns the next rows, which the caller releases, and io.EOF after the last.
func (r *RowReader) Next() (rec arrow.Record, err error) {
	err = recovered(func() error {
		for r.left == 0 {
			if r.group+1 >= r.file.NumRowGroups() {
				return io.EOF
			}
			if err := r.openGroup(r.group + 1); err != nil {
				return err
			}
		}
		rec, err = r.read(min(r.step, r.left))
		return err
	})
	if err == io.EOF || err == nil {
		return rec, err
	}
	return nil, fmt.Errorf("row group %d: %w", r.group, err)
}

func (r *RowReader) openGroup(g int) error {
	r.group, r.columns = g, r.columns[:0]
	meta := r.file.MetaData().RowGroups[g]
	if meta.NumRows < 0 {
		return fmt.Errorf("it has %d rows", meta.NumRows)
	}
	r.left = meta.NumRows
	r.step = recordRows
	if size := r.groupBytes(g); meta.NumRows > 0 && size > recordBytes {
		r.step = max(1, min(r.step, recordBytes/(size/meta.NumRows+1)))
	}
	for i, field := range r.fields {
		pages, err := r.file.RowGroup(g).GetColumnPageReader(field)
		if err != nil {
			return fmt.Errorf("column %s: %w", r.schema.Field(i).Name, err)
		}
		c, err := newColumnReader(r.schema.Field(i), r.file.MetaData().Schema.Column(field), pages, &r.scratch)
		if err != nil {
			return fmt.Errorf("column %s: %w", r.schema.Field(i).Name, err)
		}
		r.columns = append(r.columns, c)
	}
	return nil
}

// groupBytes is the size of what is read of a row group, uncompressed.
func (r *RowReader) groupBytes(g int) int64 {
	meta := r.file.MetaData().RowGroups[g]
	if len(r.fields) == len(meta.Columns) {
		return meta.TotalByteSize
	}
	var size int64
	for _, field := range r.fields {
		if field >= len(meta.Columns) || meta.Columns[field].MetaData == nil {
			return meta.TotalByteSize
		}
		size += meta.Columns[field].MetaData.TotalUncompressedSize
	}
	return size
}

func (r *RowReader) read(n int64) (arrow.Record, error) {
	arrays := make([]arrow.Array, 0, len(r.columns))
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	for _, c := range r.columns {
		a, err := c.next(int(n))
		if err != nil {
			return nil, err
		}
		arrays = append(arrays, a)
	}
	if r.left -= n; r.left == 0 {
		for _, c := range r.columns {
			if err := c.end(); err != nil {
				return nil, err
			}
		}
	}
	return array.NewRecord(r.schema, arrays, n), nil
}
