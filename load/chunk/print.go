package chunk

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// Print identifies the values of one column of one row group, with their order and their nulls. Prints are comparable
// within one process and mean nothing outside of it.
type Print struct {
	Levels, Values uint64
	Cells, Present int64 // elements of lists, empty and null lists counted as one
}

// printer takes a Print. Its sums do not depend on how the values are divided.
type printer struct {
	levels maphash.Hash // of lists
	fixed  maphash.Hash // values of fixed width
	texts  texts        // values that are strings
	valid  bitmap       // of a flat column that may have nulls
	bools  bitmap       // values

	cells, present int64
}

var seed = maphash.MakeSeed()

func newPrinter() *printer {
	p := &printer{}
	p.levels.SetSeed(seed)
	p.fixed.SetSeed(seed)
	return p
}

// hash hashes a string and its length.
func hash(s []byte) uint64 { return maphash.Bytes(seed, s) }

// texts sums up strings in their order by their hashes, so that a string of a dictionary is hashed once.
type texts uint64

func (t *texts) add(hash uint64) {
	*t = texts(bits.RotateLeft64((uint64(*t)^hash)*0x9E3779B97F4A7C15, 29))
}

// take returns the Print and begins anew.
func (p *printer) take() Print {
	p.levels.Write(p.valid.b)
	p.fixed.Write(p.bools.b)
	p.fixed.Write(binary.LittleEndian.AppendUint64(nil, uint64(p.texts)))
	out := Print{p.levels.Sum64(), p.fixed.Sum64(), p.cells, p.present}
	p.levels.Reset()
	p.fixed.Reset()
	p.valid.reset()
	p.bools.reset()
	p.texts, p.cells, p.present = 0, 0, 0
	return out
}
