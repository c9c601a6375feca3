package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// footerSwitch stands between arrow's writer and the sink. Once the last row group is written, what arrow writes is the
// footer, which is kept back.
type footerSwitch struct {
	sink    *hashingSink
	capture bool
	footer  bytes.Buffer
}

// Write implements io.Writer.
func (s *footerSwitch) Write(b []byte) (int, error) {
	if s.capture {
		return s.footer.Write(b)
	}
	return s.sink.Write(b)
}

const parquetMagic = "PAR1"

// writeFooter writes the footer that arrow made, without its untruths: v17 states 0 distinct values for every column. It
// does so here because arrow's writer neither offers a way to change the footer nor reports that writing it failed.
func writeFooter(sink *hashingSink, made []byte) error {
	const tail = 4 + len(parquetMagic)
	if len(made) < tail || string(made[len(made)-len(parquetMagic):]) != parquetMagic {
		return errors.New("parquet: arrow made no footer")
	}
	body := made[:len(made)-tail]
	if n := binary.LittleEndian.Uint32(made[len(body):]); int(n) != len(body) {
		return fmt.Errorf("parquet: arrow made a footer of %d bytes and says %d", len(body), n)
	}
	m, err := metadata.NewFileMetaData(body, nil)
	if err != nil {
		return fmt.Errorf("parquet: read arrow's footer: %w", err)
	}
	for _, g := range m.RowGroups {
		for _, c := range g.Columns {
			if s := c.MetaData.Statistics; s != nil {
				s.DistinctCount = nil
			}
		}
	}
	var out bytes.Buffer
	if _, err := m.WriteTo(&out, nil); err != nil {
		return fmt.Errorf("parquet: make the footer: %w", err)
	}
	n := out.Len()
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	out.WriteString(parquetMagic)
	_, err = sink.Write(out.Bytes())
	return err
}
