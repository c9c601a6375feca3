package load

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"chatferry/load/chunk"
)

// The settings below shape the bytes of a dataset. They are constants of the format: another value makes a resumed run
// write other files than the run it resumes.
const (
	createdBy = "chatferry version 1.0.0" // of the format, not of the program
	zstdLevel = 1
	pageBytes = 1 << 20
)

// Keys of Arrow field metadata by which a schema advises this package. They are not written to files.
const (
	MetaDictionary = "chatferry.dictionary" // "1": few distinct strings, use a dictionary
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
	arrow   *arrow.Schema
	columns []chunk.Column
	parquet *schema.Schema
	props   *parquet.WriterProperties
}

// newFileSchema translates an Arrow schema. Each of its columns is flat or a list of flat values, so that column i is
// leaf i; anything else is an error.
func newFileSchema(s *arrow.Schema) (*fileSchema, error) {
	out := &fileSchema{arrow: s}
	bare := make([]arrow.Field, s.NumFields())
	for i, f := range s.Fields() {
		c, err := chunk.ColumnOf(f)
		if err != nil {
			return nil, err
		}
		if v, _ := f.Metadata.GetValue(MetaDictionary); v == "1" && c.Kind == chunk.String && !c.List {
			c.Dictionary = true
		}
		if v, _ := f.Metadata.GetValue(MetaStatistics); v == "0" {
			c.Bounds = false
		}
		out.columns = append(out.columns, c)
		f.Metadata = arrow.Metadata{}
		bare[i] = f
	}
	arrowProps := pqarrow.NewArrowWriterProperties()
	out.props = parquet.NewWriterProperties(
		parquet.WithVersion(parquet.V2_LATEST),
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCompressionLevel(zstdLevel),
		parquet.WithRootRepetition(parquet.Repetitions.Required), // the default makes strict readers refuse the file
		parquet.WithCreatedBy(createdBy),
		parquet.WithDictionaryDefault(false),
	)
	sc, err := pqarrow.ToParquet(arrow.NewSchema(bare, nil), out.props, arrowProps)
	if err != nil {
		return nil, fmt.Errorf("make a parquet schema: %w", err)
	}
	out.parquet = sc
	return out, nil
}
