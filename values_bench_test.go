package chatferry

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Rows like those of chat_history: most columns of a row are null.
func BenchmarkValuesDigest(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 0))
	var fields []arrow.Field
	for i := range 32 {
		fields = append(fields, arrow.Field{Name: "f", Type: valueTypes[[]int{0, 5, 5, 1, 5, 0, 4}[i%7]], Nullable: true})
	}
	rb := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema(fields, nil))
	for range 2000 {
		for f := range fields {
			appendRandom(r, rb.Field(f), []float64{0, 1, 0.5, 1}[f%4], nil)
		}
	}
	rec := rb.NewRecord()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ValuesDigest(rec); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rec.NumRows())*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
