package settle

import (
	"context"
	"fmt"
	"math/bits"

	"chatferry"
)

// drops says which rows of each file go, by the file's name and the number of the row.
type drops struct {
	superseded map[string]bitmap
	deleted    map[string]bitmap // the records that are excluded since they were deleted at the source
	gone       map[string]bitmap // those that a later reading of the whole Stream does not have
}

func newDrops() *drops {
	return &drops{superseded: map[string]bitmap{}, deleted: map[string]bitmap{}, gone: map[string]bitmap{}}
}

func (d *drops) has(name string) bool {
	return d.superseded[name] != nil || d.deleted[name] != nil || d.gone[name] != nil
}

func mark(in map[string]bitmap, name string, rows int64, row int32) {
	b := in[name]
	if b == nil {
		b = newBitmap(rows)
		in[name] = b
	}
	b.set(uint64(row))
}

// place is where a record is.
type place struct {
	order
	holder int32
	row    int32
	ledger bool
}

// contest finds the newest record of each key whose hash is a candidate. It holds one record for each candidate, and for
// each key that shares its hash with another.
type contest struct {
	hashes []uint64
	first  []uint32 // by the upper bits of a hash's distance from the first one: the index from which on it can be
	shift  int

	used   bitmap
	ids    []id
	best   []place
	others map[id]place // of keys whose hash is taken by another key

	lost func(place)
}

func newContest(hashes []uint64, lost func(place)) *contest {
	c := &contest{
		hashes: hashes, used: newBitmap(int64(len(hashes))), ids: make([]id, len(hashes)), best: make([]place, len(hashes)),
		others: map[id]place{}, lost: lost,
	}
	span := hashes[len(hashes)-1] - hashes[0]
	c.shift = max(0, bits.Len64(span)-bits.Len(uint(len(hashes))))
	c.first = make([]uint32, span>>c.shift+2)
	slot := uint64(0)
	for i, h := range hashes {
		for ; slot <= (h-hashes[0])>>c.shift; slot++ {
			c.first[slot] = uint32(i)
		}
	}
	for ; slot < uint64(len(c.first)); slot++ {
		c.first[slot] = uint32(len(hashes))
	}
	return c
}

// index returns the index of a candidate, or -1.
func (c *contest) index(hash uint64) int {
	if hash < c.hashes[0] || hash > c.hashes[len(c.hashes)-1] {
		return -1
	}
	slot := (hash - c.hashes[0]) >> c.shift
	for i := c.first[slot]; i < c.first[slot+1]; i++ {
		if c.hashes[i] == hash {
			return int(i)
		}
	}
	return -1
}

// enter holds a record against the newest one seen so far with its key. The older one has lost.
func (c *contest) enter(i int, key id, p place) error {
	if !c.used.has(uint64(i)) {
		c.used.set(uint64(i))
		c.ids[i], c.best[i] = key, p
		return nil
	}
	best, mine := c.best[i], c.ids[i] == key
	if !mine {
		var met bool
		if best, met = c.others[key]; !met {
			c.others[key] = p
			return nil
		}
	}
	switch best.compare(p.order) {
	case 0:
		return fmt.Errorf("the record at offset %d of shard %s is there twice", p.offset, p.shard)
	case 1:
		c.lost(p)
		return nil
	}
	c.lost(best)
	if mine {
		c.best[i] = p
	} else {
		c.others[key] = p
	}
	return nil
}

// resolve marks the rows of a Stream that are superseded, and with DropDeleted those that are excluded.
func (s *settler) resolve(ctx context.Context, k *keyed, holders []holder) (*drops, error) {
	out := newDrops()
	err := s.find(ctx, k, holders, func(batch *candidates) error {
		c := newContest(batch.hashes, func(p place) {
			if !p.ledger {
				file := holders[p.holder].file
				mark(out.superseded, file.Name, file.Rows, p.row)
			}
		})
		for i := range holders {
			if !batch.holders[i] {
				continue
			}
			s.report.FilesSearched++
			s.o.Progress(Progress{Step: "compare", Stream: k.stream, Done: int64(i), Total: int64(len(holders))})
			err := k.entries(ctx, s.o.Store, holders[i].file, func(e *entry) error {
				at := c.index(s.hash(e.id))
				if at < 0 {
					return nil
				}
				return c.enter(at, e.id, place{e.order, int32(i), e.row, e.excluded})
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !s.o.DropDeleted {
		return out, err
	}
	return out, s.findDeleted(ctx, k, holders, out)
}

// findDeleted marks the rows of records that were deleted at the source, unless they are superseded.
func (s *settler) findDeleted(ctx context.Context, k *keyed, holders []holder, out *drops) error {
	for i := range holders {
		file := holders[i].file
		if holders[i].keys.deleted == 0 || file.Kind != chatferry.FileRows {
			continue
		}
		superseded := out.superseded[file.Name]
		err := k.entries(ctx, s.o.Store, file, func(e *entry) error {
			if e.deleted && (superseded == nil || !superseded.has(uint64(e.row))) {
				mark(out.deleted, file.Name, file.Rows, e.row)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
