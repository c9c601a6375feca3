package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// Compress appends src, compressed, to dst. It is called by whoever calls the Writer.
type Compress func(dst, src []byte) []byte

// Scratch is memory that the Writers of one file share: they work one after the other.
type Scratch struct {
	body   []byte // of a page, uncompressed
	levels []byte // of a page, those of one sort
	header []byte // of a page
}

// Writer builds the column chunks of one column, one row group after the other. What it is given it copies.
type Writer struct {
	column    Column
	pageBytes int
	compress  Compress
	scratch   *Scratch

	form       form
	page       page
	dictionary dictionary
	pages      []byte // finished, with their headers
	size       int64  // of pages and their headers, uncompressed
	numbered   int32  // finished pages of numbers of the dictionary
	plain      int32  // finished plain pages

	bounds bounds
	nulls  int64
	cells  int64 // of finished pages
	print  *printer
}

// Held is how many bytes of memory the Writer keeps for what it will be given.
func (w *Writer) Held() int64 {
	return int64(cap(w.pages) + cap(w.page.plain) + cap(w.page.levels) + 4*cap(w.page.numbers) + w.dictionary.held())
}

// form is how the values of the open page are written.
type form uint8

const (
	formPlain    form = iota
	formNumbered      // as numbers of the dictionary
	formBoth          // both, until it shows what is smaller
)

// page is the open page.
type page struct {
	cells   int      // levels
	valid   bitmap   // of a flat column that may have nulls
	levels  []byte   // of lists
	plain   []byte   // values
	bools   bitmap   // values
	numbers []uint32 // values, by their numbers in the dictionary
}

func (p *page) reset() {
	p.cells = 0
	p.valid.reset()
	p.bools.reset()
	p.levels, p.plain, p.numbers = p.levels[:0], p.plain[:0], p.numbers[:0]
}

// NewWriter returns a Writer whose pages end once they hold pageBytes.
func NewWriter(c Column, pageBytes int, compress Compress, scratch *Scratch) *Writer {
	w := &Writer{column: c, pageBytes: pageBytes, compress: compress, scratch: scratch, print: newPrinter()}
	w.begin()
	return w
}

// begin starts a column chunk.
func (w *Writer) begin() {
	switch {
	case w.column.Dictionary:
		w.form = formNumbered
	case w.column.Kind == String:
		w.form = formBoth
	default:
		w.form = formPlain
	}
	w.bounds.reset()
	w.dictionary.reset()
	w.pages, w.size, w.numbered, w.plain, w.nulls, w.cells = kept(w.pages), 0, 0, 0, 0, 0
	w.page.plain = kept(w.page.plain)
}

// kept empties a buffer, and drops it if a giant value made it larger than others need it.
func kept(b []byte) []byte {
	const most = 8 << 20
	if cap(b) > most {
		return nil
	}
	return b[:0]
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
		if c.nulls < c.n {
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
		} else {
			w.page.valid.appendBits(c.valid, c.at, c.n)
		}
	}
	return w.appendCells(&c, c.n)
}

// appendCells adds values whose levels, so many, were added already, and ends the page if it is full.
func (w *Writer) appendCells(c *cells, levels int) error {
	present := c.n - c.nulls
	w.page.cells += levels
	w.print.cells += int64(levels)
	w.print.present += int64(present)
	w.nulls += int64(levels - present)
	switch {
	case present == 0:
	case w.column.Kind == String:
		w.appendText(c)
	case w.column.Kind == Bool:
		at := w.page.bools.n
		c.appendBools(&w.page.bools)
		c.appendBools(&w.print.bools)
		if w.column.Bounds {
			w.bounds.bools(present, ones(w.page.bools.b, at, present))
		}
	default:
		at := len(w.page.plain)
		w.page.plain = c.appendFixed(w.page.plain, w.column.Kind.width())
		values := w.page.plain[at:]
		if c.nulls == 0 {
			values = c.fixed
		}
		w.print.fixed.Write(values)
		if w.column.Bounds {
			w.bounds.addFixed(w.column.Kind, values)
		}
	}
	if len(w.page.plain) >= w.pageBytes || len(w.dictionary.plain) >= w.pageBytes && w.form == formNumbered {
		return w.endPage()
	}
	return nil
}

func (w *Writer) appendText(c *cells) {
	for from, to := c.run(0); from < to; from, to = c.run(to) {
		ends := c.ends[from : to+1]
		if w.form == formPlain {
			w.takePlain(c.text, ends)
		} else {
			w.number(c.text, ends)
		}
		if w.form != formNumbered {
			w.page.plain = appendText(w.page.plain, c.text, ends)
		}
	}
	if w.form == formBoth && len(w.page.numbers) >= trial {
		w.choose()
	}
}

// takePlain takes the Print and the bounds of strings that get no numbers.
func (w *Writer) takePlain(text []byte, ends []int32) {
	at := ends[0]
	for _, end := range ends[1:] {
		s := text[at:end]
		at = end
		w.print.texts.add(hash(s))
		if w.column.Bounds {
			w.bounds.bytes(s)
		}
	}
}

