package main

import (
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/load"
	disk "chatferry/load/local"
)

// sheet is a Parquet file of a dataset on its way to another one: for each column, which of the old rows its rows are.
type sheet struct {
	rec  arrow.Record
	rows [][]int
}

func (s *sheet) remove(rng *rand.Rand) bool {
	if s.rec.NumRows() < 2 {
		return false // a file without rows is none
	}
	i := rng.IntN(int(s.rec.NumRows()))
	for c := range s.rows {
		s.rows[c] = slices.Delete(s.rows[c], i, i+1)
	}
	return true
}

func (s *sheet) double(rng *rand.Rand) bool {
	i := rng.IntN(int(s.rec.NumRows()))
	for c := range s.rows {
		s.rows[c] = slices.Insert(s.rows[c], i, i)
	}
	return true
}

// change gives a row a value of another row.
func (s *sheet) change(rng *rand.Rand) bool {
	for range 100 {
		c, i, j := rng.IntN(len(s.rows)), rng.IntN(int(s.rec.NumRows())), rng.IntN(int(s.rec.NumRows()))
		if s.changeAt(c, i, j) {
			return true
		}
	}
	return false
}

func (s *sheet) changeAt(c, i, j int) bool {
	col := s.rec.Column(c)
	if array.SliceEqual(col, int64(i), int64(i+1), col, int64(j), int64(j+1)) {
		return false
	}
	s.rows[c][i] = j
	return true
}

// openSheet reads a whole file.
func openSheet(t *testing.T, store load.Store, name string) *sheet {
	t.Helper()
	var recs []arrow.Record
	defer func() {
		for _, r := range recs {
			r.Release()
		}
	}()
	err := load.Scan(t.Context(), store, name, nil, func(rec arrow.Record) error {
		rec.Retain()
		recs = append(recs, rec)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var columns []arrow.Array
	for c := range int(recs[0].NumCols()) {
		var parts []arrow.Array
		for _, r := range recs {
			parts = append(parts, r.Column(c))
		}
		columns = append(columns, concatenated(t, parts))
	}
	s := &sheet{rec: array.NewRecord(recs[0].Schema(), columns, int64(columns[0].Len()))}
	for range columns {
		rows := make([]int, columns[0].Len())
		for i := range rows {
			rows[i] = i
		}
		s.rows = append(s.rows, rows)
	}
	return s
}

func concatenated(t *testing.T, parts []arrow.Array) arrow.Array {
	t.Helper()
	a, err := array.Concatenate(parts, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// made returns the rows as they are to be.
func (s *sheet) made(t *testing.T) arrow.Record {
	t.Helper()
	var columns []arrow.Array
	for c, rows := range s.rows {
		var parts []arrow.Array
		for _, i := range rows {
			parts = append(parts, array.NewSlice(s.rec.Column(c), int64(i), int64(i+1)))
		}
		columns = append(columns, concatenated(t, parts))
	}
	return array.NewRecord(s.rec.Schema(), columns, int64(columns[0].Len()))
}

// rewritten lets the project's own writer make a file anew after its rows were changed.
func (p *proving) rewritten(rng *rand.Rand, which func(name string) bool, change func(*sheet) bool) []string {
	p.t.Helper()
	names := p.names(which)
	if len(names) == 0 {
		return nil
	}
	name := pick(rng, names)
	if _, changed := p.rewrite(name, change); !changed {
		return nil
	}
	return []string{name}
}

func (p *proving) rewrite(name string, change func(*sheet) bool) (made chatferry.PartFile, changed bool) {
	p.t.Helper()
	fsys, err := atomicfile.OS(p.root)
	if err != nil {
		p.t.Fatal(err)
	}
	store := disk.New(fsys)
	s := openSheet(p.t, store, name)
	if !change(s) {
		return made, false
	}
	const generation = 999999
	files := load.NewSink(store).BeginReplacement(generation, 1)
	w, err := files.Ledger(1)
	if !strings.HasPrefix(name, "_chatferry/ledger/") {
		if err == nil {
			err = w.Abort()
		}
		if err == nil {
			w, err = files.Rows(chatferry.Table(path.Base(path.Dir(name))), 1, s.rec.Schema())
		}
	}
	if err == nil {
		err = w.Write(s.made(p.t))
	}
	if err == nil {
		made, err = w.Seal(p.t.Context())
	}
	if err != nil {
		p.t.Fatal(err)
	}
	b := p.get(made.Staging)
	p.put(made.Staging, nil)
	p.put(name, b)
	if _, err := os.Stat(filepath.Join(p.root, filepath.FromSlash(name))); err != nil {
		p.t.Fatal(err)
	}
	return made, true
}
