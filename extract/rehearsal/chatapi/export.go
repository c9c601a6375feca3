package chatapi

import (
	"bytes"
	"math"
	"net/url"
	"strconv"
	"time"

	"chatferry/extract/rehearsal"
)

const (
	exportLimit = 1000
	chatBytes   = 6 << 10 // a chat is about as long
	// tooNew is how far in the past start_time must lie.
	tooNew = 5 * time.Minute
)

// span is what an incremental export is asked for.
type span struct {
	start  int64 // in the export's unit
	id     string
	asked  int64 // limit
	limit  int   // records of the page
	fields fields
}

// span reads the parameters of an export of a resource, whose times are counted perSecond.
func (c *call) span(resource string, perSecond int64, bare ...string) (span, *failure) {
	q := &c.s.o.Quirks
	var s span
	text := c.query.Get("start_time")
	if text != "" {
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			f, ferr := strconv.ParseFloat(text, 64)
			if ferr != nil || math.IsNaN(f) || math.Abs(f) > 1<<60 {
				return s, badRequest("start_time must be a number")
			}
			v = int64(math.Floor(f))
		}
		s.start = v
	}
	// Counted in the unit of the export, so that seconds given to one that counts in microseconds are simply long ago.
	newest := c.now.Add(-tooNew).UnixMicro() / (1_000_000 / perSecond)
	if s.start > newest {
		return s, badRequest("start_time must be more than five minutes in the past")
	}
	asked, bad := c.integer("limit", exportLimit, 1)
	if bad != nil {
		return s, bad
	}
	if asked > exportLimit && q.LimitError {
		return s, badRequest("limit must not be more than 1000")
	}
	s.asked = min(asked, exportLimit)
	s.limit = min(int(s.asked), q.PageCap)
	s.id = c.query.Get("start_id")
	s.fields, bad = c.fieldsOf(resource, bare...)
	return s, bad
}

// endExport ends a page: with how many records it holds, and where the next one begins.
func (c *call) endExport(resource string, s *span, count int, end int64, endID string, hasID bool) {
	c.text(`],"count":`)
	c.number(int64(count))
	c.text(`,"end_time":`)
	c.number(end)
	if resource == string(streamAgentEvents) {
		c.text(`.0`) // this export counts in fractions
	}
	next := url.Values{"start_time": {strconv.FormatInt(end, 10)}, "limit": {strconv.FormatInt(s.asked, 10)}}
	if f := c.query.Get("fields"); f != "" {
		next.Set("fields", f)
	}
	if hasID {
		c.text(`,"end_id":`)
		if endID == "" {
			c.text(`null`)
		} else {
			c.quoted(endID)
			next.Set("start_id", endID)
		}
	}
	c.text(`,"next_page":`)
	c.quoted(c.link("/incremental/"+resource, next))
	c.text(`}`)
}

// exported is a chat as it is to be written.
type exported struct {
	key
	state rehearsal.State
}

// exportChats answers incremental/chats: what follows a pair of update second and id.
func exportChats(c *call) *failure {
	q := &c.s.o.Quirks
	if q.NoIncremental {
		return notFound("this account has no incremental export of chats")
	}
	s, bad := c.span("chats", 1, "id")
	if bad != nil {
		return bad
	}
	page := c.s.page(&s, q.DropStartID)
	r, done := c.s.reader()
	defer done()
	if s.fields.all {
		c.body = make([]byte, 0, len(page)*chatBytes)
	}
	c.text(`{"chats":[`)
	end, endID := s.start, s.id
	for k, x := range page {
		if k > 0 {
			c.text(`,`)
		}
		if !s.fields.all && len(s.fields.names) == 1 {
			endID = string(c.s.account.AppendChatID(nil, x.chat, x.state.Made))
			c.text(`{"id":`)
			c.quoted(endID)
			c.text(`}`)
			end = x.second
			continue
		}
		x.state.Stamped = true
		record := r.Chat(x.chat, x.state)
		c.body = s.fields.append(c.body, record.Raw)
		end, endID = x.second, string(record.ID)
	}
	c.endExport("chats", &s, len(page), end, endID, true)
	return nil
}

// page looks up the chats of a page.
func (s *Server) page(p *span, dropID bool) []exported {
	_, unlock := s.lock()
	defer unlock()
	w := s.world
	id := []byte(p.id)
	var buf [40]byte
	passes := func(k key) bool {
		if k.second != p.start || len(id) == 0 || dropID {
			return k.second >= p.start
		}
		return bytes.Compare(w.id(buf[:0], k.chat), id) > 0
	}
	page := make([]exported, 0, p.limit)
	for k := range w.shown.from(passes) {
		if len(page) == p.limit {
			break
		}
		v, n, _ := w.current(k.chat)
		page = append(page, exported{k, w.state(k.chat, v, n)})
	}
	return page
}
