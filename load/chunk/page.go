package chunk

import "encoding/binary"

// Values of Parquet's enumerations, as page headers have them.
const (
	pageData       = 0
	pageDictionary = 2

	encodingPlain   = 0
	encodingRuns    = 3 // RLE
	encodingNumbers = 8 // RLE_DICTIONARY
)

// appendPageHeader appends the header of a page of version 1 in Thrift's compact protocol. A field is the distance to the
// one before it and its type in one byte, here of 32-bit integers (5) and structs (12); integers are zigzag varints.
//
//	PageHeader           1 type, 2 uncompressed_page_size, 3 compressed_page_size, 5 data_page_header, 7 dictionary_page_header
//	DataPageHeader       1 num_values, 2 encoding, 3 definition_level_encoding, 4 repetition_level_encoding
//	DictionaryPageHeader 1 num_values, 2 encoding
func appendPageHeader(dst []byte, page, size, stored, n, encoding int) []byte {
	const integer, structure, stop = 0x15, 0x0C, 0
	field := func(v int) { dst = binary.AppendVarint(append(dst, integer), int64(v)) }
	field(page)
	field(size)
	field(stored)
	if page == pageDictionary {
		dst = append(dst, 4<<4|structure)
		field(n)
		field(encoding)
	} else {
		dst = append(dst, 2<<4|structure)
		field(n)
		field(encoding)
		field(encodingRuns)
		field(encodingRuns)
	}
	return append(dst, stop, stop)
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
