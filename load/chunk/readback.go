package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/parquet"
)

// Decompress appends what src holds, compressed, to dst.
type Decompress func(dst, src []byte) ([]byte, error)

// Reader reads column chunks back that a Writer of the same Column built. It is used for one column after the other.
type Reader struct {
	decompress Decompress
	print      *printer
	bounds     bounds
	body       []byte // of a data page, uncompressed
	numbers    [256]uint32
	levels     []byte

	plain   []byte    // the dictionary, as its page has it
	strings []section // of plain
	hashes  []uint64  // of its strings
	met     []bool    // which of its strings
}

// section is where a string of the dictionary lies.
type section struct{ from, to uint32 }

// NewReader returns a Reader.
func NewReader(d Decompress) *Reader { return &Reader{decompress: d, print: newPrinter()} }

var (
	errEarly      = errors.New("a page ends early")
	errPageType   = errors.New("a page of a type that is not written")
	errDictionary = errors.New("a dictionary that was not written")
)

func errPageEncoding(e parquet.Encoding) error { return fmt.Errorf("a page in the encoding %s", e) }

func errNumber(n uint32, strings int) error {
	return fmt.Errorf("number %d of a dictionary of %d strings", n, strings)
}

// Placed is what the footer says of a column chunk.
type Placed struct {
	Cells  int64
	Size   int64 // of all pages and their headers, uncompressed
	Data   int64 // where the first data page begins, behind the dictionary if there is one
	Stated Stated
}

// ReadBack decodes all pages of a column chunk, returns the Print of what it read, and holds what its footer says against
// it. The chunk is the bytes that lie in the file.
func (r *Reader) ReadBack(c Column, chunk []byte, p Placed) (Print, error) {
	r.print.take()
	r.bounds.reset()
	r.plain, r.strings, r.hashes, r.met = kept(r.plain), r.strings[:0], r.hashes[:0], r.met[:0]
	size := int64(0)
	for at := 0; at < len(chunk); {
		h, rest, err := readPageHeader(chunk[at:])
		if err != nil {
			return Print{}, err
		}
		if h.stored > len(rest) {
			return Print{}, errEarly
		}
		begin := len(chunk) - len(rest)
		next := begin + h.stored
		if (h.page == pageDictionary) != (int64(at) < p.Data) || h.page == pageDictionary && int64(next) != p.Data {
			return Print{}, errors.New("the data pages begin elsewhere than the footer says")
		}
		if err := r.page(c, h, chunk[begin:next]); err != nil {
			return Print{}, err
		}
		size += int64(begin - at + h.size)
		at = next
	}
	if r.print.cells != p.Cells || size != p.Size {
		return Print{}, fmt.Errorf("%d cells in %d bytes instead of %d in %d", r.print.cells, size, p.Cells, p.Size)
	}
	if c.Bounds {
		for i, met := range r.met {
			if met {
				r.bounds.bytes(r.plain[r.strings[i].from:r.strings[i].to])
			}
		}
	}
	out := r.print.take()
	if err := r.bounds.compare(c, out.Cells-out.Present, p.Stated); err != nil {
		return out, fmt.Errorf("the statistics are not true: %w", err)
	}
	return out, nil
}

// page reads a page back from its compressed bytes.
func (r *Reader) page(c Column, h pageHeader, stored []byte) (err error) {
	to := &r.body
	if h.page == pageDictionary {
		to = &r.plain
	}
	if *to, err = r.decompress(kept(*to), stored); err != nil {
		return err
	}
	if len(*to) != h.size {
		return fmt.Errorf("a page of %d bytes instead of %d", len(*to), h.size)
	}
	if h.page == pageDictionary {
		return r.dictionary(c, h)
	}
	return r.data(c, h)
}

