package settle

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
)

// crowd holds the visitors whose hashes are in a span that becomes smaller when there is no room for all.
type crowd struct {
	span
	room int64
	size int64
	of   map[string]*visitor
	left []span // that have to be read again, the uppermost first
}

// read takes the visitors of some chats in.
func (c *crowd) read(rec arrow.Record) error {
	shards, offsets, err := sourceOf(rec)
	if err != nil {
		return damaged(err)
	}
	var strs [visitorTexts + 4]*array.String
	var times [visitorTexts]*array.Timestamp
	for i := visitorID; i < len(strs); i++ {
		ok := false
		if i == visitorTimestamp || i == visitorUpdate {
			times[i], ok = rec.Column(i).(*array.Timestamp)
		} else {
			strs[i], ok = rec.Column(i).(*array.String)
		}
		if !ok {
			return damaged(errors.New("column " + rec.ColumnName(i) + " is of a wrong type"))
		}
	}
	var buffer []byte
	for i := range int(rec.NumRows()) {
		if strs[visitorID].IsNull(i) {
			continue
		}
		key := strs[visitorID].Value(i)
		var of id
		buffer, of = idOf(buffer, string(ChatVisitors), key)
		hash := of.hash()
		if hash < c.from || hash > c.to {
			continue
		}
		v := c.of[key]
		if v == nil {
			v = &visitor{id: strings.Clone(key), hash: hash}
			c.of[v.id] = v
			c.size += visitorSize + int64(len(key))
		}
		at, began := int64(0), int64(0)
		if times[visitorTimestamp].IsValid(i) {
			began = int64(times[visitorTimestamp].Value(i))
			at = began
		}
		if times[visitorUpdate].IsValid(i) {
			at = int64(times[visitorUpdate].Value(i))
		}
		if began != 0 {
			v.first, v.last = earliest(v.first, began), max(v.last, began)
		}
		v.chats++
		o := order{at, chatferry.ShardID(shards.Value(i)), chatferry.Offset(offsets.Value(i))}
		if v.chats == 1 || v.newest.compare(o) < 0 {
			v.newest, v.at = o, at
			c.size -= v.textSize()
			v.chat = strings.Clone(strs[visitorChat].Value(i))
			for t := range v.texts {
				s := strs[visitorTexts+t]
				v.texts[t] = text{strings.Clone(s.Value(i)), s.IsValid(i)}
			}
			c.size += v.textSize()
		}
		if c.size > c.room {
			c.split()
		}
	}
	return nil
}

func earliest(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

func (v *visitor) textSize() int64 {
	n := len(v.chat)
	for _, t := range v.texts {
		n += len(t.s)
	}
	return int64(n)
}

// split lets the visitors with the upper half of the hashes go, until the others have room.
func (c *crowd) split() {
	for c.size > c.room && c.from < c.to && len(c.of) > 1 {
		middle := c.from + (c.to-c.from)/2
		c.left = append(c.left, span{middle + 1, c.to})
		c.to = middle
		for key, v := range c.of {
			if v.hash > middle {
				delete(c.of, key)
				c.size -= visitorSize + int64(len(key)) + v.textSize()
			}
		}
	}
	// What is left of a map after many deletions takes the room that it had.
	smaller := make(map[string]*visitor, len(c.of))
	for key, v := range c.of {
		smaller[key] = v
	}
	c.of = smaller
}

// sorted returns the visitors in the order of their hashes.
func (c *crowd) sorted() []*visitor {
	out := make([]*visitor, 0, len(c.of))
	for _, v := range c.of {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *visitor) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), strings.Compare(a.id, b.id))
	})
	return out
}