// number takes the Print of strings and adds their numbers to the page.
func (w *Writer) number(text []byte, ends []int32) {
	d, sum := &w.dictionary, w.print.texts
	had := len(w.page.numbers)
	w.page.numbers = slices.Grow(w.page.numbers, len(ends)-1)[:had+len(ends)-1]
	numbers := w.page.numbers[had:]
	if d.n == 0 {
		d.meet(text[ends[0]:ends[1]])
	}
	last, n, h := d.lastMet()
	at := ends[0]
	for i, end := range ends[1:] {
		if s := text[at:end]; string(s) != string(last) {
			d.meet(s)
			last, n, h = d.lastMet()
		}
		at = end
		numbers[i] = n
		sum.add(h)
	}
	w.print.texts = sum
}

// trial is the number of strings after which a column chunk is written with a dictionary or without.
const trial = 1024

// choose ends the trial: a dictionary must halve the values.
func (w *Writer) choose() {
	const overhead = 64 // of a page
	w.form = formNumbered
	if 2*(len(w.dictionary.plain)+overhead) > len(w.page.plain) {
		w.form = formPlain
		w.page.numbers = w.page.numbers[:0]
		w.boundDictionary()
		w.dictionary.reset()
		return
	}
	w.page.plain = w.page.plain[:0]
}

// boundDictionary takes the strings of the dictionary into the bounds.
func (w *Writer) boundDictionary() {
	if w.column.Bounds {
		for b := w.dictionary.plain; len(b) > 0; {
			n := binary.LittleEndian.Uint32(b)
			w.bounds.bytes(b[4:][:n])
			b = b[4+n:]
		}
	}
}

var errPage = errors.New("a page is longer than Parquet can say")

func (w *Writer) endPage() error {
	if w.form == formBoth {
		w.choose()
	}
	p := &w.page
	b := kept(w.scratch.body)
	if w.column.List {
		b = appendLists(b, p.levels, w.scratch)
	} else if w.column.Nullable {
		w.print.valid.appendBits(p.valid.b, 0, p.valid.n)
		b = appendSized(b, func(b []byte) []byte { return appendHybridBits(b, &p.valid) })
	}
	encoding := encodingPlain
	switch {
	case w.form == formNumbered:
		encoding = encodingNumbers
		width := w.dictionary.width()
		b = appendHybrid(append(b, byte(width)), p.numbers, width)
		w.numbered++
		if len(w.dictionary.plain) >= w.pageBytes {
			w.form = formPlain // what comes is too various for a dictionary
		}
	case w.column.Kind == Bool:
		b = append(b, p.bools.b...)
		w.plain++
	default:
		b = append(b, p.plain...)
		w.plain++
	}
	w.scratch.body = b
	var err error
	w.pages, err = w.appendPage(w.pages, pageData, b, p.cells, encoding)
	w.cells += int64(p.cells)
	p.reset()
	return err
}

func (w *Writer) appendPage(dst []byte, kind int, body []byte, n, encoding int) ([]byte, error) {
	if len(body) > math.MaxInt32 || n > math.MaxInt32 {
		return dst, errPage
	}
	before := len(dst)
	dst = appendPageHeader(dst, kind, len(body), len(body)/2, n, encoding) // as long as the right one, mostly
	at := len(dst)
	dst = w.compress(dst, body)
	stored := len(dst) - at
	if stored > math.MaxInt32 {
		return dst, errPage
	}
	w.scratch.header = appendPageHeader(w.scratch.header[:0], kind, len(body), stored, n, encoding)
	w.size += int64(len(w.scratch.header) + len(body))
	return slices.Replace(dst, before, at, w.scratch.header...), nil
}

// Chunk is a finished column chunk.
type Chunk struct {
	Dictionary []byte // page with its header; nil without dictionary
	Data       []byte // pages with their headers; valid until the Writer's next call
	Numbered   int32  // data pages that hold numbers of the dictionary
	Plain      int32  // other data pages
	Cells      int64  // the footer's num_values
	Size       int64  // of all pages and their headers, uncompressed
	Statistics metadata.EncodedStatistics
	Print      Print
}

// Stored is the size of the chunk in the file.
func (c *Chunk) Stored() int64 { return int64(len(c.Dictionary) + len(c.Data)) }

// Finish ends the column chunk and begins the next. A chunk has a page, even without cells.
func (w *Writer) Finish() (Chunk, error) {
	var out Chunk
	if w.page.cells > 0 || w.plain+w.numbered == 0 {
		if err := w.endPage(); err != nil {
			return out, err
		}
	}
	if w.numbered > 0 {
		var err error
		w.boundDictionary()
		if out.Dictionary, err = w.appendPage(nil, pageDictionary, w.dictionary.plain, int(w.dictionary.n), encodingPlain); err != nil {
			return out, err
		}
	}
	out.Data, out.Numbered, out.Plain, out.Cells, out.Size = w.pages, w.numbered, w.plain, w.cells, w.size
	if !w.column.List {
		out.Statistics = w.bounds.statistics(w.column, w.nulls)
	}
	out.Print = w.print.take()
	w.begin()
	return out, nil
}
