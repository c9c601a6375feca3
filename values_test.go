package chatferry

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

var valueTypes = []arrow.DataType{
	arrow.PrimitiveTypes.Int64, arrow.FixedWidthTypes.Timestamp_us, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Float64,
	arrow.FixedWidthTypes.Boolean, arrow.BinaryTypes.String, &arrow.FixedSizeBinaryType{ByteWidth: 32},
	arrow.ListOf(arrow.BinaryTypes.String), arrow.ListOf(arrow.PrimitiveTypes.Int64),
}

// appendRandom appends a value to a builder, and what the digest says of it to row.
func appendRandom(r *rand.Rand, b array.Builder, nulls float64, row []byte) []byte {
	if r.Float64() < nulls {
		b.AppendNull()
		return append(row, 0)
	}
	row = append(row, 1)
	le := binary.LittleEndian
	switch b := b.(type) {
	case *array.Int64Builder:
		v := int64(r.Uint64())
		b.Append(v)
		return le.AppendUint64(row, uint64(v))
	case *array.TimestampBuilder:
		v := int64(r.Uint64())
		b.Append(arrow.Timestamp(v))
		return le.AppendUint64(row, uint64(v))
	case *array.Int32Builder:
		v := int32(r.Uint32())
		b.Append(v)
		return le.AppendUint64(row, uint64(int64(v)))
	case *array.Float64Builder:
		v := r.NormFloat64()
		b.Append(v)
		return le.AppendUint64(row, math.Float64bits(v))
	case *array.BooleanBuilder:
		v := uint64(r.IntN(2))
		b.Append(v == 1)
		return le.AppendUint64(row, v)
	case *array.StringBuilder:
		v := strings.Repeat("é", r.IntN(60))
		b.Append(v)
		return append(le.AppendUint64(row, uint64(len(v))), v...)
	case *array.FixedSizeBinaryBuilder:
		var v [32]byte
		le.PutUint64(v[5:], r.Uint64())
		b.Append(v[:])
		return append(le.AppendUint64(row, 32), v[:]...)
	case *array.ListBuilder:
		n := r.IntN(4)
		b.Append(true)
		row = le.AppendUint64(row, uint64(n))
		for range n {
			row = appendRandom(r, b.ValueBuilder(), nulls, row)
		}
		return row
	}
	panic("a type that no table has")
}

// The digest is what its definition says, for every type, with and without nulls, of whole records and of slices.
func TestValuesDigestByItsDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	for round := range 60 {
		var fields []arrow.Field
		for range 1 + r.IntN(12) {
			fields = append(fields, arrow.Field{Name: "f", Type: valueTypes[r.IntN(len(valueTypes))], Nullable: true})
		}
		b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema(fields, nil))
		nulls := make([]float64, len(fields))
		for i := range nulls {
			nulls[i] = []float64{0, 0.5, 1}[r.IntN(3)]
		}
		n := []int{0, 1, 5, sheetRows, 3*sheetRows + 17}[r.IntN(5)]
		rows := make([]Digest, n)
		for i := range rows {
			var row []byte
			for f := range fields {
				row = appendRandom(r, b.Field(f), nulls[f], row)
			}
			sum := sha256.Sum256(row)
			rows[i].Add(&sum)
		}
		rec := b.NewRecord()
		from := 0
		if n > 0 {
			from = r.IntN(n)
		}
		for _, cut := range [][2]int{{0, n}, {from, n}, {from, min(n, from+9)}} {
			var want Digest
			for _, d := range rows[cut[0]:cut[1]] {
				want.Merge(d)
			}
			got, err := ValuesDigest(rec.NewSlice(int64(cut[0]), int64(cut[1])))
			if err != nil || got != want {
				t.Fatalf("round %d, rows %v of %d, schema %s: %s instead of %s (%v)", round, cut, n, rec.Schema(), got, want, err)
			}
		}
	}
}
