package load

import (
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"chatferry"
	"chatferry/load/chunk"
)

// SetLayout makes row groups and pages small.
func (s *Sink) SetLayout(groupBytes, groupRows, pageBytes int64) {
	s.layout.groupBytes, s.layout.groupRows, s.layout.pageBytes = groupBytes, groupRows, pageBytes
}

// SetColumnBytes lowers the limit of text in one column of one Batch.
func (s *Sink) SetColumnBytes(n int64) { s.layout.columnBytes = n }

// SetNonce fixes the names of staging files.
func (s *Sink) SetNonce(nonce string) { s.nonce = func() string { return nonce } }

// NewHashingSink returns the sink that files are written through.
func NewHashingSink(w io.Writer) io.Writer { return newHashingSink(w) }

// Tamper changes what the writer of a parent table remembers of its rows, as if the file held others.
func Tamper(w chatferry.PartWriter, change func(p *chunk.Print, rows *int64, groups []int64)) {
	p := w.(*partWriter)
	f := p.rows[p.shard.Stream.Parent()]
	if err := f.w.endGroup(); err != nil {
		panic(err)
	}
	change(&f.w.prints[0][1], &f.written.rows, f.w.groups)
}

// ArrowBytes is arrowBytes.
var ArrowBytes = arrowBytes

// Encode writes the first rows of the Batches as one Parquet file and returns its size.
func Encode(out io.Writer, batches []*chatferry.Batch) (int64, error) {
	l := defaultLayout()
	s, err := newFileSchema(batches[0].Rows[0].Record.Schema())
	if err != nil {
		return 0, err
	}
	w, err := newParquetWriter(out, s, l, &shelf{most: idleBytes})
	if err != nil {
		return 0, err
	}
	for _, b := range batches {
		if err := w.write(b.Rows[0].Record); err != nil {
			return 0, err
		}
	}
	return w.sink.n, w.close()
}

// Reread reads all rows of a column from its pages, as a RowReader does, n at a time.
func Reread(f arrow.Field, leaf *schema.Column, pages file.PageReader, rows, n int) error {
	return recovered(func() error {
		c, err := newColumnReader(f, leaf, pages, &readScratch{})
		for ; err == nil && rows > 0; rows -= n {
			var a arrow.Array
			if a, err = c.next(min(n, rows)); err == nil {
				a.Release()
			}
		}
		if err != nil {
			return err
		}
		return c.end()
	})
}
