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
	def, rep := w.page.def, w.page.rep
	begun := len(def)
	for i := from; i < to; i++ {
		start, end := int(offsets[i]-offsets[0]), int(offsets[i+1]-offsets[0])
		switch {
		case a.IsNull(i):
			if start != end {
				return 0, fmt.Errorf("row %d is a null list with %d elements", i, end-start)
			}
			def, rep = append(def, base-1), append(rep, 0)
		case start == end:
			def, rep = append(def, base), append(rep, 0)
		}
		for j := start; j < end; j++ {
			d, r := base+2, byte(1)
			if elements.nulls > 0 && !bitAt(elements.valid, elements.at+j) {
				d = base + 1
			}
			if j == start {
				r = 0
			}
			def, rep = append(def, d), append(rep, r)
		}
	}
	w.page.def, w.page.rep = def, rep
	w.print.addLevels(def[begun:], rep[begun:])
	return len(def) - begun, nil
}
