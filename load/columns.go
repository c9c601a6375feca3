package load

import (
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"chatferry/load/chunk"
)

// columnReader makes Arrow arrays of one column of one row group. Pages, levels and values are decoded by arrow, so that
// other code reads than has written. Arrow's own way from there to arrays takes every value through a builder, which
// costs several times what the decoding does.
type columnReader struct {
	field  arrow.Field
	chunk  file.ColumnChunkReader
	max    int16 // the definition level of a value
	values columnValues
	flat   *[]int16 // of a flat column that may have nulls: memory for levels
	list   *pending // of a list: levels that were read, of which the last may be those of later rows
}

type pending struct {
	def, rep []int16
	nullable bool
}

// checkLeaf reports whether a column lies in a file as those of chatferry do.
func checkLeaf(f arrow.Field, d *schema.Column) (chunk.Column, error) {
	c, err := chunk.ColumnOf(f)
	if err != nil {
		return c, err
	}
	def, rep := int16(0), int16(0)
	if c.List {
		def, rep = 2, 1
	}
	if c.Nullable {
		def++
	}
	if d.PhysicalType() != physical[c.Kind] || d.MaxDefinitionLevel() != def || d.MaxRepetitionLevel() != rep {
		return c, fmt.Errorf("it lies in the file in another form than columns of type %s do", f.Type)
	}
	return c, nil
}

var physical = map[chunk.Kind]parquet.Type{
	chunk.Int64: parquet.Types.Int64, chunk.Int32: parquet.Types.Int32, chunk.Float64: parquet.Types.Double,
	chunk.Bool: parquet.Types.Boolean, chunk.Bytes32: parquet.Types.FixedLenByteArray, chunk.String: parquet.Types.ByteArray,
}

// newColumnReader reads the pages of a leaf whose Arrow field is f.
func newColumnReader(f arrow.Field, leaf *schema.Column, pages file.PageReader, s *readScratch) (*columnReader, error) {
	c, err := checkLeaf(f, leaf)
	if err != nil {
		return nil, err
	}
	out := &columnReader{
		field: f, max: leaf.MaxDefinitionLevel(),
		chunk: file.NewColumnReader(leaf, chunk.NewPages(c, pages), memory.DefaultAllocator, nil), // the pool is for skipping
	}
	if c.List {
		out.list = &pending{nullable: c.Nullable}
		s = &readScratch{} // values wait for later rows as their levels do
	} else if c.Nullable {
		out.flat = &s.def
	}
	out.values = newColumnValues(out.chunk, s)
	return out, nil
}

// next returns the next n rows.
func (c *columnReader) next(n int) (a arrow.Array, err error) {
	var data arrow.ArrayData
	if c.list != nil {
		data, err = c.nextLists(n)
	} else {
		data, err = c.nextFlat(n)
	}
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", c.field.Name, err)
	}
	defer data.Release()
	return array.MakeFromData(data), nil
}

// end reports whether all rows were read.
func (c *columnReader) end() error {
	if c.chunk.HasNext() || c.list != nil && len(c.list.rep) > 0 {
		return fmt.Errorf("column %s: it has more rows than its row group", c.field.Name)
	}
	if err := c.chunk.Err(); err != nil {
		return fmt.Errorf("column %s: %w", c.field.Name, err)
	}
	return nil
}

var errLevels = errors.New("its levels are not those of a column of its type")

func (c *columnReader) nextFlat(n int) (arrow.ArrayData, error) {
	var def []int16
	if c.flat != nil {
		def = extend((*c.flat)[:0], n)
		*c.flat = def
	}
	for at := 0; at < n; {
		var levels []int16
		if def != nil {
			levels = def[at:]
		}
		k, err := c.values.read(n-at, levels, nil)
		if err != nil {
			return nil, err
		}
		at += k
	}
	data, err := c.slots(c.field.Type, n, def)
	if err == nil && c.values.left() > 0 {
		data.Release()
		return nil, errLevels
	}
	return data, err
}

