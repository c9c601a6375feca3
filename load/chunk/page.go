package chunk

import (
	"encoding/binary"
	"errors"
	"math"
)

// Values of Parquet's enumerations, as page headers have them.
const (
	pageData       = 0
	pageDictionary = 2

	encodingPlain   = 0
	encodingRuns    = 3 // RLE
	encodingNumbers = 8 // RLE_DICTIONARY
)

// Bytes between the numbers of a page header.
const (
	integer   = 0x15
	structure = 0x0C
	stop      = 0

	dataHeader       = 2<<4 | structure
	dictionaryHeader = 4<<4 | structure
)

// appendPageHeader appends the header of a page of version 1 in Thrift's compact protocol. A field is the distance to the
// one before it and its type in one byte, here of 32-bit integers (5) and structs (12); integers are zigzag varints.
//
//	PageHeader           1 type, 2 uncompressed_page_size, 3 compressed_page_size, 5 data_page_header, 7 dictionary_page_header
//	DataPageHeader       1 num_values, 2 encoding, 3 definition_level_encoding, 4 repetition_level_encoding
//	DictionaryPageHeader 1 num_values, 2 encoding
func appendPageHeader(dst []byte, page, size, stored, n, encoding int) []byte {
	field := func(v int) { dst = binary.AppendVarint(append(dst, integer), int64(v)) }
	field(page)
	field(size)
	field(stored)
	if page == pageDictionary {
		dst = append(dst, dictionaryHeader)
		field(n)
		field(encoding)
	} else {
		dst = append(dst, dataHeader)
		field(n)
		field(encoding)
		field(encodingRuns)
		field(encodingRuns)
	}
	return append(dst, stop, stop)
}

// pageHeader is what a page header says.
type pageHeader struct {
	page         int
	size, stored int // of the page, uncompressed and as it lies in the file
	n            int // cells, or strings of a dictionary
	encoding     int
}

var errPageHeader = errors.New("a page begins otherwise than it was written")

// readPageHeader reads the header that b begins with. It takes nothing but what appendPageHeader writes.
func readPageHeader(b []byte) (h pageHeader, rest []byte, err error) {
	mark := func(c byte) {
		if len(b) == 0 || b[0] != c {
			err = errPageHeader
			return
		}
		b = b[1:]
	}
	field := func() int {
		mark(integer)
		v, n := binary.Varint(b)
		if n <= 0 || v < 0 || v > math.MaxInt32 {
			err = errPageHeader
			return 0
		}
		b = b[n:]
		return int(v)
	}
	h.page, h.size, h.stored = field(), field(), field()
	if h.page == pageDictionary {
		mark(dictionaryHeader)
		h.n, h.encoding = field(), field()
	} else {
		mark(dataHeader)
		h.n, h.encoding = field(), field()
		definition, repetition := field(), field()
		if definition != encodingRuns || repetition != encodingRuns || h.page != pageData {
			err = errPageHeader
		}
	}
	mark(stop)
	mark(stop)
	return h, b, err
}

// grow extends b by n bytes of any content.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, max(2*cap(b), len(b)+n)), b...)
	}
	return b[:len(b)+n]
}

// appendSized appends what f appends behind its length in 4 bytes.
func appendSized(dst []byte, f func([]byte) []byte) []byte {
	at := len(dst)
	dst = f(append(dst, 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}
