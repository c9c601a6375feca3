package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// Reader reads column chunks back that a Writer of the same Column built. It is used for one column after the other.
type Reader struct {
	print   *printer
	bounds  bounds
	valid   bitmap
	numbers []uint32 // levels too
	levels  []byte
	strings [][]byte // the dictionary
	hashes  []uint64 // of its strings
	met     []bool   // which of its strings
}

// NewReader returns a Reader.
func NewReader() *Reader { return &Reader{print: newPrinter()} }

var (
	errEarly      = errors.New("a page ends early")
	errPageType   = errors.New("a page of a type that is not written")
	errDictionary = errors.New("a dictionary that was not written")
)

func errPageEncoding(e parquet.Encoding) error { return fmt.Errorf("a page in the encoding %s", e) }

func errNumber(n uint32, strings int) error {
	return fmt.Errorf("number %d of a dictionary of %d strings", n, strings)
}

// ReadBack decodes all pages of a column chunk, returns the Print of what it read, and holds the statistics against it.
// The page reader is arrow's; it may panic on damage, which is the caller's to recover.
func (r *Reader) ReadBack(c Column, pages file.PageReader, s Stated) (Print, error) {
	r.print.take()
	r.bounds.reset()
	r.strings, r.hashes, r.met = r.strings[:0], r.hashes[:0], r.met[:0]
	for pages.Next() {
		var err error
		switch p := pages.Page().(type) {
		case *file.DictionaryPage:
			err = r.dictionary(c, p)
		case *file.DataPageV1:
			err = r.data(c, p)
		default:
			err = errPageType
		}
		if err != nil {
			return Print{}, err
		}
	}
	if err := pages.Err(); err != nil {
		return Print{}, err
	}
	if c.Bounds {
		for i, met := range r.met {
			if met {
				r.bounds.bytes(r.strings[i])
			}
		}
	}
	out := r.print.take()
	if err := r.bounds.compare(c, out.Cells-out.Present, s); err != nil {
		return out, fmt.Errorf("the statistics are not true: %w", err)
	}
	return out, nil
}

func (r *Reader) dictionary(c Column, p *file.DictionaryPage) error {
	if c.Kind != String || parquet.Encoding(p.Encoding()) != parquet.Encodings.Plain {
		return errDictionary
	}
	for b := p.Data(); len(b) > 0; {
		n, err := stringLength(b)
		if err != nil {
			return err
		}
		r.strings = append(r.strings, b[4:4+n]) // the page stays in memory as long as this refers to it
		r.hashes = append(r.hashes, hash(b[4:4+n]))
		b = b[4+n:]
	}
	r.met = append(r.met, make([]bool, len(r.strings)-len(r.met))...)
	if len(r.strings) != int(p.NumValues()) {
		return fmt.Errorf("a dictionary of %d strings instead of %d", len(r.strings), p.NumValues())
	}
	return nil
}

func stringLength(b []byte) (int, error) {
	if len(b) < 4 {
		return 0, errEarly
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return 0, errEarly
	}
	return int(n), nil
}

func (r *Reader) data(c Column, p *file.DataPageV1) error {
	b, n := p.Data(), int(p.NumValues())
	present := n
	var err error
	switch {
	case c.List:
		b, present, err = r.listLevels(c, b, n)
	case c.Nullable:
		b, present, err = r.flatLevels(b, n)
	}
	if err != nil {
		return err
	}
	r.print.cells += int64(n)
	r.print.present += int64(present)
	return r.values(c, parquet.Encoding(p.Encoding()), b, present)
}

func sized(b []byte) (inner, rest []byte, err error) {
	n, err := stringLength(b)
	if err != nil {
		return nil, nil, err
	}
	return b[4 : 4+n], b[4+n:], nil
}

func (r *Reader) flatLevels(b []byte, n int) (rest []byte, present int, err error) {
	def, rest, err := sized(b)
	if err != nil {
		return nil, 0, err
	}
	r.valid.reset()
	h := hybrid{b: def, width: 1}
	if err := h.appendBitsTo(&r.valid, n); err != nil {
		return nil, 0, err
	}
	r.print.valid.appendBits(r.valid.b, 0, n)
	return rest, ones(r.valid.b, 0, n), nil
}

func (r *Reader) listLevels(c Column, b []byte, n int) (rest []byte, present int, err error) {
	r.levels = grow(r.levels[:0], n)
	rep, b, err := r.readLevels(b, 1, n)
	if err != nil {
		return nil, 0, err
	}
	for i, v := range rep {
		r.levels[i] = byte(v)
	}
	def, b, err := r.readLevels(b, levelWidth, n)
	if err != nil {
		return nil, 0, err
	}
	for i, v := range def {
		r.levels[i] = level(byte(v), r.levels[i])
		if byte(v) == c.base()+2 {
			present++
		}
	}
	r.print.levels.Write(r.levels)
	return b, present, nil
}

func (r *Reader) readLevels(b []byte, width, n int) (levels []uint32, rest []byte, err error) {
	inner, rest, err := sized(b)
	if err != nil {
		return nil, nil, err
	}
	h := hybrid{b: inner, width: width}
	r.numbers, err = h.appendTo(r.numbers[:0], n)
	return r.numbers, rest, err
}

// values reads the values of a page, of which n are present. The bounds of a dictionary are taken once.
func (r *Reader) values(c Column, encoding parquet.Encoding, b []byte, n int) error {
	switch w := c.Kind.width(); {
	case c.Kind == String && encoding == parquet.Encodings.RLEDict:
		return r.numbered(b, n)
	case encoding != parquet.Encodings.Plain:
		return errPageEncoding(encoding)
	case w > 0:
		if len(b) != n*w {
			return errEarly
		}
		r.print.fixed.Write(b)
		if c.Bounds {
			r.bounds.addFixed(c.Kind, b)
		}
	case c.Kind == Bool:
		if len(b) != (n+7)/8 {
			return errEarly
		}
		r.print.bools.appendBits(b, 0, n)
		if c.Bounds {
			r.bounds.bools(n, ones(b, 0, n))
		}
	default:
		return r.plainText(c, b, n)
	}
	return nil
}

func (r *Reader) plainText(c Column, b []byte, n int) error {
	had := 0
	for ; len(b) > 0; had++ {
		size, err := stringLength(b)
		if err != nil {
			return err
		}
		s := b[4 : 4+size]
		b = b[4+size:]
		r.print.texts.add(hash(s))
		if c.Bounds {
			r.bounds.bytes(s)
		}
	}
	if had != n {
		return fmt.Errorf("%d values instead of %d", had, n)
	}
	return nil
}

// numbered reads the strings behind their numbers in the dictionary.
func (r *Reader) numbered(b []byte, n int) (err error) {
	h, err := numbersOf(b)
	if err != nil {
		return err
	}
	if r.numbers, err = h.appendTo(r.numbers[:0], n); err != nil {
		return err
	}
	for _, k := range r.numbers {
		if int(k) >= len(r.strings) {
			return errNumber(k, len(r.strings))
		}
		r.met[k] = true
		r.print.texts.add(r.hashes[k])
	}
	return nil
}

// numbersOf opens the numbers of the dictionary that a page holds.
func numbersOf(b []byte) (hybrid, error) {
	if len(b) == 0 || b[0] > 32 {
		return hybrid{}, errEarly
	}
	return hybrid{b: b[1:], width: int(b[0])}, nil
}
