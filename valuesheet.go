package chatferry

import (
	"encoding/binary"
	"sync"

	"chatferry/checkpoint/sums"
)

// sheetRows is how many rows are laid out at once, about as many as the processor's cache holds.
const sheetRows = 256

// mostSheet is the size from which on a sheet's memory is not kept.
const mostSheet = 8 << 20

var valueSheets = sync.Pool{New: func() any { return new(valueSheet) }}

// valueSheet lays rows out in memory behind each other, column by column: the type of a column is looked at once, not
// for every value. What a value writes beyond its end is overwritten by the next one; behind the last there is Slack.
type valueSheet struct {
	cols  []valueColumn
	fixed int // bytes of those values of a row that take as much in every row

	at      [sheetRows]int // how far each row is filled
	lengths [sheetRows]int
	sums    [sheetRows][sums.Size]byte
	present []uint8 // for every column that has nulls, and every row, 1 or 0
	bits    [sheetRows]uint8
	b       []byte
}

func (s *valueSheet) begin(cols []valueColumn) {
	s.cols, s.fixed = cols, 0
	for i := range cols {
		s.fixed += cols[i].fixedSize()
	}
}

// end lets go of the record.
func (s *valueSheet) end() {
	s.cols = nil
	if cap(s.b) > mostSheet {
		s.b = nil
	}
}

// sum adds the sums of the rows from one to another.
func (s *valueSheet) sum(d *Digest, from, to int) {
	n := to - from
	if need := len(s.cols) * sheetRows; len(s.present) < need {
		s.present = make([]uint8, need)
	}
	lengths, at := s.lengths[:n], s.at[:n]
	for r := range lengths {
		lengths[r] = s.fixed
	}
	for i := range s.cols {
		s.cols[i].measure(lengths, s.presentIn(i, n), from)
	}
	size := 0
	for r, n := range lengths {
		at[r] = size
		size += sums.Room(n)
	}
	if cap(s.b) < size {
		s.b = make([]byte, size+size/4)
	}
	b := s.b[:size]
	for i := range s.cols {
		s.fill(&s.cols[i], b, at, s.presentIn(i, n), from)
	}
	sums.Sheet(s.sums[:n], b, lengths)
	for r := range n {
		d.Add(&s.sums[r])
	}
}

func (s *valueSheet) presentIn(column, n int) []uint8 { return s.present[column*sheetRows:][:n] }

// fixedSize is what measure does not add.
func (c *valueColumn) fixedSize() int {
	switch {
	case c.absent > 0:
		return c.absent
	case c.nulls == 0 && c.width > 0:
		return c.width
	case c.elem == nil:
		return 1
	}
	return 0
}

// measure adds the sizes of the values of the rows from one on, and notes which are there.
func (c *valueColumn) measure(sizes []int, present []uint8, from int) {
	if c.absent > 0 || c.nulls == 0 && c.width > 0 {
		return
	}
	if c.nulls > 0 {
		spread(present, c.valid, c.at+from)
	}
	switch {
	case c.width > 0:
		for i, p := range present[:len(sizes)] {
			sizes[i] += int(p) * (c.width - 1)
		}
	case c.elem == nil && c.nulls == 0:
		last := c.offsets[from]
		for i, end := range c.offsets[from+1 : from+1+len(sizes)] {
			sizes[i] += 8 + int(end-last)
			last = end
		}
	case c.elem == nil:
		present, last := present[:len(sizes)], c.offsets[from]
		for i, end := range c.offsets[from+1 : from+1+len(sizes)] {
			sizes[i] += int(present[i]) * (8 + int(end-last))
			last = end
		}
	default:
		for i := range sizes {
			sizes[i] += c.size(from + i)
		}
	}
}

// spread writes a byte for each of so many bits of a bitmap, from bit at on.
func spread(dst []uint8, bitmap []byte, at int) {
	const ones, tops = 0x0101010101010101, 0x7F7F7F7F7F7F7F7F
	shift := at & 7
	bitmap = bitmap[at>>3:]
	for len(dst) >= 8 {
		w := uint64(bitmap[0]) >> shift
		if shift > 0 {
			w |= uint64(bitmap[1]) << (8 - shift) & 0xFF
		}
		// Bit i of every copy of the byte is left in copy i, and made a 1.
		w = w * ones & 0x8040201008040201
		binary.LittleEndian.PutUint64(dst, (w+tops)>>7&ones)
		dst, bitmap = dst[8:], bitmap[1:]
	}
	for i := range dst {
		dst[i] = bitmap[(shift+i)>>3] >> ((shift + i) & 7) & 1
	}
}

// fill writes the values of the rows from one on, each at its place in b, and moves the place behind it.
func (s *valueSheet) fill(c *valueColumn, b []byte, at []int, present []uint8, from int) {
	switch {
	case c.absent > 0:
		for i, p := range at {
			for n := 0; n < c.absent; n += 8 {
				binary.LittleEndian.PutUint64(b[p+n:], 0)
			}
			at[i] = p + c.absent
		}
	case c.i64 != nil && c.nulls == 0:
		for i, v := range c.i64[from : from+len(at)] {
			putWord(b, &at[i], 1, uint64(v))
		}
	case c.i64 != nil:
		present := present[:len(at)]
		for i, v := range c.i64[from : from+len(at)] {
			putWord(b, &at[i], present[i], uint64(v))
		}
	case c.bools != nil:
		bits := s.bits[:len(at)]
		spread(bits, c.bools, c.at+from)
		if c.nulls == 0 {
			for i, v := range bits {
				putWord(b, &at[i], 1, uint64(v))
			}
			return
		}
		present := present[:len(at)]
		for i, v := range bits {
			putWord(b, &at[i], present[i], uint64(v))
		}
	case c.offsets != nil && c.elem == nil:
		c.fillText(b, at, present[:len(at)], from)
	default:
		for i, p := range at {
			at[i] = c.put(b, p, from+i)
		}
	}
}

// putWord writes a value of 8 bytes, of which nothing is left if it is not present.
func putWord(b []byte, at *int, present uint8, v uint64) {
	p := *at
	w := b[p : p+9]
	w[0] = present
	binary.LittleEndian.PutUint64(w[1:], v)
	*at = p + 1 + 8*int(present)
}

func (c *valueColumn) fillText(b []byte, at []int, present []uint8, from int) {
	last := c.offsets[from]
	for i, end := range c.offsets[from+1 : from+1+len(at)] {
		p, n := at[i], int(end-last)
		if c.nulls > 0 && present[i] == 0 {
			b[p] = 0
			at[i] = p + 1
			last = end
			continue
		}
		b[p] = 1
		binary.LittleEndian.PutUint64(b[p+1:], uint64(n))
		to := b[p+9:]
		if text := c.text[last:]; n <= 16 && len(text) >= 16 {
			binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(text))
			binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(text[8:]))
		} else {
			copy(to, text[:n])
		}
		at[i] = p + 9 + n
		last = end
	}
}
