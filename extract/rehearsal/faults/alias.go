package faults

import (
	"encoding/hex"
	"net/url"
	"strings"
)

// A page of the list that was cut short leads to the rest of it by a cursor of the Handler's own: that of the page, a
// mark, and the id of the last record that the client got. Cursors of lists are opaque, so that no client can tell.
const (
	cursorName = "cursor"
	aliasMark  = "~"
)

// alias takes such a cursor apart: the cursor of the page, which may be empty, and the id.
func (t *turn) alias() (cursor, after string, ok bool) {
	if t.endpoint != "chats" {
		return "", "", false
	}
	cursor, id, ok := strings.Cut(t.query.Get(cursorName), aliasMark)
	if !ok {
		return "", "", false
	}
	plain, err := hex.DecodeString(id)
	return cursor, string(plain), err == nil
}

func (t *turn) aliased() bool {
	_, _, ok := t.alias()
	return ok
}

// leadToRest makes a page of the list lead to what comes behind an id in it; with none, to all of it. It reports false
// if the page was cut before, so that no client is led in a circle.
func (t *turn) leadToRest(after string) bool {
	if t.aliased() || t.endpoint != "chats" || t.page.link() == "" {
		return false
	}
	return t.page.lead(url.Values{cursorName: {t.query.Get(cursorName) + aliasMark + hex.EncodeToString([]byte(after))}})
}

// dropThrough leaves out the records up to one, if it is there.
func (p *page) dropThrough(id string) {
	if id == "" {
		return
	}
	items := p.lists[0].items
	for k := range items {
		if textOf(items[k].record, "id") == id {
			p.lists[0].items, p.changed = items[k+1:], true
			return
		}
	}
}