// slots makes an array of n values that are there or not, as their levels say.
func (c *columnReader) slots(t arrow.DataType, n int, def []int16) (arrow.ArrayData, error) {
	valid, present, err := validity(def, n, c.max)
	if err != nil {
		return nil, err
	}
	if present == n {
		def = nil
	}
	buffers, err := c.values.take(n, present, def, c.max)
	if err != nil {
		return nil, err
	}
	return array.NewData(t, n, append([]*memory.Buffer{valid}, buffers...), nil, n-present, 0), nil
}

// validity makes a bitmap of levels, which are highest where a value is and one less where none is. It is nil where all
// are there.
func validity(def []int16, n int, highest int16) (valid *memory.Buffer, present int, err error) {
	if def == nil {
		return nil, n, nil
	}
	bitmap := make([]byte, (n+7)/8)
	base, wrong := highest-1, int16(0)
	rest := def
	for i := range n / 8 {
		d := rest[:8]
		rest = rest[8:]
		d0, d1, d2, d3 := d[0]-base, d[1]-base, d[2]-base, d[3]-base
		d4, d5, d6, d7 := d[4]-base, d[5]-base, d[6]-base, d[7]-base
		wrong |= d0 | d1 | d2 | d3 | d4 | d5 | d6 | d7
		b := byte(d0 | d1<<1 | d2<<2 | d3<<3 | d4<<4 | d5<<5 | d6<<6 | d7<<7)
		bitmap[i] = b
		present += bits.OnesCount8(b)
	}
	for i, d := range rest {
		bit := d - base
		wrong |= bit
		bitmap[n/8] |= byte(bit) << i
		present += int(bit & 1)
	}
	if wrong&^1 != 0 {
		return nil, 0, errLevels
	}
	if present == n {
		return nil, n, nil
	}
	return memory.NewBufferBytes(bitmap), present, nil
}

// nextLists returns the next n rows of a list. Where a row ends shows at the first level of the next.
func (c *columnReader) nextLists(n int) (arrow.ArrayData, error) {
	const step = 1024
	l := c.list
	end, rows := 0, 0 // levels that were looked at, and rows that begin among them
	for {
		for ; end < len(l.rep); end++ {
			if l.rep[end] == 0 {
				if rows++; rows > n {
					break
				}
			}
		}
		if rows > n {
			break
		}
		l.def, l.rep = extend(l.def, step), extend(l.rep, step)
		k, err := c.values.read(step, l.def[end:], l.rep[end:])
		l.def, l.rep = l.def[:end+k], l.rep[:end+k]
		if errors.Is(err, io.ErrUnexpectedEOF) && rows == n {
			break // the column ends
		}
		if err != nil {
			return nil, err
		}
	}
	data, err := c.lists(n, l.def[:end], l.rep[:end])
	l.def, l.rep = append(l.def[:0], l.def[end:]...), append(l.rep[:0], l.rep[end:]...)
	return data, err
}

// lists makes n lists of their levels.
func (c *columnReader) lists(n int, def, rep []int16) (arrow.ArrayData, error) {
	offsets, valid := make([]int32, 0, n+1), make([]byte, (n+7)/8)
	nulls := 0
	elements := def[:0] // the levels of these alone
	for i, d := range def {
		if rep[i] == 0 {
			row := len(offsets)
			offsets = append(offsets, int32(len(elements)))
			if c.list.nullable && d == 0 {
				nulls++
			} else {
				valid[row>>3] |= 1 << (row & 7)
			}
		} else if rep[i] != 1 || d < c.max-1 || len(offsets) == 0 {
			return nil, errLevels
		}
		if d >= c.max-1 {
			elements = append(elements, d)
		}
	}
	if len(offsets) != n {
		return nil, errLevels
	}
	offsets = append(offsets, int32(len(elements)))
	inner, err := c.slots(c.field.Type.(*arrow.ListType).Elem(), len(elements), elements)
	if err != nil {
		return nil, err
	}
	defer inner.Release()
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.GetBytes(offsets))}
	if nulls > 0 {
		buffers[0] = memory.NewBufferBytes(valid)
	}
	return array.NewData(c.field.Type, n, buffers, []arrow.ArrayData{inner}, nulls, 0), nil
}

// extend extends s by n elements of any content.
func extend[T any](s []T, n int) []T {
	if cap(s)-len(s) < n {
		s = append(make([]T, 0, max(2*cap(s), len(s)+n)), s...)
	}
	return s[:len(s)+n]
}
