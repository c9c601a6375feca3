package chunk

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// fieldsOf are fields of every Kind, as lists and with nulls where a table has them so.
func fieldsOf() []arrow.Field {
	return []arrow.Field{
		{Name: "int64", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "int32", Type: arrow.PrimitiveTypes.Int32},
		{Name: "float64", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "bool", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "sha", Type: &arrow.FixedSizeBinaryType{ByteWidth: 32}},
		{Name: "string", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "strings", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		{Name: "ints", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64)},
	}
}

// valueOf appends one of a few values, or a null where the column may have them.
func valueOf(r *rand.Rand, b array.Builder, nullable bool) {
	if nullable && r.IntN(4) == 0 {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.Int64Builder:
		b.Append(int64(r.IntN(50)) - 20)
	case *array.Int32Builder:
		b.Append(int32(r.IntN(50)) - 20)
	case *array.Float64Builder:
		b.Append(float64(r.IntN(50)) - 20)
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte(fmt.Sprintf("%032d", r.IntN(50))))
	case *array.StringBuilder:
		b.Append(string(stringsOf(r, 1, 50)[0]))
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(4) {
			valueOf(r, b.ValueBuilder(), true)
		}
	default:
		panic(b)
	}
}

// A Print does not depend on how the values are divided, into arrays or into pages, nor on whether strings got numbers; and
// a Print of a value less, or of values in another order, is another one.
func TestPrintIsOfTheValues(t *testing.T) {
	const rows = 3000
	for _, f := range fieldsOf() {
		t.Run(f.Name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(6, 0))
			b := array.NewBuilder(memory.DefaultAllocator, f.Type)
			defer b.Release()
			for range rows {
				valueOf(r, b, f.Nullable)
			}
			a := b.NewArray()
			defer a.Release()
			c, err := ColumnOf(f)
			if err != nil {
				t.Fatal(err)
			}
			take := func(c Column, pageBytes int, pieces ...arrow.Array) Print {
				w := NewWriter(c, pageBytes, func(dst, src []byte) []byte { return append(dst, src...) }, &Scratch{})
				for _, p := range pieces {
					if err := w.Append(p); err != nil {
						t.Fatal(err)
					}
				}
				out, err := w.Finish()
				if err != nil {
					t.Fatal(err)
				}
				return out.Print
			}
			slice := func(from, to int) arrow.Array {
				s := array.NewSlice(a, int64(from), int64(to))
				t.Cleanup(s.Release)
				return s
			}
			want := take(c, 1<<20, a)
			for round := range 20 {
				var pieces []arrow.Array
				for from := 0; from < rows; {
					to := min(rows, from+1+r.IntN(1+r.IntN(rows)))
					pieces = append(pieces, slice(from, to))
					from = to
				}
				c.Dictionary = f.Type.ID() == arrow.STRING && round%2 == 0
				if got := take(c, 100<<r.IntN(8), pieces...); got != want {
					t.Fatalf("round %d, %d pieces: %v instead of %v", round, len(pieces), got, want)
				}
			}
			if take(c, 1<<20, slice(1, rows)) == want {
				t.Error("without the first row the Print is the same")
			}
			if take(c, 1<<20, slice(rows/2, rows), slice(0, rows/2)) == want {
				t.Error("with the halves swapped the Print is the same")
			}
		})
	}
}
