package load

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"chatferry"
)

// parquetWriter writes Arrow records of one schema as one Parquet file.
type parquetWriter struct {
	schema *fileSchema
	layout layout
	sink   *hashingSink
	out    *footerSwitch
	fw     *file.Writer
	rgw    file.BufferedRowGroupWriter // nil between row groups
	ctx    context.Context             // carries arrow's scratch memory, no deadline
	levels columnLevels

	groups     []int64 // rows of every finished row group
	groupRows  int64
	groupBytes int64
}

// newParquetWriter begins a file. It writes the magic number at once.
func newParquetWriter(w io.Writer, s *fileSchema, l layout) (*parquetWriter, error) {
	registerZstd()
	p := &parquetWriter{schema: s, layout: l, sink: newHashingSink(w)}
	p.out = &footerSwitch{sink: p.sink}
	p.ctx = pqarrow.NewArrowWriteContext(context.Background(), &s.ctx)
	err := p.guard(func() error {
		p.fw = file.NewParquetWriter(p.out, s.root, file.WithWriterProps(s.props))
		return nil
	})
	return p, err
}

// guard runs a piece of arrow's code. The sink's error goes before whatever arrow says, and a panic is an error.
func (p *parquetWriter) guard(f func() error) error {
	err := recovered(f)
	if p.sink.err != nil {
		return p.sink.err
	}
	return err
}

// recovered runs f and returns its error, or its panic as an error. It is for code of the arrow library only: it panics
// on failing writes, damaged pages and lengths beyond 32 bits.
func recovered(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if e, ok := r.(error); ok {
				err = fmt.Errorf("parquet: %w", e)
			} else {
				err = fmt.Errorf("parquet: %v", r)
			}
		}
	}()
	return f()
}

// write appends the rows of a record, which may be released afterwards.
func (p *parquetWriter) write(rec arrow.Record) error {
	for i, c := range rec.Columns() {
		if err := checkLength(c, p.layout.columnBytes); err != nil {
			return fmt.Errorf("column %s: %w", rec.ColumnName(i), err)
		}
	}
	rows, bytes := rec.NumRows(), arrowBytes(rec)
	if p.groupRows > 0 && (p.groupRows+rows > p.layout.groupRows || p.groupBytes+bytes > p.layout.groupBytes) {
		if err := p.endGroup(); err != nil {
			return err
		}
	}
	// A record beyond the limits gets row groups of its own, of equal numbers of rows.
	pieces := max(ceilDiv(rows, p.layout.groupRows), min(ceilDiv(bytes, p.layout.groupBytes), rows), 1)
	step := max(ceilDiv(rows, pieces), 1)
	for from := int64(0); from < rows; from += step {
		if from > 0 {
			if err := p.endGroup(); err != nil {
				return err
			}
		}
		if err := p.writePiece(rec, from, min(from+step, rows), bytes/pieces); err != nil {
			return err
		}
	}
	return nil
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }

func (p *parquetWriter) writePiece(rec arrow.Record, from, to, bytes int64) error {
	if from != 0 || to != rec.NumRows() {
		rec = rec.NewSlice(from, to)
		defer rec.Release()
	}
	if p.rgw == nil {
		if err := p.beginGroup(); err != nil {
			return err
		}
	}
	for i, c := range rec.Columns() {
		err := p.guard(func() error {
			cw, err := p.rgw.Column(i)
			if err != nil {
				return err
			}
			return p.levels.write(p.ctx, cw, p.schema.arrow.Field(i), c)
		})
		if err != nil {
			return fmt.Errorf("column %s: %w", rec.ColumnName(i), err)
		}
	}
	p.groupRows += to - from
	p.groupBytes += bytes
	return nil
}

func (p *parquetWriter) beginGroup() error {
	if len(p.groups) >= math.MaxInt16 {
		return fmt.Errorf("%d row groups are more than one file may have", len(p.groups)+1)
	}
	return p.guard(func() error {
		p.rgw = p.fw.AppendBufferedRowGroup()
		for i := range p.rgw.NumColumns() {
			cw, err := p.rgw.Column(i)
			if err != nil {
				return err
			}
			// v17 begins with a count of 0 distinct values, which readers may believe; a reset forgets it.
			if s := cw.PageStatistics(); s != nil {
				s.Reset()
			}
		}
		return nil
	})
}

// endGroup closes the open row group by hand: arrow's own way to the next one drops the error.
func (p *parquetWriter) endGroup() error {
	if p.rgw == nil {
		return nil
	}
	err := p.guard(func() error {
		n, err := p.rgw.NumRows()
		if err != nil {
			return err
		}
		if int64(n) != p.groupRows {
			return fmt.Errorf("parquet: a row group has %d rows instead of %d", n, p.groupRows)
		}
		return p.rgw.Close()
	})
	if err != nil {
		return err
	}
	p.groups = append(p.groups, p.groupRows)
	p.rgw, p.groupRows, p.groupBytes = nil, 0, 0
	return nil
}

// close ends the file with its footer.
func (p *parquetWriter) close() error {
	if err := p.endGroup(); err != nil {
		return err
	}
	p.out.capture = true
	return p.guard(func() error {
		if err := p.fw.Close(); err != nil {
			return err
		}
		return writeFooter(p.sink, p.out.footer.Bytes())
	})
}

// checkLength refuses a column whose text is longer than most.
func checkLength(a arrow.Array, most int64) error {
	switch a := a.(type) {
	case *array.String:
		if n := stringBytes(a); n > most {
			return chatferry.Errorf(chatferry.KindUsage, "lower the record limit or the page size",
				"%d bytes of text in one Batch are more than the %d that one file can take", n, most)
		}
	case *array.List:
		return checkLength(a.ListValues(), most)
	}
	return nil
}
