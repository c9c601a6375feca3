package chatapi

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"

	"chatferry/extract/rehearsal"
)

const (
	listPage  = 40 // chats on a page of the list, and of search
	bulkLimit = 50 // ids that may be asked for at once
)

// listed is a chat that lists show.
type listed struct {
	chat  int64
	state rehearsal.State
}

// chats answers /chats: the list, the newest first, or the chats whose ids are given.
func chats(c *call) *failure {
	if c.query.Has("ids") {
		return bulk(c)
	}
	before, bad := c.cursor()
	if bad != nil {
		return bad
	}
	page, more := c.s.listPage(before)
	r, done := c.s.reader()
	defer done()
	c.text(`{"chats":[`)
	for k, x := range page {
		if k > 0 {
			c.text(`,`)
		}
		c.body = append(c.body, r.Chat(x.chat, x.state).Raw...)
	}
	c.text(`]`)
	var next url.Values
	if more {
		last := strconv.FormatInt(page[len(page)-1].chat, 10)
		next = url.Values{"cursor": {base64.RawURLEncoding.EncodeToString([]byte(cursorMark + last))}}
	}
	c.nextURL("/chats", next)
	return nil
}

// cursorMark begins what a cursor hides: the number of the last chat of the page before.
const cursorMark = "chats:"

func (c *call) cursor() (before int64, bad *failure) {
	text := c.query.Get("cursor")
	if text == "" {
		return -1, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	number, ok := strings.CutPrefix(string(plain), cursorMark)
	before, numberErr := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || numberErr != nil || before < 0 {
		return 0, badRequest("the cursor is none of this list")
	}
	return before, nil
}

// listPage looks up the chats of a page of the list: those made before a chat, or the newest with before = -1.
func (s *Server) listPage(before int64) (page []listed, more bool) {
	_, unlock := s.lock()
	defer unlock()
	from := int64(len(s.world.facts))
	if before >= 0 {
		from = min(from, before)
	}
	for i := from - 1; i >= 0; i-- {
		state, ok := s.world.live(i)
		if !ok {
			continue
		}
		if len(page) == listPage {
			return page, true
		}
		page = append(page, listed{i, state})
	}
	return page, false
}

// bulk answers /chats?ids=…: a map, from which unknown and deleted chats are missing.
func bulk(c *call) *failure {
	var ids []string
	seen := map[string]bool{}
	for id := range strings.SplitSeq(c.query.Get("ids"), ",") {
		if id = strings.TrimSpace(id); id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if len(ids) > bulkLimit {
		return badRequest("no more than 50 ids may be asked for at once")
	}
	found := c.s.lookUp(ids)
	r, done := c.s.reader()
	defer done()
	c.text(`{"docs":{`)
	first := true
	for k, id := range ids {
		if found[k] == nil && !c.s.o.Quirks.MissingNull {
			continue
		}
		if !first {
			c.text(`,`)
		}
		first = false
		c.quoted(id)
		c.text(`:`)
		if found[k] == nil {
			c.text(`null`)
		} else {
			c.body = append(c.body, r.Chat(found[k].chat, found[k].state).Raw...)
		}
	}
	c.text(`}}`)
	return nil
}

// lookUp finds live chats by their ids; nil where there is none.
func (s *Server) lookUp(ids []string) []*listed {
	_, unlock := s.lock()
	defer unlock()
	found := make([]*listed, len(ids))
	for k, id := range ids {
		if i, ok := s.world.chatNumbered(id); ok {
			if state, ok := s.world.live(i); ok {
				found[k] = &listed{i, state}
			}
		}
	}
	return found
}

// oneChat answers /chats/{id}.
func oneChat(c *call) *failure {
	found := c.s.lookUp(c.args)[0]
	if found == nil {
		return notFound("there is no chat with this id")
	}
	r, done := c.s.reader()
	defer done()
	c.body = append(c.body, r.Chat(found.chat, found.state).Raw...)
	return nil
}

// oneVisitor answers /visitors/{id}.
func oneVisitor(c *call) *failure {
	number, ok := c.s.account.VisitorNumber(c.args[0])
	if ok {
		_, unlock := c.s.lock()
		made := int64(0)
		if ok = number < int64(len(c.s.world.facts)); ok {
			made = c.s.world.madeAt(number)
		}
		unlock()
		if ok {
			r, done := c.s.reader()
			defer done()
			if v := r.Visitor(number, made); string(v.ID) == c.args[0] {
				c.body = append(c.body, v.Raw...)
				return nil
			}
		}
	}
	return notFound("there is no visitor with this id")
}
