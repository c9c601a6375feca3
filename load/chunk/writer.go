package chunk

import (
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// Compress appends src, compressed, to dst[:0]. It is called by whoever calls the Writer.
type Compress func(dst, src []byte) []byte

// Writer builds the column chunks of one column, one row group after the other. What it is given it copies.
type Writer struct {
	column    Column
	pageBytes int
	compress  Compress

	page       page
	dictionary dictionary
	pages      []byte // finished, with their headers
	size       int64  // of pages and their headers, uncompressed
	dataPages  int32

	bounds bounds
	nulls  int64
	cells  int64 // of finished pages
	print  *printer

	scratch values
	body    []byte // of a page, uncompressed
	stored  []byte // of a page, compressed
}

// page is the open page.
type page struct {
	cells    int      // levels
	valid    bitmap   // of a flat column that may have nulls
	def, rep []byte   // of lists
	plain    []byte   // values
	bools    bitmap   // values
	numbers  []uint32 // values, by their numbers in the dictionary
}

func (p *page) reset() {
	p.cells = 0
	p.valid.reset()
	p.bools.reset()
	p.def, p.rep, p.plain, p.numbers = p.def[:0], p.rep[:0], p.plain[:0], p.numbers[:0]
}

// NewWriter returns a Writer whose pages end once they hold pageBytes.
func NewWriter(c Column, pageBytes int, compress Compress) *Writer {
	return &Writer{column: c, pageBytes: pageBytes, compress: compress, print: newPrinter()}
}

// Append adds the rows of an array of the Column's type.
func (w *Writer) Append(a arrow.Array) error {
	list, ok := a.(*array.List)
	if ok != w.column.List {
		return fmt.Errorf("the array is of type %s", a.DataType())
	}
	if !w.column.Nullable && a.NullN() > 0 {
		return fmt.Errorf("%d nulls in a required column", a.NullN())
	}
	if ok {
		return w.appendLists(list)
	}
	c, err := cellsOf(a, w.column.Kind)
	if err != nil {
		return err
	}
	for from := 0; from < c.n; {
		to := c.n
		if !w.column.Dictionary && c.nulls < c.n {
			to = c.fit(w.column.Kind, from, w.pageBytes-len(w.page.plain))
		}
		if err := w.appendFlat(c.slice(w.column.Kind, from, to)); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func (w *Writer) appendFlat(c cells) error {
	if w.column.Nullable {
		if c.nulls == 0 || c.nulls == c.n {
			w.page.valid.appendRun(c.nulls == 0, c.n)
			w.print.valid.appendRun(c.nulls == 0, c.n)
		} else {
			w.page.valid.appendBits(c.valid, c.at, c.n)
			w.print.valid.appendBits(c.valid, c.at, c.n)
		}
	}
	return w.appendCells(&c, c.n)
}

// appendCells adds values whose levels, so many, were added already, and ends the page if it is full.
func (w *Writer) appendCells(c *cells, levels int) error {
	v := c.gather(w.column.Kind, &w.scratch)
	w.page.cells += levels
	w.print.cells += int64(levels)
	w.print.add(&v)
	if w.column.Bounds && !w.column.Dictionary {
		w.bounds.add(w.column.Kind, &v)
	}
	w.nulls += int64(levels - v.n)
	switch {
	case w.column.Dictionary:
		text := v.text
		for _, n := range v.lengths {
			w.page.numbers = append(w.page.numbers, w.dictionary.number(text[:n]))
			text = text[n:]
		}
	case w.column.Kind == Bool:
		for _, one := range v.bools {
			w.page.bools.put(uint64(one), 1)
		}
	default:
		w.page.plain = appendPlain(w.page.plain, w.column.Kind, &v)
	}
	if len(w.page.plain) >= w.pageBytes {
		return w.endPage()
	}
	return nil
}

var errPage = errors.New("a page is longer than Parquet can say")

func (w *Writer) endPage() error {
	p := &w.page
	b := w.body[:0]
	encoding := encodingPlain
	if w.column.List {
		b = appendSized(b, func(b []byte) []byte { return appendHybrid(b, p.rep, 1) })
		b = appendSized(b, func(b []byte) []byte { return appendHybrid(b, p.def, levelWidth) })
	} else if w.column.Nullable {
		b = appendSized(b, func(b []byte) []byte { return appendHybridBits(b, &p.valid) })
	}
	switch {
	case w.column.Dictionary:
		encoding = encodingRunsOfNumbers
		width := w.dictionary.width()
		b = appendHybrid(append(b, byte(width)), p.numbers, width)
	case w.column.Kind == Bool:
		b = append(b, p.bools.b...)
	default:
		b = append(b, p.plain...)
	}
	w.body = b
	var err error
	w.pages, err = w.appendPage(w.pages, pageData, b, p.cells, encoding)
	w.cells += int64(p.cells)
	w.dataPages++
	p.reset()
	return err
}

func (w *Writer) appendPage(dst []byte, kind int, body []byte, n, encoding int) ([]byte, error) {
	if len(body) > math.MaxInt32 || n > math.MaxInt32 {
		return dst, errPage
	}
	w.stored = w.compress(w.stored, body)
	if len(w.stored) > math.MaxInt32 {
		return dst, errPage
	}
	before := len(dst)
	dst = appendPageHeader(dst, kind, len(body), len(w.stored), n, encoding)
	w.size += int64(len(dst) - before + len(body))
	return append(dst, w.stored...), nil
}

// Chunk is a finished column chunk.
type Chunk struct {
	Dictionary []byte // page with its header; nil without dictionary
	Data       []byte // pages with their headers; valid until the Writer's next call
	DataPages  int32
	Cells      int64 // the footer's num_values
	Size       int64 // of all pages and their headers, uncompressed
	Statistics metadata.EncodedStatistics
	Print      Print
}

// Stored is the size of the chunk in the file.
func (c *Chunk) Stored() int64 { return int64(len(c.Dictionary) + len(c.Data)) }

// Finish ends the column chunk and begins the next. A chunk has a page, even without cells.
func (w *Writer) Finish() (Chunk, error) {
	var out Chunk
	if w.page.cells > 0 || w.dataPages == 0 {
		if err := w.endPage(); err != nil {
			return out, err
		}
	}
	if w.column.Dictionary {
		if err := w.endDictionary(&out); err != nil {
			return out, err
		}
	}
	out.Data, out.DataPages, out.Cells, out.Size = w.pages, w.dataPages, w.cells, w.size
	if !w.column.List {
		out.Statistics = w.bounds.statistics(w.column, w.nulls)
	}
	out.Print = w.print.take()
	w.bounds.reset()
	w.dictionary.reset()
	w.pages, w.size, w.dataPages, w.nulls, w.cells = w.pages[:0], 0, 0, 0, 0
	return out, nil
}

func (w *Writer) endDictionary(out *Chunk) (err error) {
	d := &w.dictionary
	if w.column.Bounds {
		for _, s := range d.strings {
			w.bounds.bytes([]byte(s))
		}
	}
	out.Dictionary, err = w.appendPage(nil, pageDictionary, d.plain, len(d.strings), encodingPlain)
	return err
}
