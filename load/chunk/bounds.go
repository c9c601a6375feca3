package chunk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// bounds are the minimum and the maximum of the values of a flat column.
type bounds struct {
	any      bool
	imin     int64 // integers, timestamps and booleans
	imax     int64
	fmin     float64 // floats other than NaN
	fmax     float64
	min, max []byte // strings and binaries, by their bytes

	minHead, maxHead uint64 // of min and max
}

func (b *bounds) reset() { *b = bounds{min: b.min[:0], max: b.max[:0]} }

// addFixed adds values of fixed width as a plain page has them.
func (b *bounds) addFixed(k Kind, v []byte) {
	switch k {
	case Int64:
		lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
		for f := v; len(f) >= 8; f = f[8:] {
			i := int64(binary.LittleEndian.Uint64(f))
			lo, hi = min(lo, i), max(hi, i)
		}
		b.integers(lo, hi)
	case Int32:
		lo, hi := int32(math.MaxInt32), int32(math.MinInt32)
		for f := v; len(f) >= 4; f = f[4:] {
			i := int32(binary.LittleEndian.Uint32(f))
			lo, hi = min(lo, i), max(hi, i)
		}
		b.integers(int64(lo), int64(hi))
	case Float64:
		for f := v; len(f) >= 8; f = f[8:] {
			b.float(math.Float64frombits(binary.LittleEndian.Uint64(f)))
		}
	case Bytes32:
		for f := v; len(f) >= 32; f = f[32:] {
			b.bytes(f[:32])
		}
	}
}

// integers adds the least and the greatest of some integers. Of none, lo is greater than hi.
func (b *bounds) integers(lo, hi int64) {
	if lo > hi {
		return
	}
	if !b.any {
		b.imin, b.imax, b.any = lo, hi, true
	}
	b.imin, b.imax = min(b.imin, lo), max(b.imax, hi)
}

// bools adds booleans, so many of which are true.
func (b *bounds) bools(n, ones int) {
	if ones < n {
		b.integers(0, 0)
	}
	if ones > 0 {
		b.integers(1, 1)
	}
}

func (b *bounds) float(v float64) {
	if math.IsNaN(v) {
		return
	}
	if !b.any {
		b.fmin, b.fmax, b.any = v, v, true
	}
	b.fmin, b.fmax = min(b.fmin, v), max(b.fmax, v)
}

func (b *bounds) bytes(v []byte) {
	h := head(v)
	switch {
	case !b.any:
		b.any = true
		b.min, b.minHead = append(b.min[:0], v...), h
		b.max, b.maxHead = append(b.max[:0], v...), h
	case h > b.minHead && h < b.maxHead:
	case h <= b.minHead && bytes.Compare(v, b.min) < 0:
		b.min, b.minHead = append(b.min[:0], v...), h
	case h >= b.maxHead && bytes.Compare(v, b.max) > 0:
		b.max, b.maxHead = append(b.max[:0], v...), h
	}
}

// head returns the first 8 bytes of a string, with zeros behind a shorter one. Of two strings whose heads differ, the one
// with the lesser head is the lesser.
func head(v []byte) uint64 {
	if len(v) >= 8 {
		return binary.BigEndian.Uint64(v)
	}
	var h uint64
	for i, c := range v {
		h |= uint64(c) << (56 - 8*i)
	}
	return h
}

// encoded returns the bounds in Parquet's plain encoding, nil if there are none. Of the two zeros of floats Parquet wants
// the outer one.
func (b *bounds) encoded(k Kind) (lo, hi []byte) {
	if !b.any {
		return nil, nil
	}
	le := binary.LittleEndian
	switch k {
	case Int64:
		return le.AppendUint64(nil, uint64(b.imin)), le.AppendUint64(nil, uint64(b.imax))
	case Int32:
		return le.AppendUint32(nil, uint32(b.imin)), le.AppendUint32(nil, uint32(b.imax))
	case Bool:
		return []byte{byte(b.imin)}, []byte{byte(b.imax)}
	case Float64:
		lo, hi := b.fmin, b.fmax
		if lo == 0 {
			lo = math.Copysign(0, -1)
		}
		if hi == 0 {
			hi = math.Copysign(0, 1)
		}
		return le.AppendUint64(nil, math.Float64bits(lo)), le.AppendUint64(nil, math.Float64bits(hi))
	default: // never nil, an empty string is a bound
		return append(make([]byte, 0, len(b.min)), b.min...), append(make([]byte, 0, len(b.max)), b.max...)
	}
}

// mostBound is the size of the longest bound that is stated. A longer one is left out, never cut: readers take a bound for
// a value of the column.
const mostBound = 256

// statistics states nulls and bounds as the footer does.
func (b *bounds) statistics(c Column, nulls int64) metadata.EncodedStatistics {
	s := metadata.EncodedStatistics{HasNullCount: true, NullCount: nulls, Signed: c.Kind != String && c.Kind != Bytes32}
	lo, hi := b.encoded(c.Kind)
	if lo != nil && len(lo) <= mostBound {
		s.SetMin(lo)
	}
	if hi != nil && len(hi) <= mostBound {
		s.SetMax(hi)
	}
	return s
}

// Stated are the statistics of a column chunk as its footer has them; nil where it has none.
type Stated struct {
	Nulls, Distinct *int64
	Min, Max        []byte
}

// compare holds what a footer states against what was read. A bound that is absent states nothing.
func (b *bounds) compare(c Column, nulls int64, s Stated) error {
	lo, hi := b.encoded(c.Kind)
	switch {
	case s.Distinct != nil:
		return fmt.Errorf("%d distinct values, which nobody counted", *s.Distinct)
	case !c.Bounds && (s.Min != nil || s.Max != nil):
		return fmt.Errorf("a minimum or maximum of a column that has none")
	case s.Nulls != nil && *s.Nulls != nulls:
		return fmt.Errorf("%d nulls instead of %d", *s.Nulls, nulls)
	case !b.any && (s.Min != nil || s.Max != nil):
		return fmt.Errorf("a minimum or maximum of no values")
	case s.Min != nil && !bytes.Equal(s.Min, lo):
		return fmt.Errorf("another minimum")
	case s.Max != nil && !bytes.Equal(s.Max, hi):
		return fmt.Errorf("another maximum")
	}
	return nil
}
