package load

import (
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// columnValues are the values of a column, without its nulls, on their way from pages to arrays.
type columnValues interface {
	// read reads up to n levels, at least one, and the values that they say are there. At the end of the column it is
	// io.ErrUnexpectedEOF.
	read(n int, def, rep []int16) (levels int, err error)
	// take makes the buffers of an array of n slots of the first of the values that were read. They lie where def is
	// highest; without def in all.
	take(n, present int, def []int16, highest int16) ([]*memory.Buffer, error)
	// left is how many values were read and not taken.
	left() int
}

// readScratch is memory that the flat columns of a file share: they are read one after the other.
type readScratch struct {
	def   []int16
	i64   []int64
	i32   []int32
	f64   []float64
	bools []bool
	sums  []parquet.FixedLenByteArray
	texts []parquet.ByteArray // they refer to pages, which arrow makes anew for each
}

func newColumnValues(r file.ColumnChunkReader, s *readScratch) columnValues {
	switch r := r.(type) {
	case *file.Int64ColumnChunkReader:
		return &typedValues[int64]{r, &s.i64, numberBuffers[int64]}
	case *file.Int32ColumnChunkReader:
		return &typedValues[int32]{r, &s.i32, numberBuffers[int32]}
	case *file.Float64ColumnChunkReader:
		return &typedValues[float64]{r, &s.f64, numberBuffers[float64]}
	case *file.BooleanColumnChunkReader:
		return &typedValues[bool]{r, &s.bools, boolBuffers}
	case *file.FixedLenByteArrayColumnChunkReader:
		return &typedValues[parquet.FixedLenByteArray]{r, &s.sums, sumBuffers}
	default:
		return &typedValues[parquet.ByteArray]{r.(*file.ByteArrayColumnChunkReader), &s.texts, textBuffers}
	}
}

// typedValues are columnValues of one of Parquet's types.
type typedValues[T any] struct {
	chunk interface {
		ReadBatch(most int64, values []T, def, rep []int16) (levels int64, read int, err error)
		Err() error
	}
	waiting *[]T // values that were read and not taken
	build   func(n int, values []T, def []int16, highest int16) ([]*memory.Buffer, error)
}

func (v *typedValues[T]) read(n int, def, rep []int16) (int, error) {
	had := len(*v.waiting)
	room := extend(*v.waiting, n)
	levels, read, err := v.chunk.ReadBatch(int64(n), room[had:], def, rep)
	*v.waiting = room[:had+read]
	if err == nil && levels == 0 {
		if err = v.chunk.Err(); err == nil {
			err = io.ErrUnexpectedEOF
		}
	}
	return int(levels), err
}

func (v *typedValues[T]) take(n, present int, def []int16, highest int16) ([]*memory.Buffer, error) {
	all := *v.waiting
	if present > len(all) {
		return nil, fmt.Errorf("%d values instead of %d", len(all), present)
	}
	out, err := v.build(n, all[:present], def, highest)
	*v.waiting = append(all[:0], all[present:]...)
	return out, err
}

func (v *typedValues[T]) left() int { return len(*v.waiting) }

func numberBuffers[T int64 | int32 | float64](n int, values []T, def []int16, highest int16) ([]*memory.Buffer, error) {
	out := make([]T, n)
	if def == nil {
		copy(out, values)
	} else {
		spread(values, def, highest, func(i int, v T) { out[i] = v })
	}
	return []*memory.Buffer{memory.NewBufferBytes(arrow.GetBytes(out))}, nil
}

func boolBuffers(n int, values []bool, def []int16, highest int16) ([]*memory.Buffer, error) {
	out := make([]byte, (n+7)/8)
	spread(values, def, highest, func(i int, v bool) {
		if v {
			out[i>>3] |= 1 << (i & 7)
		}
	})
	return []*memory.Buffer{memory.NewBufferBytes(out)}, nil
}

func sumBuffers(n int, values []parquet.FixedLenByteArray, def []int16, highest int16) ([]*memory.Buffer, error) {
	out := make([]byte, 32*n)
	spread(values, def, highest, func(i int, v parquet.FixedLenByteArray) { copy(out[32*i:32*i+32], v) })
	return []*memory.Buffer{memory.NewBufferBytes(out)}, nil
}

// textBuffers are the hot path of reading: most columns are of strings.
func textBuffers(n int, values []parquet.ByteArray, def []int16, highest int16) ([]*memory.Buffer, error) {
	size := 0
	for _, v := range values {
		size += len(v)
	}
	if size > math.MaxInt32 {
		return nil, fmt.Errorf("%d bytes of text are more than %d rows can hold", size, n)
	}
	offsets, text := make([]int32, n+1), make([]byte, size)
	at := 0
	if def == nil {
		for i, v := range values {
			at += copy(text[at:], v)
			offsets[i+1] = int32(at)
		}
	} else if len(values) > 0 {
		rest := values
		for i, d := range def {
			if d == highest {
				at += copy(text[at:], rest[0])
				rest = rest[1:]
			}
			offsets[i+1] = int32(at)
		}
	}
	return []*memory.Buffer{memory.NewBufferBytes(arrow.GetBytes(offsets)), memory.NewBufferBytes(text)}, nil
}

// spread calls put with every value and its slot.
func spread[T any](values []T, def []int16, highest int16, put func(slot int, v T)) {
	if def == nil {
		for i, v := range values {
			put(i, v)
		}
		return
	}
	for i, d := range def {
		if len(values) == 0 {
			return
		}
		if d == highest {
			put(i, values[0])
			values = values[1:]
		}
	}
}
