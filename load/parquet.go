package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"sort"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/metadata"

	"chatferry"
	"chatferry/load/chunk"
)

// parquetWriter writes Arrow records of one schema as one Parquet file.
type parquetWriter struct {
	schema  *fileSchema
	layout  layout
	writers *shelf
	sink    *hashingSink
	meta    *metadata.FileMetaDataBuilder
	columns []*chunk.Writer // of the open row group

	groups     []int64         // rows of every finished row group
	prints     [][]chunk.Print // of its columns
	groupRows  int64
	groupBytes int64
}

// newParquetWriter begins a file. It writes the magic number at once.
func newParquetWriter(w io.Writer, s *fileSchema, l layout, writers *shelf) (*parquetWriter, error) {
	p := &parquetWriter{schema: s, layout: l, writers: writers, sink: newHashingSink(w)}
	p.meta = metadata.NewFileMetadataBuilder(s.parquet, s.props, nil)
	if p.columns = writers.take(s); p.columns == nil {
		scratch := &chunk.Scratch{}
		for _, c := range s.columns {
			p.columns = append(p.columns, chunk.NewWriter(c, int(l.pageBytes), appendPage, scratch))
		}
	}
	_, err := io.WriteString(p.sink, parquetMagic)
	return p, err
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
	for i, c := range rec.Columns() {
		if err := p.columns[i].Append(c); err != nil {
			return fmt.Errorf("column %s: %w", rec.ColumnName(i), err)
		}
	}
	p.groupRows += to - from
	p.groupBytes += bytes
	return nil
}

// endGroup writes the open row group.
func (p *parquetWriter) endGroup() error {
	if p.groupRows == 0 {
		return nil
	}
	if len(p.groups) >= math.MaxInt16 {
		return fmt.Errorf("%d row groups are more than one file may have", len(p.groups)+1)
	}
	group := p.meta.AppendRowGroup()
	group.SetNumRows(int(p.groupRows))
	prints := make([]chunk.Print, len(p.columns))
	var size int64
	for i, w := range p.columns {
		c, err := w.Finish()
		if err != nil {
			return fmt.Errorf("column %s: %w", p.schema.arrow.Field(i).Name, err)
		}
		prints[i] = c.Print
		size += c.Size
		if err := p.writeChunk(group.NextColumnChunk(), &c, !p.schema.columns[i].List); err != nil {
			return err
		}
	}
	if err := group.Finish(size, int16(len(p.groups))); err != nil {
		return err
	}
	p.groups, p.prints = append(p.groups, p.groupRows), append(p.prints, prints)
	p.groupRows, p.groupBytes = 0, 0
	return nil
}

// writeChunk writes a column chunk and enters it in the footer.
func (p *parquetWriter) writeChunk(meta *metadata.ColumnChunkMetaDataBuilder, c *chunk.Chunk, statistics bool) error {
	info := metadata.ChunkMetaInfo{
		NumValues: c.Cells, IndexPageOffset: -1, CompressedSize: c.Stored(), UncompressedSize: c.Size,
		DataPageOffset: p.sink.n + int64(len(c.Dictionary)),
	}
	pages := metadata.EncodingStats{DataEncodingStats: map[parquet.Encoding]int32{}}
	if c.Plain > 0 {
		pages.DataEncodingStats[parquet.Encodings.Plain] = c.Plain
	}
	if c.Dictionary != nil {
		info.DictPageOffset = p.sink.n
		pages.DictEncodingStats = map[parquet.Encoding]int32{parquet.Encodings.Plain: 1}
		pages.DataEncodingStats[parquet.Encodings.RLEDict] = c.Numbered
	}
	if statistics {
		meta.SetStats(c.Statistics)
	}
	if c.Dictionary != nil {
		if _, err := p.sink.Write(c.Dictionary); err != nil {
			return err
		}
	}
	if _, err := p.sink.Write(c.Data); err != nil {
		return err
	}
	if err := meta.Finish(info, c.Dictionary != nil, c.Dictionary != nil && c.Plain > 0, pages, nil); err != nil {
		return err
	}
	// Arrow lists them in the order of a map.
	stated := meta.Contents().MetaData.EncodingStats
	sort.Slice(stated, func(i, j int) bool {
		a, b := stated[i], stated[j]
		return a.PageType > b.PageType || a.PageType == b.PageType && a.Encoding < b.Encoding
	})
	return nil
}

// close ends the file with its footer.
func (p *parquetWriter) close() error {
	if err := p.endGroup(); err != nil {
		return err
	}
	m, err := p.meta.Finish()
	if err != nil {
		return fmt.Errorf("parquet: make the footer: %w", err)
	}
	var out bytes.Buffer
	if _, err := m.WriteTo(&out, nil); err != nil {
		return fmt.Errorf("parquet: make the footer: %w", err)
	}
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(out.Len())))
	out.WriteString(parquetMagic)
	if _, err = p.sink.Write(out.Bytes()); err == nil {
		p.writers.put(p.schema, p.columns)
		p.columns = nil
	}
	return err
}

const parquetMagic = "PAR1"

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
