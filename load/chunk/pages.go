package chunk

import (
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// Pages passes on the pages of a column chunk, as long as they have the form of those that are written. A column reader of
// arrow's reads for ever over one whose levels, or numbers of the dictionary, end before its cells do, and a number beyond
// the dictionary makes it ask for any amount of memory.
type Pages struct {
	file.PageReader
	column  Column
	strings int // of the dictionary
	err     error
}

var _ file.PageReader = (*Pages)(nil)

// NewPages returns the pages of a column chunk of c, which arrow's reader takes from the file.
func NewPages(c Column, pages file.PageReader) *Pages { return &Pages{PageReader: pages, column: c} }

// Next implements file.PageReader.
func (p *Pages) Next() bool {
	if p.err != nil || !p.PageReader.Next() {
		return false
	}
	switch page := p.Page().(type) {
	case *file.DictionaryPage:
		p.err = p.dictionary(page)
	case *file.DataPageV1:
		p.err = p.data(page)
	default:
		p.err = errPageType
	}
	return p.err == nil
}

// Err implements file.PageReader.
func (p *Pages) Err() error {
	if p.err != nil {
		return p.err
	}
	return p.PageReader.Err()
}

func (p *Pages) dictionary(page *file.DictionaryPage) error {
	p.strings = int(page.NumValues())
	n := 0
	for b := page.Data(); len(b) > 0; n++ {
		length, err := stringLength(b)
		if err != nil {
			return err
		}
		b = b[4+length:]
	}
	if p.column.Kind != String || n != p.strings {
		return errDictionary
	}
	return nil
}

func (p *Pages) data(page *file.DataPageV1) error {
	b, n := page.Data(), int(page.NumValues())
	present := n
	for _, e := range []parquet.Encoding{page.DefinitionLevelEncoding(), page.RepetitionLevelEncoding()} {
		if e != parquet.Encodings.RLE {
			return errPageEncoding(e)
		}
	}
	var err error
	switch {
	case p.column.List:
		if _, b, err = countLevels(b, 1, n, 1); err == nil {
			present, b, err = countLevels(b, levelWidth, n, uint32(p.column.base()+2))
		}
	case p.column.Nullable:
		present, b, err = countLevels(b, 1, n, 1)
	}
	if err != nil {
		return err
	}
	switch encoding := parquet.Encoding(page.Encoding()); {
	case encoding == parquet.Encodings.Plain:
		return nil
	case encoding != parquet.Encodings.RLEDict || p.column.Kind != String:
		return errPageEncoding(encoding)
	}
	numbers, err := numbersOf(b)
	if err != nil {
		return err
	}
	most, err := numbers.greatest(present)
	if err == nil && present > 0 && int(most) >= p.strings {
		err = errNumber(most, p.strings)
	}
	return err
}

// countLevels passes over the n levels that a page begins with and returns how many of them are the given one.
func countLevels(b []byte, width, n int, level uint32) (count int, rest []byte, err error) {
	inner, rest, err := sized(b)
	if err != nil {
		return 0, nil, err
	}
	h := hybrid{b: inner, width: width}
	count, err = h.count(n, level)
	return count, rest, err
}
