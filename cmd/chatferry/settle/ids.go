package settle

import (
	"encoding/binary"
	"slices"
	"sync"

	"chatferry/checkpoint/sums"
)

// id stands for a key of a Stream: the first 16 bytes of SHA-256(stream, 0, key). Nobody finds two keys with one id.
type id [16]byte

// hash is what key files hold of an id. Its lowest bit is 0; with excludedBit it is an excluded record's.
func (i id) hash() uint64 { return binary.BigEndian.Uint64(i[:8]) &^ excludedBit }

const excludedBit = 1

// idSheet makes many ids at once, which is faster than one after the other. Texts are appended to text, each between a
// begin and an end.
type idSheet struct {
	text    []byte
	from    int // where the last begins
	lengths []int
	sums    [][sums.Size]byte
}

// sheets are those that are empty, for the next who needs one.
var sheets = sync.Pool{New: func() any { return new(idSheet) }}

// begin begins the text of a key of a Stream.
func (s *idSheet) begin(stream string) {
	s.from = len(s.text)
	s.text = append(append(s.text, stream...), 0)
}

// beginPlain begins a text.
func (s *idSheet) beginPlain() { s.from = len(s.text) }

// end ends a text.
func (s *idSheet) end() {
	n := len(s.text) - s.from
	s.lengths = append(s.lengths, n)
	behind := sums.Room(n) - n
	s.text = slices.Grow(s.text, behind)[:len(s.text)+behind]
}

// key adds a key of a Stream.
func (s *idSheet) key(stream, key string) {
	s.begin(stream)
	s.text = append(s.text, key...)
	s.end()
}

// take returns the sums of all texts, of which ids are the beginnings, and is empty then. They are valid until the next
// take.
func (s *idSheet) take() [][sums.Size]byte {
	s.sums = slices.Grow(s.sums[:0], len(s.lengths))[:len(s.lengths)]
	sums.Sheet(s.sums, s.text, s.lengths)
	s.text, s.lengths = s.text[:0], s.lengths[:0]
	return s.sums
}

// idOf is the id that a sum begins with.
func idOf(sum *[sums.Size]byte) id { return id(sum[:len(id{})]) }
