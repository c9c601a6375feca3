package chunk

import (
	"hash/maphash"

	"github.com/apache/arrow/go/v17/arrow"
)

// Print identifies the values of one column of one row group, with their order and their nulls. Prints are comparable
// within one process and mean nothing outside of it.
type Print struct {
	Levels, Values, Lengths uint64
	Cells, Present          int64 // elements of lists, empty and null lists counted as one
}

// printer takes a Print. Its sums do not depend on how the values are divided.
type printer struct {
	levels, values, lengths maphash.Hash
	cells, present          int64
	valid                   bitmap // of a flat column that may have nulls
	scratch                 []byte
}

var seed = maphash.MakeSeed()

func newPrinter() *printer {
	p := &printer{}
	for _, h := range []*maphash.Hash{&p.levels, &p.values, &p.lengths} {
		h.SetSeed(seed)
	}
	return p
}

func (p *printer) add(v *values) {
	p.present += int64(v.n)
	p.values.Write(v.fixed)
	p.values.Write(v.bools)
	p.values.Write(v.text)
	p.lengths.Write(arrow.Uint32Traits.CastToBytes(v.lengths))
}

// addLevels adds the levels of a list column.
func (p *printer) addLevels(def, rep []byte) {
	b := p.scratch[:0]
	for i, d := range def {
		b = append(b, d<<1|rep[i])
	}
	p.scratch = b
	p.levels.Write(b)
}

// take returns the Print and begins anew.
func (p *printer) take() Print {
	p.levels.Write(p.valid.b)
	out := Print{p.levels.Sum64(), p.values.Sum64(), p.lengths.Sum64(), p.cells, p.present}
	p.levels.Reset()
	p.values.Reset()
	p.lengths.Reset()
	p.valid.reset()
	p.cells, p.present = 0, 0
	return out
}
