package chunk

import (
	"fmt"
	"sort"

	"github.com/apache/arrow/go/v17/arrow/array"
)

func (w *Writer) appendLists(a *array.List) error {
	rows := a.Len()
	if rows == 0 {
		return nil
	}
	offsets := a.Offsets()[a.Data().Offset():][:rows+1]
	first := int(offsets[0])
	slice := array.NewSlice(a.ListValues(), int64(first), int64(offsets[rows]))
	defer slice.Release()
	elements, err := cellsOf(slice, w.column.Kind)
	if err != nil {
		return err
	}
	for from := 0; from < rows; {
		// A page ends with a row.
		to := rows
		if at := int(offsets[from]) - first; at < elements.n {
			most := elements.fit(w.column.Kind, at, w.pageBytes-len(w.page.plain))
			if most < elements.n {
				to = from + max(1, sort.Search(rows-from, func(i int) bool { return int(offsets[from+i+1])-first > most }))
			}
		}
		levels, err := w.appendLevels(a, &elements, offsets, from, to)
		if err != nil {
			return err
		}
		c := elements
		if elements.n > 0 {
			c = elements.slice(w.column.Kind, int(offsets[from])-first, int(offsets[to])-first)
		}
		if err := w.appendCells(&c, levels); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// appendLevels adds the levels of some rows and returns how many they are.
func (w *Writer) appendLevels(a *array.List, elements *cells, offsets []int32, from, to int) (int, error) {
	base := w.column.base()
	levels := w.page.levels
	begun := len(levels)
	nulls := a.NullN() > 0
	for i := from; i < to; {
		start, end := int(offsets[i]-offsets[0]), int(offsets[i+1]-offsets[0])
		switch {
		case nulls && a.IsNull(i):
			if start != end {
				return 0, fmt.Errorf("row %d is a null list with %d elements", i, end-start)
			}
			levels = append(levels, level(base-1, 0))
		case start == end:
			n := 1
			for !nulls && i+n < to && offsets[i+n+1] == offsets[i] {
				n++
			}
			levels = appendByte(levels, level(base, 0), n)
			i += n - 1
		}
		for j := start; j < end; j++ {
			l := level(base+2, 1)
			if elements.nulls > 0 && !bitAt(elements.valid, elements.at+j) {
				l = level(base+1, 1)
			}
			if j == start {
				l &^= 1
			}
			levels = append(levels, l)
		}
		i++
	}
	w.page.levels = levels
	w.print.levels.Write(levels[begun:])
	return len(levels) - begun, nil
}

// level is how both levels of an element of a list lie in memory.
func level(def, rep byte) byte { return def<<1 | rep }

// appendLists appends the levels of a page of lists, first those of repetition.
func appendLists(dst, levels []byte, scratch *Scratch) []byte {
	one := grow(scratch.levels[:0], len(levels))
	for i, l := range levels {
		one[i] = l & 1
	}
	dst = appendSized(dst, func(b []byte) []byte { return appendHybrid(b, one, 1) })
	for i, l := range levels {
		one[i] = l >> 1
	}
	scratch.levels = one
	return appendSized(dst, func(b []byte) []byte { return appendHybrid(b, one, levelWidth) })
}
