// Package chunk writes one column of one row group of a Parquet file, a column chunk, and reads it back.
//
// # Why it exists
//
// The column writers of arrow/go v17 copy every value several times on its way to a page, and their readers several times
// back. Here the values of an Arrow array go to the page in one pass, and come back from it in one. What a page looks
// like is Parquet's: data pages of version 1, plain or dictionary encoding, levels in runs. The footer is
// arrow's.
//
// Strings are written with a dictionary if it halves the first 1,024 of a column chunk, and as long as it has not
// outgrown a page; which is a function of the values and of where the arrays end, as every byte is.
//
// # What is proven
//
// A [Writer] takes a [Print] of the Arrow values that it was given: of their order, presence, lengths and bytes.
// [Reader.ReadBack] takes a Print of what stands in the finished file, after decompression and decoding. The two are equal
// or the file is not what it should be. Page headers are taken only as they are written, and held against the footer. So
// are the minimum, the maximum and the nulls of what was read: a reader that believes false statistics skips rows in
// silence.
//
// [Pages] guard arrow's own readers, by which others read the files back, against pages that have another form.
package chunk

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
)

// Column says what is written, and how.
type Column struct {
	Kind       Kind // of its values, or of the elements of its lists
	List       bool // a list of elements that may be null
	Nullable   bool
	Dictionary bool // few distinct strings; of other strings the values decide
	Bounds     bool // the statistics state a minimum and a maximum, not only the nulls
}

// Kind is how values lie in Parquet.
type Kind uint8

// The Kinds of columns that tables have.
const (
	Int64 Kind = iota // timestamps too
	Int32
	Float64
	Bool
	Bytes32 // a SHA-256
	String
)

// width is the size of a value in a page; 0 where it has none of its own.
func (k Kind) width() int {
	switch k {
	case Int64, Float64:
		return 8
	case Int32:
		return 4
	case Bytes32:
		return 32
	}
	return 0
}

// ColumnOf returns the Column of an Arrow field, without dictionary and with bounds where it can have them. A field that
// no table has is an error.
func ColumnOf(f arrow.Field) (Column, error) {
	c := Column{Nullable: f.Nullable}
	t := f.Type
	if list, ok := t.(*arrow.ListType); ok {
		c.List, t = true, list.Elem()
	}
	switch t := t.(type) {
	case *arrow.Int64Type, *arrow.TimestampType:
		c.Kind = Int64
	case *arrow.Int32Type:
		c.Kind = Int32
	case *arrow.Float64Type:
		c.Kind = Float64
	case *arrow.BooleanType:
		c.Kind = Bool
	case *arrow.StringType:
		c.Kind = String
	case *arrow.FixedSizeBinaryType:
		c.Kind = Bytes32
		if t.ByteWidth != 32 {
			return c, fmt.Errorf("column %s: no table has columns of type %s", f.Name, f.Type)
		}
	default:
		return c, fmt.Errorf("column %s: no table has columns of type %s", f.Name, f.Type)
	}
	c.Bounds = !c.List
	return c, nil
}

// The levels of a list count how far an element is present, from base on: base-1 a null list, base an empty one, base+1
// a null element, base+2 an element. In a flat column 0 is null and 1 a value.
func (c Column) base() byte {
	if c.Nullable {
		return 1
	}
	return 0
}

// levelWidth is the number of bits of a definition level of a list.
const levelWidth = 2
