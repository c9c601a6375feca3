package chatapi

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatferry/extract/rehearsal"
)

// searchPages is how many pages a search can show: 10,000 results.
const searchPages = 250

// search answers /chats/search: stubs of the chats that match, the newest first, and how many there are.
func search(c *call) *failure {
	text := c.query.Get("q")
	q, ok := parseQuery(text)
	if !ok {
		return badRequest("q must hold terms joined by AND: type:chat AND end_timestamp:[A TO B]")
	}
	page, bad := c.integer("page", 1, 1)
	if bad != nil {
		return bad
	}
	if page > searchPages {
		return badRequest("a search shows no more than 10000 results: search in smaller windows")
	}
	r, done := c.s.reader()
	defer done()
	found := c.s.find(&q, r)
	from := min(len(found), int(page-1)*listPage)
	to := min(len(found), from+listPage)
	c.text(`{"results":[`)
	for k, x := range found[from:to] {
		if k > 0 {
			c.text(`,`)
		}
		c.stub(r, x)
	}
	c.text(`],"count":`)
	c.number(int64(len(found)))
	var next url.Values
	if to < len(found) {
		next = url.Values{"q": {text}, "page": {strconv.FormatInt(page+1, 10)}}
	}
	c.nextURL("/chats/search", next)
	return nil
}

// hit is a chat that was found.
type hit struct {
	chat, made int64
	fact       fact
}

// stub writes what a search says of a chat.
func (c *call) stub(r *rehearsal.Reader, x hit) {
	id := string(c.s.account.AppendChatID(nil, x.chat, x.made))
	c.text(`{"id":`)
	c.quoted(id)
	c.text(`,"url":`)
	c.quoted(c.origin() + c.root + "/chats/" + id)
	c.text(`,"type":"` + typeNames[x.fact.kind] + `","timestamp":"`)
	c.body = time.Unix(int64(x.fact.from), 0).UTC().AppendFormat(c.body, time.RFC3339)
	c.text(`","preview":"`)
	c.body = append(c.body, r.Preview(x.chat, x.made)...)
	c.text(`"}`)
}

// find returns the chats that match, the newest first.
func (s *Server) find(q *query, r *rehearsal.Reader) []hit {
	if q.nothing {
		return nil
	}
	found := s.match(q)
	if !slices.ContainsFunc(q.terms, func(t term) bool { return t.deep() }) {
		return found
	}
	return slices.DeleteFunc(found, func(x hit) bool {
		f := r.Search(x.chat, x.made)
		return slices.ContainsFunc(q.terms, func(t term) bool { return !t.holds(&f) })
	})
}

// match finds the live chats by type and time.
func (s *Server) match(q *query) []hit {
	_, unlock := s.lock()
	defer unlock()
	var found []hit
	for i := int64(len(s.world.facts)) - 1; i >= 0; i-- {
		f := &s.world.facts[i]
		if slices.ContainsFunc(q.terms, func(t term) bool { return !t.matches(f) }) {
			continue
		}
		if _, ok := s.world.live(i); ok {
			found = append(found, hit{i, s.world.madeAt(i), *f})
		}
	}
	return found
}

// holds tells by a closer look at a chat.
func (t *term) holds(f *rehearsal.Facts) bool {
	switch t.field {
	case "rating":
		return f.Rating == t.value
	case "visitor_email":
		return strings.EqualFold(f.Email, t.value)
	case "agent", "agent_name", "agent_names", "":
		return slices.Contains(f.Agents, t.value)
	}
	return true
}
