package load

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// FileInfo describes a Parquet file.
type FileInfo struct {
	Size      int64             `json:"size"`
	CreatedBy string            `json:"created_by"`
	Rows      int64             `json:"rows"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Columns   []ColumnInfo      `json:"columns"`
	Groups    []GroupInfo       `json:"row_groups"`
}

// ColumnInfo describes one leaf column of a Parquet file's schema.
type ColumnInfo struct {
	Path       string `json:"path"`
	Type       string `json:"type"`    // physical
	Logical    string `json:"logical"` // empty if none
	Repetition string `json:"repetition"`
}

// GroupInfo describes one row group.
type GroupInfo struct {
	Rows   int64       `json:"rows"`
	Bytes  int64       `json:"bytes"` // uncompressed
	Chunks []ChunkInfo `json:"columns"`
}

// ChunkInfo describes one column of one row group. Statistics that the file does not hold are nil.
type ChunkInfo struct {
	Path         string   `json:"path"`
	Codec        string   `json:"codec"`
	Encodings    []string `json:"encodings"`
	Values       int64    `json:"values"`
	Compressed   int64    `json:"compressed"`
	Uncompressed int64    `json:"uncompressed"`
	Nulls        *int64   `json:"nulls,omitempty"`
	Min          *string  `json:"min,omitempty"`
	Max          *string  `json:"max,omitempty"`
}

// Inspect reads the footer of a Parquet file of size bytes.
func Inspect(r io.ReaderAt, size int64) (*FileInfo, error) {
	var info *FileInfo
	err := recovered(func() error {
		f, err := file.NewParquetReader(io.NewSectionReader(r, 0, size))
		if err != nil {
			return err
		}
		info, err = describe(f, size)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	return info, nil
}

func describe(f *file.Reader, size int64) (*FileInfo, error) {
	meta := f.MetaData()
	info := &FileInfo{Size: size, CreatedBy: meta.GetCreatedBy(), Rows: meta.NumRows, Columns: []ColumnInfo{}, Groups: []GroupInfo{}}
	for _, kv := range meta.KeyValueMetadata() {
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
		info.Metadata[kv.Key] = kv.GetValue()
	}
	for i := range meta.Schema.NumColumns() {
		c := meta.Schema.Column(i)
		column := ColumnInfo{Path: c.Path(), Type: c.PhysicalType().String(), Repetition: c.SchemaNode().RepetitionType().String()}
		if l := c.LogicalType(); l != nil && l.IsValid() && !l.IsNone() {
			column.Logical = l.String()
		}
		info.Columns = append(info.Columns, column)
	}
	for g := range f.NumRowGroups() {
		group, err := describeGroup(f, g)
		if err != nil {
			return nil, fmt.Errorf("row group %d: %w", g, err)
		}
		info.Groups = append(info.Groups, group)
	}
	return info, nil
}

func describeGroup(f *file.Reader, g int) (GroupInfo, error) {
	meta := f.MetaData()
	raw := meta.RowGroups[g]
	group := GroupInfo{Rows: raw.NumRows, Bytes: raw.TotalByteSize, Chunks: []ChunkInfo{}}
	if len(raw.Columns) != meta.Schema.NumColumns() {
		return group, fmt.Errorf("%d columns instead of %d", len(raw.Columns), meta.Schema.NumColumns())
	}
	for i, c := range raw.Columns {
		m := c.MetaData
		column := meta.Schema.Column(i)
		chunk := ChunkInfo{
			Path: column.Path(), Codec: m.Codec.String(), Values: m.NumValues, Encodings: []string{},
			Compressed: m.TotalCompressedSize, Uncompressed: m.TotalUncompressedSize,
		}
		for _, e := range m.Encodings {
			chunk.Encodings = append(chunk.Encodings, e.String())
		}
		if s := m.Statistics; s != nil {
			chunk.Nulls = s.NullCount
			chunk.Min, chunk.Max = printable(column, s.MinValue), printable(column, s.MaxValue)
		}
		group.Chunks = append(group.Chunks, chunk)
	}
	return group, nil
}

// printable shows a minimum or maximum, which statistics hold in plain encoding.
func printable(c *schema.Column, b []byte) *string {
	if b == nil {
		return nil
	}
	s := "0x" + hex.EncodeToString(b)
	switch t := c.PhysicalType(); {
	case t == parquet.Types.Boolean && len(b) == 1:
		s = strconv.FormatBool(b[0] != 0)
	case t == parquet.Types.Int32 && len(b) == 4:
		s = strconv.FormatInt(int64(int32(binary.LittleEndian.Uint32(b))), 10)
	case t == parquet.Types.Int64 && len(b) == 8:
		s = printableInt(c, int64(binary.LittleEndian.Uint64(b)))
	case t == parquet.Types.Double && len(b) == 8:
		s = strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)), 'g', -1, 64)
	case t == parquet.Types.ByteArray && utf8.Valid(b):
		s = string(b)
	}
	return &s
}

func printableInt(c *schema.Column, v int64) string {
	if l, ok := c.LogicalType().(*schema.TimestampLogicalType); ok && l.TimeUnit() == schema.TimeUnitMicros {
		return time.UnixMicro(v).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
	}
	return strconv.FormatInt(v, 10)
}
