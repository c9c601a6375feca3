package settle

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
)

// visitor is what the chats say of one visitor.
type visitor struct {
	visits
	id   id
	hash uint64

	name  string  // the visitor's id in the chats
	chat  string  // the newest one
	texts [4]text // name, email, phone, notes, as that chat has them
	told  bool    // name, chat and texts are known

	was  visits // what the table reflects, if that is known
	in   int    // the index of the file that holds the newest chat, if was is known
	kept bool   // the table has the right row
}

// text is a string or null.
type text struct {
	s  string
	ok bool
}

// renewed reports whether the newest chat is another one than that of which the table has the texts.
func (v *visitor) renewed() bool { return v.was.chats == 0 || v.was.newest != v.newest }

// About how many bytes a visitor takes besides its texts.
const visitorSize = 416

func (v *visitor) size() int64 {
	n := visitorSize + len(v.name) + len(v.chat)
	for _, t := range v.texts {
		n += len(t.s)
	}
	return int64(n)
}

// crowd holds the visitors whose hashes are in a span that becomes smaller when there is no room for all.
type crowd struct {
	span
	hash func(id) uint64
	room int64
	size int64
	of   map[id]*visitor
	left []span // that have to be read again, the uppermost first
}

// enter takes a visitor in. The caller calls fit afterwards.
func (c *crowd) enter(of id, hash uint64) *visitor {
	v := &visitor{id: of, hash: hash}
	c.of[of] = v
	c.size += v.size()
	return v
}

// tell sets the texts of a visitor.
func (c *crowd) tell(v *visitor, name, chat string, texts [4]text) {
	c.size -= v.size()
	for i := range texts {
		texts[i].s = strings.Clone(texts[i].s)
	}
	v.name, v.chat, v.texts, v.told = strings.Clone(name), strings.Clone(chat), texts, true
	c.size += v.size()
}

// read takes the visitors of some chats in.
func (c *crowd) read(rec arrow.Record) error {
	return c.each(rec, func(rows *chatTexts, i int, of id, hash uint64) {
		v := c.of[of]
		if v == nil {
			v = c.enter(of, hash)
		}
		row := rows.of(i)
		if v.merge(&row); v.newest == row.newest {
			c.tell(v, rows.visitors.Value(i), rows.chats.Value(i), textsAt(&rows.texts, i))
		}
	})
}

// reread sets the texts of visitors whose newest chats are among some.
func (c *crowd) reread(rec arrow.Record) error {
	return c.each(rec, func(rows *chatTexts, i int, of id, _ uint64) {
		if v := c.of[of]; v != nil && v.newest == rows.of(i).newest && v.renewed() {
			c.tell(v, rows.visitors.Value(i), rows.chats.Value(i), textsAt(&rows.texts, i))
		}
	})
}

// each calls visit for every row of some chats whose visitor is in the span.
func (c *crowd) each(rec arrow.Record, visit func(rows *chatTexts, i int, of id, hash uint64)) error {
	rows, err := chatTextsOf(rec)
	if err != nil {
		return err
	}
	rows.each(func(i int, of id) {
		if hash := c.hash(of); c.from <= hash && hash <= c.to {
			visit(&rows, i, of, hash)
			c.fit()
		}
	})
	return nil
}

// right reports whether a row of the table may stay. It may if it is what the crowd knows of its visitor, or if that is
// none of the crowd's, unless the crowd has all visitors of its span. A visitor whose texts the row alone has takes them.
func (c *crowd) right(rows *visitorRows, i int, all bool) bool {
	var of id
	rows.buffer, of = idOf(rows.buffer, string(ChatVisitors), rows.ids.Value(i))
	hash := c.hash(of)
	if hash < c.from || hash > c.to {
		return true
	}
	v := c.of[of]
	if v == nil {
		return !all
	}
	if v.chats == 0 || v.kept {
		return false
	}
	if !v.told && !v.renewed() {
		c.tell(v, rows.ids.Value(i), rows.chats.Value(i), textsAt(&rows.texts, i))
	}
	v.kept = rows.equal(i, v)
	kept := v.kept
	c.fit()
	return kept
}

// fit lets the visitors with the upper half of the hashes go, until the others have room.
func (c *crowd) fit() {
	if c.size <= c.room || c.from == c.to || len(c.of) < 2 {
		return
	}
	for c.size > c.room && c.from < c.to && len(c.of) > 1 {
		middle := c.from + (c.to-c.from)/2
		c.left = append(c.left, span{middle + 1, c.to})
		c.to = middle
		for of, v := range c.of {
			if v.hash > middle {
				delete(c.of, of)
				c.size -= v.size()
			}
		}
	}
	// What is left of a map after many deletions takes the room that it had.
	smaller := make(map[id]*visitor, len(c.of))
	for of, v := range c.of {
		smaller[of] = v
	}
	c.of = smaller
}

// sorted returns the visitors in the order of their hashes and ids.
func (c *crowd) sorted() []*visitor {
	out := make([]*visitor, 0, len(c.of))
	for _, v := range c.of {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *visitor) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), bytes.Compare(a.id[:], b.id[:]))
	})
	return out
}

// hashes returns the hashes of the visitors, sorted, each once.
func (c *crowd) hashes() []uint64 {
	out := make([]uint64, 0, len(c.of))
	for _, v := range c.of {
		out = append(out, v.hash)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
