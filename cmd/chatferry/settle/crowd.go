package settle

import (
	"bytes"
	"slices"
)

// visitor is what the chats say of one visitor.
type visitor struct {
	sighting
	hash uint64
	in   uint32 // the index of the file that holds the newest chat
	kept bool   // the table has the right row
}

// About how many bytes a sighting takes in a crowd, while it is folded too.
const visitorSize = 160

// compare is negative if v comes before the visitor with a hash and an id.
func (v *visitor) compare(hash uint64, of *id) int {
	if v.hash != hash {
		return sign(v.hash < hash)
	}
	return bytes.Compare(v.id[:], of[:])
}

// right reports whether a row of the table is that of the visitor.
func (v *visitor) right(row *sighting) bool {
	return v.chats > 0 && v.chats == row.chats && v.first == row.first && v.last == row.last &&
		v.newest.version == row.newest.version && v.words == row.words
}

// crowd holds visitors whose hashes follow each other. It has no pointers into what it holds, since there may be many.
type crowd struct {
	all   []visitor // as they came; what is in the order is right of its visitor once it is folded
	order []uint32  // indexes of the visitors, in the order of hash and id, each once
	whole bool      // no other visitor has a hash between theirs

	hashes []uint64 // in the order of all
}

// add takes in what a file says of a visitor.
func (c *crowd) add(one *sighting, hash uint64, in int) {
	c.all = append(c.all, visitor{sighting: *one, hash: hash, in: uint32(in)})
	c.hashes = append(c.hashes, hash)
}

// fold makes one of those that are the same visitor, and puts them in order.
func (c *crowd) fold() {
	c.order = visitorOrder(c.hashes, func(i uint32) *id { return &c.all[i].id }, func(into, from uint32) {
		if c.all[into].merge(&c.all[from].sighting) {
			c.all[into].in = c.all[from].in
		}
	})
}

// clear empties the crowd, and keeps its memory.
func (c *crowd) clear() { c.all, c.order, c.hashes = c.all[:0], c.order[:0], c.hashes[:0] }

// at returns the i-th visitor of a folded crowd.
func (c *crowd) at(i int) *visitor { return &c.all[c.order[i]] }

// find returns the index of a visitor in the order of a folded crowd, and whether there is one; else that of the next. It
// looks from an index on.
func (c *crowd) find(from int, hash uint64, of *id) (int, bool) {
	at := leap(from, len(c.order), func(i int) bool { return c.at(i).compare(hash, of) >= 0 })
	return at, at < len(c.order) && c.at(at).id == *of
}

// sortedHashes returns the hashes of the visitors of a folded crowd, each once.
func (c *crowd) sortedHashes() []uint64 {
	out := make([]uint64, 0, len(c.order))
	for i := range c.order {
		out = append(out, c.at(i).hash)
	}
	return slices.Compact(out)
}
