package load

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// The settings below shape the bytes of a dataset. They are constants of the format: another value makes a resumed run
// write other files than the run it resumes.
const (
	createdBy     = "chatferry version 1.0.0" // of the format, not of the program
	zstdLevel     = 1
	pageBytes     = 1 << 20
	maxStatistics = 256 // bytes of a minimum or maximum; longer ones are left out, never cut
)

// Keys of Arrow field metadata by which a schema advises this package. They are not written to files.
const (
	MetaDictionary = "chatferry.dictionary" // "1": few distinct values, use a dictionary
	MetaStatistics = "chatferry.statistics" // "0": free text, keep no minimum and maximum
)

// layout says where row groups and pages end. Tests make them small.
type layout struct {
	groupBytes int64 // Arrow bytes
	groupRows  int64
	pageBytes  int64
	// columnBytes bounds the text of one column of one Batch; v17 counts the bytes of a page in 32 bits.
	columnBytes int64
}

func defaultLayout() layout {
	return layout{groupBytes: 32 << 20, groupRows: 131_072, pageBytes: pageBytes, columnBytes: 1 << 30}
}

// fileSchema is what is needed to open a Parquet file for rows of one Arrow schema.
type fileSchema struct {
	arrow *arrow.Schema
	root  *schema.GroupNode
	props *parquet.WriterProperties
	ctx   pqarrow.ArrowWriterProperties
}

// newFileSchema translates an Arrow schema. Each of its columns is flat or a list of flat values, so that column i is
// leaf i; anything else is an error.
func newFileSchema(s *arrow.Schema, l layout) (*fileSchema, error) {
	for _, f := range s.Fields() {
		t := f.Type
		if list, ok := t.(*arrow.ListType); ok {
			t = list.Elem()
		}
		switch t.ID() {
		case arrow.INT64, arrow.INT32, arrow.FLOAT64, arrow.STRING, arrow.BOOL, arrow.FIXED_SIZE_BINARY, arrow.TIMESTAMP:
		default:
			return nil, fmt.Errorf("column %s: no table has columns of type %s", f.Name, f.Type)
		}
	}
	out := &fileSchema{arrow: s, ctx: pqarrow.NewArrowWriterProperties()}
	bare := make([]arrow.Field, s.NumFields())
	for i, f := range s.Fields() {
		f.Metadata = arrow.Metadata{}
		bare[i] = f
	}
	named, err := pqarrow.ToParquet(arrow.NewSchema(bare, nil), parquet.NewWriterProperties(), out.ctx)
	if err != nil {
		return nil, fmt.Errorf("make a parquet schema: %w", err)
	}
	options := []parquet.WriterProperty{
		parquet.WithVersion(parquet.V2_LATEST),
		parquet.WithDataPageVersion(parquet.DataPageV1), // v17 starts V2 pages inside rows of lists
		parquet.WithDataPageSize(l.pageBytes),
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCompressionLevel(zstdLevel),
		parquet.WithRootRepetition(parquet.Repetitions.Required), // the default makes strict readers refuse the file
		parquet.WithCreatedBy(createdBy),
		parquet.WithMaxStatsSize(maxStatistics),
		parquet.WithDictionaryDefault(false),
		parquet.WithDictionaryPageSizeLimit(1<<31 - 1), // a dictionary never falls back: see the package comment
	}
	for i, f := range s.Fields() {
		path := named.Column(i).Path()
		if v, _ := f.Metadata.GetValue(MetaDictionary); v == "1" {
			options = append(options, parquet.WithDictionaryFor(path, true))
		}
		// Of list columns v17 loses minima and maxima: it takes empty lists for null elements.
		if v, _ := f.Metadata.GetValue(MetaStatistics); v == "0" || f.Type.ID() == arrow.LIST {
			options = append(options, parquet.WithStatsFor(path, false))
		}
	}
	out.props = parquet.NewWriterProperties(options...)
	sc, err := pqarrow.ToParquet(arrow.NewSchema(bare, nil), out.props, out.ctx)
	if err != nil {
		return nil, fmt.Errorf("make a parquet schema: %w", err)
	}
	out.root = sc.Root()
	return out, nil
}
