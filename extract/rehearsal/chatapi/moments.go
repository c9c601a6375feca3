package chatapi

import (
	"cmp"
	"net/http"
	"slices"
	"sort"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
)

const (
	streamTimeline    = chatferry.AgentTimeline
	streamAgentEvents = chatferry.AgentEvents
	perSecond         = 1
	perMicrosecond    = 1_000_000
)

// moment is a record of what happened at an instant, in microseconds. Its bytes are its own.
type moment struct {
	at  int64
	raw []byte
	// open: the record is not at its end yet.
	open bool
}

func exportTimeline(c *call) *failure {
	if c.s.o.Quirks.NoTimeline {
		return notFound("this account has no export of the agents' timeline")
	}
	return c.exportMoments(streamTimeline, perMicrosecond, "agent_id", "start_time")
}

func exportAgentEvents(c *call) *failure {
	switch c.s.o.Quirks.Limited {
	case http.StatusForbidden:
		return forbidden("the export of agents' events is not available to this account")
	case http.StatusNotFound:
		return notFound("the export of agents' events is not available to this account")
	}
	return c.exportMoments(streamAgentEvents, perSecond, "*")
}

func exportDepartmentEvents(c *call) *failure {
	return c.exportMoments(chatferry.DepartmentEvents, perSecond, "id")
}

// exportMoments answers the exports of what agents and departments did. A page begins with start_time itself.
func (c *call) exportMoments(stream chatferry.Stream, unit int64, bare ...string) *failure {
	s, bad := c.span(string(stream), unit, bare...)
	if bad != nil {
		return bad
	}
	s.fields.all = s.fields.all || bare[0] == "*"
	c.text(`{"` + string(stream) + `":[`)
	count, end := 0, s.start
	scale := perMicrosecond / unit
	r, done := c.s.reader()
	defer done()
	for m := range c.s.moments(r, stream, s.start*scale, c.now) {
		if count == s.limit {
			break
		}
		if count > 0 {
			c.text(`,`)
		}
		c.body = s.fields.append(c.body, m.raw)
		count++
		end = m.at / scale
	}
	c.endExport(string(stream), &s, count, end, "", false)
	return nil
}

// moments returns what happened from an instant, in microseconds, to now.
func (s *Server) moments(r *rehearsal.Reader, stream chatferry.Stream, from int64, now time.Time) func(func(moment) bool) {
	return func(yield func(moment) bool) {
		first, end := s.account.Days()
		// What began late on a day may bear a time of the next.
		d := max(first, s.account.DayOf(from/1000)-1)
		until := int64(0)
		if s.o.Change.Open {
			until = now.UnixMicro()
		}
		var today []moment
		for ; d < end && d <= s.account.DayOf(now.UnixMilli()); d++ {
			today = today[:0]
			for v := range r.Day(stream, d, until) {
				if v.Micros >= from && v.Micros <= now.UnixMicro() {
					today = append(today, moment{at: v.Micros, raw: slices.Clone(v.Raw), open: v.Open})
				}
			}
			slices.SortStableFunc(today, func(x, y moment) int { return cmp.Compare(x.at, y.at) })
			for _, m := range today {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// exportConversions answers incremental/conversions. A page begins with start_time itself.
func exportConversions(c *call) *failure {
	s, bad := c.span("conversions", perSecond, "id")
	if bad != nil {
		return bad
	}
	r, done := c.s.reader()
	defer done()
	all := c.s.world.conversions // which never change
	from := sort.Search(len(all), func(k int) bool { return all[k].at >= s.start*1000 })
	count, end := 0, s.start
	c.text(`{"conversions":[`)
	for _, v := range all[from:] {
		if count == s.limit || v.at > c.now.UnixMilli() {
			break
		}
		if count > 0 {
			c.text(`,`)
		}
		c.body = s.fields.append(c.body, r.Conversion(v.chat, v.k).Raw)
		count++
		end = v.at / 1000
	}
	c.endExport("conversions", &s, count, end, "", false)
	return nil
}
