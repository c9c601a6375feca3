package chatferry

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
)

// ValuesDigest is the order-free sum over the rows of SHA-256(row), where row is the values of all columns in the order
// of the schema: one byte 0 for null or 1, then for integers, booleans and timestamps the value as 8 bytes
// little-endian, for floats their IEEE 754 bits, for strings and binaries the length as 8 bytes followed by the bytes,
// and for lists the length as 8 bytes followed by the elements in this same form.
//
// It is taken of what was handed to the Parquet writer and again of what a reader gets back, so that both agree on
// values, not only on counts. A column of a type that no table uses is an error.
func ValuesDigest(rec arrow.Record) (Digest, error) {
	var d Digest
	cols := make([]valueColumn, rec.NumCols())
	for i, c := range rec.Columns() {
		var err error
		if cols[i], err = newValueColumn(c); err != nil {
			return d, fmt.Errorf("column %s: %w", rec.ColumnName(i), err)
		}
	}
	s := valueSheets.Get().(*valueSheet)
	defer valueSheets.Put(s)
	s.begin(joined(cols))
	for from, n := 0, int(rec.NumRows()); from < n; from += sheetRows {
		s.sum(&d, from, min(from+sheetRows, n))
	}
	s.end()
	return d, nil
}
