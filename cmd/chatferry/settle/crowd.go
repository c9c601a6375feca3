package settle

import (
	"bytes"
	"math"
	"slices"
	"sort"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// visitor is what the chats say of one visitor.
type visitor struct {
	sighting
	hash  uint64
	words words // as the newest chat has them
	told  bool  // words are known
	kept  bool  // the table has the right row
}

// words are texts in the memory of a crowd: the visitor's id in the chats, the id of the newest one, and its visitorTexts.
type words struct {
	at    int
	sizes [2 + len(visitorTexts)]int32 // -1: null
}

// wordColumns are the columns of such texts.
type wordColumns [2 + len(visitorTexts)]*array.String

// wordVisitor is the visitor's id among the words.
const wordVisitor = 0

// About how many bytes a visitor takes besides texts: an entry of crowd.all and of crowd.past, and of those that take their
// places.
const visitorSize = 320

// compare is negative if v comes before the visitor with a hash and an id.
func (v *visitor) compare(hash uint64, of *id) int {
	if v.hash != hash {
		return sign(v.hash < hash)
	}
	return bytes.Compare(v.id[:], of[:])
}

// past is what the table reflects of a visitor, and where the newest chat is.
type past struct {
	was visits
	in  int // the index of the file that holds the newest chat
}

// crowd holds the visitors whose hashes are in a span that becomes smaller when there is no room for all. It has no pointers
// into what it holds, since there may be millions.
type crowd struct {
	span
	hash func(id) uint64
	room int64
	all  []visitor // once it is folded, in the order of hash and id
	past []past    // of all, if that is known; nil: it is not
	text []byte
	// joined are others that it holds too, until it is folded.
	joined []*crowd
	left   []span // that have to be read again, the uppermost first
}

// size is about how many bytes the crowd takes: texts too are copied when it is folded.
func (c *crowd) size() int64 {
	n := int64(len(c.all))*visitorSize + 2*int64(len(c.text))
	for _, o := range c.joined {
		n += o.size()
	}
	return n
}

// holds reports whether a hash is in the crowd's span.
func (c *crowd) holds(hash uint64) bool { return c.from <= hash && hash <= c.to }

// tell sets the words of a visitor.
func (c *crowd) tell(v *visitor, columns *wordColumns, row int) {
	text := c.text
	v.told, v.words.at = true, len(text)
	for i, column := range columns {
		if v.words.sizes[i] = -1; column.IsValid(row) {
			s := column.Value(row)
			v.words.sizes[i] = int32(len(s))
			text = append(text, s...)
		}
	}
	c.text = text
}

// word returns the k-th of some words, and whether it is not null.
func (c *crowd) word(w *words, k int) ([]byte, bool) {
	at := w.at
	for _, n := range w.sizes[:k] {
		at += int(max(0, n))
	}
	n := int(w.sizes[k])
	return c.text[at : at+max(0, n)], n >= 0
}

// read takes the visitors of some chats in, whether there is room or not, and has seen note what they say of all.
func (c *crowd) read(rec arrow.Record, seen *sightings) error {
	rows, err := chatTextsOf(rec)
	if err != nil {
		return err
	}
	size := 0
	for _, column := range rows.words {
		size += column.ValueOffset(column.Len()) - column.ValueOffset(0)
	}
	spread := float64(c.to-c.from) / math.MaxUint64 // the share of them that is in the span, about
	c.all = roomFor(c.all, int(float64(rec.NumRows())*spread))
	c.text = roomFor(c.text, int(float64(size)*spread))
	rows.each(func(i int, of id) {
		one := sighting{of, rows.of(i)}
		if seen != nil {
			seen.all = append(seen.all, one)
		}
		if hash := c.hash(of); c.holds(hash) {
			c.all = append(c.all, visitor{sighting: one, hash: hash})
			c.tell(&c.all[len(c.all)-1], &rows.words, i)
		}
	})
	return nil
}

// reread sets the words of visitors whose newest chats are among some. The crowd is folded.
func (c *crowd) reread(rec arrow.Record) error {
	rows, err := chatTextsOf(rec)
	if err != nil {
		return err
	}
	rows.each(func(i int, of id) {
		if at := c.find(c.hash(of), of); at >= 0 && c.all[at].newest == rows.of(i).newest && c.renewed(at) {
			c.tell(&c.all[at], &rows.words, i)
			c.fit()
		}
	})
	return nil
}

// renewed reports whether the newest chat is another one than that of which the table has the texts.
func (c *crowd) renewed(at int) bool {
	return c.past == nil || c.past[at].was.chats == 0 || c.past[at].was.newest != c.all[at].newest
}

// join takes in all that another crowd holds, which is not used any more.
func (c *crowd) join(o *crowd) {
	c.narrow(o.to)
	o.narrow(c.to)
	c.joined = append(c.joined, o)
	c.fit()
}

// roomFor returns a slice with room for n more, which doubles if need be: append doubles none that is large.
func roomFor[T any](all []T, n int) []T {
	if cap(all)-len(all) >= n {
		return all
	}
	return append(make([]T, 0, max(2*cap(all), len(all)+n)), all...)
}

// fold makes one of those that are the same visitor, and puts them in order.
func (c *crowd) fold() {
	parts := append([]*crowd{c}, c.joined...)
	var hashes []uint64
	var places [][2]uint32 // of each hash: its part, and the index there
	texts, folded := 0, len(parts) == 1
	for p, part := range parts {
		hashes, places = roomFor(hashes, len(part.all)), roomFor(places, len(part.all))
		for i := range part.all {
			v := &part.all[i]
			folded = folded && (i == 0 || v.compare(part.all[i-1].hash, &part.all[i-1].id) > 0)
			hashes, places = append(hashes, v.hash), append(places, [2]uint32{uint32(p), uint32(i)})
		}
		texts += len(part.text)
	}
	if folded {
		return
	}
	at := func(i uint32) *visitor { return &parts[places[i][0]].all[places[i][1]] }
	all, from := make([]visitor, 0, len(hashes)), make([]uint32, 0, len(hashes)) // and whose text their words are in
	for _, i := range hashOrder(hashes, func(a, b uint32) int { return bytes.Compare(at(a).id[:], at(b).id[:]) }) {
		one, last := at(i), len(all)-1
		if last < 0 || all[last].id != one.id {
			all, from = append(all, *one), append(from, places[i][0])
			continue
		}
		if all[last].merge(&one.visits); all[last].newest == one.newest {
			all[last].words, from[last] = one.words, places[i][0]
		}
	}
	text := make([]byte, 0, texts)
	for i := range all {
		text = all[i].words.move(text, parts[from[i]].text)
	}
	c.all, c.text, c.joined = all, text, nil
}

// move appends the words, which are in a text, to another one.
func (w *words) move(to, text []byte) []byte {
	n := 0
	for _, size := range w.sizes {
		n += int(max(0, size))
	}
	from := w.at
	w.at = len(to)
	return append(to, text[from:from+n]...)
}

// fit lets the visitors with the upper half of the hashes go, until the others have room and some to spare: to make room
// takes time.
func (c *crowd) fit() {
	if c.size() <= c.room {
		return
	}
	for c.fold(); c.size() > c.room/4*3 && c.from < c.to && len(c.all) > 1; {
		c.narrow(c.from + (c.to-c.from)/2)
	}
}

// narrow lets the visitors beyond a hash go.
func (c *crowd) narrow(to uint64) {
	if to >= c.to {
		return
	}
	c.left = append(c.left, span{to + 1, c.to})
	c.to = to
	c.all = slices.DeleteFunc(c.all, func(v visitor) bool { return v.hash > to })
	if c.past != nil {
		c.past = c.past[:len(c.all)] // then all are in order
	}
	text := make([]byte, 0, len(c.text))
	for i := range c.all {
		text = c.all[i].words.move(text, c.text)
	}
	c.text = text
	for _, o := range c.joined {
		o.narrow(to)
	}
}

// find returns the index of a visitor in a folded crowd, or -1.
func (c *crowd) find(hash uint64, of id) int {
	at := sort.Search(len(c.all), func(i int) bool { return c.all[i].compare(hash, &of) >= 0 })
	if at == len(c.all) || c.all[at].id != of {
		return -1
	}
	return at
}

// right reports whether a row of the table may stay. It may if it is what the crowd knows of its visitor, or if that is
// none of the crowd's, unless the crowd has all visitors of its span. A visitor whose texts the row alone has takes them.
// The crowd is folded.
func (c *crowd) right(rows *visitorRows, i int, all bool) bool {
	var of id
	rows.buffer, of = idOf(rows.buffer, string(ChatVisitors), rows.words[wordVisitor].Value(i))
	hash := c.hash(of)
	if !c.holds(hash) {
		return true
	}
	at := c.find(hash, of)
	if at < 0 {
		return !all
	}
	v := &c.all[at]
	if v.chats == 0 || v.kept {
		return false
	}
	if !v.told && !c.renewed(at) {
		c.tell(v, &rows.words, i)
	}
	kept := c.equal(rows, i, v)
	v.kept = kept
	c.fit()
	return kept
}

// equal reports whether a row of the table is that of a visitor.
func (c *crowd) equal(rows *visitorRows, i int, v *visitor) bool {
	if !v.told || rows.counts.Value(i) != v.chats {
		return false
	}
	for t, at := range []int64{v.newest.version, v.first, v.last} {
		if column := rows.times[t]; at != 0 && !column.IsValid(i) || column.IsValid(i) && int64(column.Value(i)) != at {
			return false
		}
	}
	for k, column := range rows.words {
		if s, ok := c.word(&v.words, k); ok != column.IsValid(i) || string(s) != column.Value(i) {
			return false
		}
	}
	return true
}

// hashes returns the hashes of the visitors of a folded crowd, each once.
func (c *crowd) hashes() []uint64 {
	out := make([]uint64, 0, len(c.all))
	for i := range c.all {
		out = append(out, c.all[i].hash)
	}
	return slices.Compact(out)
}
