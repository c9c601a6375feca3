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
}

func (b *bounds) reset() { *b = bounds{min: b.min[:0], max: b.max[:0]} }

func (b *bounds) add(k Kind, v *values) {
	switch k {
	case Int64:
		for f := v.fixed; len(f) >= 8; f = f[8:] {
			b.integer(int64(binary.NativeEndian.Uint64(f)))
		}
	case Int32:
		for f := v.fixed; len(f) >= 4; f = f[4:] {
			b.integer(int64(int32(binary.NativeEndian.Uint32(f))))
		}
	case Float64:
		for f := v.fixed; len(f) >= 8; f = f[8:] {
			b.float(math.Float64frombits(binary.NativeEndian.Uint64(f)))
		}
	case Bool:
		for _, one := range v.bools {
			b.integer(int64(one))
		}
	case Bytes32:
		for f := v.fixed; len(f) >= 32; f = f[32:] {
			b.bytes(f[:32])
		}
	case String:
		text := v.text
		for _, n := range v.lengths {
			b.bytes(text[:n])
			text = text[n:]
		}
	}
}

func (b *bounds) integer(v int64) {
	if !b.any {
		b.imin, b.imax, b.any = v, v, true
	}
	b.imin, b.imax = min(b.imin, v), max(b.imax, v)
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
	if !b.any {
		b.min, b.max, b.any = append(b.min[:0], v...), append(b.max[:0], v...), true
		return
	}
	if bytes.Compare(v, b.min) < 0 {
		b.min = append(b.min[:0], v...)
	} else if bytes.Compare(v, b.max) > 0 {
		b.max = append(b.max[:0], v...)
	}
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