func (r *Reader) dictionary(c Column, h pageHeader) error {
	if c.Kind != String || h.encoding != encodingPlain {
		return errDictionary
	}
	for at := 0; at < len(r.plain); {
		n, err := stringLength(r.plain[at:])
		if err != nil {
			return err
		}
		at += 4
		r.strings = append(r.strings, section{uint32(at), uint32(at + n)})
		r.hashes = append(r.hashes, hash(r.plain[at:at+n]))
		at += n
	}
	r.met = append(r.met, make([]bool, len(r.strings)-len(r.met))...)
	if len(r.strings) != h.n {
		return fmt.Errorf("a dictionary of %d strings instead of %d", len(r.strings), h.n)
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

func (r *Reader) data(c Column, h pageHeader) error {
	b, present := r.body, h.n
	var err error
	switch {
	case c.List:
		b, present, err = r.listLevels(c, b, h.n)
	case c.Nullable:
		b, present, err = r.flatLevels(b, h.n)
	}
	if err != nil {
		return err
	}
	r.print.cells += int64(h.n)
	r.print.present += int64(present)
	return r.values(c, h.encoding, b, present)
}

func sized(b []byte) (inner, rest []byte, err error) {
	n, err := stringLength(b)
	if err != nil {
		return nil, nil, err
	}
	return b[4 : 4+n], b[4+n:], nil
}

func (r *Reader) flatLevels(b []byte, n int) (rest []byte, present int, err error) {
	present, rest, err = countLevels(b, 1, n, 1)
	if err != nil {
		return nil, 0, err
	}
	h := hybrid{b: b[4 : len(b)-len(rest)], width: 1}
	return rest, present, h.appendBitsTo(&r.print.valid, n)
}

func (r *Reader) listLevels(c Column, b []byte, n int) (rest []byte, present int, err error) {
	r.levels = grow(r.levels[:0], n)
	clear(r.levels)
	if b, err = r.addLevels(b, 1, 0); err != nil {
		return nil, 0, err
	}
	if b, err = r.addLevels(b, levelWidth, 1); err != nil {
		return nil, 0, err
	}
	for _, l := range r.levels {
		if l>>1 == c.base()+2 {
			present++
		}
	}
	r.print.levels.Write(r.levels)
	return b, present, nil
}

// addLevels reads the levels of a page that b begins with into those of r, shifted.
func (r *Reader) addLevels(b []byte, width, shift int) (rest []byte, err error) {
	inner, rest, err := sized(b)
	if err != nil {
		return nil, err
	}
	h := hybrid{b: inner, width: width}
	for at := 0; at < len(r.levels); {
		some, err := h.some(r.numbers[:min(len(r.numbers), len(r.levels)-at)])
		if err != nil {
			return nil, err
		}
		for _, v := range some {
			r.levels[at] |= byte(v) << shift
			at++
		}
	}
	return rest, nil
}

// values reads the values of a page, of which n are present. The bounds of a dictionary are taken once.
func (r *Reader) values(c Column, encoding int, b []byte, n int) error {
	switch w := c.Kind.width(); {
	case c.Kind == String && encoding == encodingNumbers:
		return r.numbered(b, n)
	case encoding != encodingPlain:
		return errPageEncoding(parquet.Encoding(encoding))
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
	had, sum := 0, r.print.texts
	for ; len(b) > 0; had++ {
		size, err := stringLength(b)
		if err != nil {
			return err
		}
		s := b[4 : 4+size]
		b = b[4+size:]
		sum.add(hash(s))
		if c.Bounds {
			r.bounds.bytes(s)
		}
	}
	r.print.texts = sum
	if had != n {
		return fmt.Errorf("%d values instead of %d", had, n)
	}
	return nil
}

// numbered reads the strings behind their numbers in the dictionary.
func (r *Reader) numbered(b []byte, n int) error {
	h, err := numbersOf(b)
	if err != nil {
		return err
	}
	hashes, sum := r.hashes, r.print.texts
	met := r.met[:len(hashes)]
	for n > 0 {
		some, err := h.some(r.numbers[:min(len(r.numbers), n)])
		if err != nil {
			return err
		}
		for _, k := range some {
			if int(k) >= len(hashes) {
				return errNumber(k, len(hashes))
			}
			met[k] = true
			sum.add(hashes[k])
		}
		n -= len(some)
	}
	r.print.texts = sum
	return nil
}

// numbersOf opens the numbers of the dictionary that a page holds.
func numbersOf(b []byte) (hybrid, error) {
	if len(b) == 0 || b[0] > 32 {
		return hybrid{}, errEarly
	}
	return hybrid{b: b[1:], width: int(b[0])}, nil
}
