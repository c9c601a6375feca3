package rehearsal

import (
	"iter"
	"strconv"

	"chatferry"
)

// Outcome is what must become of a record when it is carried over. The zero value: it is loaded.
type Outcome struct {
	Code     chatferry.Code // it goes to quarantine
	Excluded string         // it is excluded, for this reason: "message:facebook"
	// Suspect: it is loaded, and flagged as one that may be a Message conversation.
	Suspect bool
	// Ticketed is the reason for which it is excluded when the tickets of the account are known, where the record itself
	// gives none.
	Ticketed string
}

// Loaded reports whether the record becomes a row.
func (o Outcome) Loaded() bool { return o.Code == "" && o.Excluded == "" }

// Record is one raw record of the account.
type Record struct {
	// Raw is the record's bytes as they stand in a dump: a JSON value, or a row of a CSV file without its line end.
	// It is valid until the next record is asked for.
	Raw []byte
	// Header is the header row of the CSV file that the record stands in, nil for JSON. Another header, another file.
	Header []byte
	// Time is when the thing was made, in milliseconds since 1970; 0 for configuration, which has none.
	Time int64
	// Updated is when it was last changed, in milliseconds; 0 where the record does not say.
	Updated int64
	// ID identifies the record in the pages of the API; empty where nothing does. It is valid as long as Raw.
	ID []byte
	// Again is set on a record that occurred before, and is now newer.
	Again bool
	// Micros is Time in microseconds, of what agents and departments did.
	Micros int64
	// Open is set on an interval that has not ended yet.
	Open bool
	// IPBan is set on the bans that the API keeps in a list of their own.
	IPBan bool

	Outcome  Outcome
	Children Children
}

// Children counts the elements of a chat's arrays, each of which becomes a row of its own.
type Children struct{ History, Webpath, Engagements, Conversions int64 }

// Records returns the records of a Stream in the order in which they were made. It may be called again, and gives the
// same records; its buffers belong to the iteration.
func (a *Account) Records(s chatferry.Stream) iter.Seq[Record] {
	switch s {
	case chatferry.Chats:
		return a.chats(run{to: a.o.Chats})
	case chatferry.Visitors:
		return a.visitors()
	case chatferry.Conversions:
		return a.conversions()
	case chatferry.AgentTimeline:
		return a.presence((*watch).timeline)
	case chatferry.AgentEvents:
		return a.presence((*watch).events)
	case chatferry.DepartmentEvents:
		return a.presence((*watch).departmentEvents)
	}
	if s.CSV() {
		return a.report(s)
	}
	return a.configuration(s)
}

// chats returns a run of chats. A chat that was touched again occurs twice: the second time behind the chat that was
// made when it happened, or at the very end.
func (a *Account) chats(part run) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		g := a.generator()
		for i := part.from; i < part.to; i++ {
			c := g.plan(i)
			made := c.made
			if !yield(g.record(c)) {
				return
			}
			for k, lag := range a.lags {
				if j := i - lag; j >= 0 && a.touched(j) == k && !yield(g.again(j, made)) {
					return
				}
			}
		}
		if part.to < a.o.Chats || part.from == part.to {
			return
		}
		for j := max(0, part.to-a.lags[2]); j < part.to; j++ {
			if k := a.touched(j); k >= 0 && j+a.lags[k] >= part.to && !yield(g.again(j, a.o.To.UnixMilli())) {
				return
			}
		}
	}
}

// touched returns after which of the lags chat i occurs again, or -1.
func (a *Account) touched(i int64) int {
	if a.o.Duplicates <= 0 || !a.share(domTouch, i, a.o.Duplicates) || a.badKindOf(i) != 0 {
		return -1
	}
	return int(a.hash(domTouch, ^i) % uint64(len(a.lags)))
}

// again makes chat j as it was after it had been touched at a time.
func (g *generator) again(j, at int64) Record {
	c := g.plan(j)
	c.touch(1)
	c.updated = max(c.updated, at) + minute
	r := g.record(c)
	r.Again = true
	return r
}

// touch changes the chat n times: each time it is given a tag.
func (c *chat) touch(n int) {
	for k := range n {
		tag := "audited"
		if k > 0 {
			tag += "_" + strconv.Itoa(k+1)
		}
		c.tags = append(c.tags, tag)
	}
	c.touches += n
}

// record writes the planned chat.
func (g *generator) record(c *chat) Record {
	bad := g.a.badKindOf(c.index)
	if bad != 0 && c.era == eraFirst {
		c.era = eraSecond // whose records begin with their id, which is what gets broken
	}
	r := Record{Time: c.made}
	if c.updatedKnown() {
		r.Updated = c.updated / second * second
	}
	g.buf = g.a.appendChatID(g.buf[:0], c.index, c.made)
	id := len(g.buf)
	g.buf = g.appendChat(g.buf, c)
	r.ID, r.Raw = g.buf[:id:id], g.buf[id:]
	if bad != 0 {
		g.aux = spoil(append(g.aux[:0], r.Raw...), bad)
		r.Raw = g.aux
		r.Outcome.Code = badCodes[bad]
		return r
	}
	if g.a.quirk(quirkEscaped, c.index) {
		g.aux = likePython(g.aux[:0], r.Raw)
		r.Raw = g.aux
	}
	if c.network != "" {
		r.Outcome.Excluded = "message:" + c.network
		return r
	}
	r.Outcome.Suspect = c.suspect
	if network := c.social(); network != "" {
		r.Outcome.Ticketed = "message_ticket:" + network
	}
	if c.offline {
		return r
	}
	r.Children.History = int64(len(c.events))
	if c.widget() {
		r.Children.Webpath = int64(c.pages)
	}
	if c.era == eraThird {
		r.Children.Engagements = int64(len(c.engagements))
	}
	if c.era > eraFirst {
		r.Children.Conversions = int64(min(maxConversions, len(c.conversions)))
	}
	return r
}

// visitors returns the visitors of all chats, by their first chat. The first of a big account lacks its id.
func (a *Account) visitors() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		var (
			v   visitor
			buf []byte
			d   int
		)
		for i := range a.o.Chats {
			if a.visitorOf(i) != i {
				continue
			}
			for i >= a.calendar.starts[d+1] {
				d++
			}
			a.visitor(&v, i, a.calendar.made(i, d))
			buf = a.appendVisitorID(buf[:0], &v)
			id := len(buf)
			buf = a.appendVisitorRecord(buf, &v)
			r := Record{Raw: buf[id:], ID: buf[:id:id], Time: v.created}
			if i > 0 && i == a.badVisitor() {
				r.Raw, r.Outcome.Code = spoil(r.Raw, badNoID), chatferry.CodeMissingKey
			}
			if !yield(r) {
				return
			}
		}
	}
}

// badVisitor returns the one broken visitor of an account that is big enough for it, or -1.
func (a *Account) badVisitor() int64 {
	if a.o.Bad < 0 || a.o.Chats < badFrom {
		return -1
	}
	return a.visitorOf(a.o.Chats / 2)
}

func (a *Account) appendVisitorRecord(b []byte, v *visitor) []byte {
	b = append(b, `{"id":`...)
	if v.numeric {
		b = a.appendVisitorID(b, v)
	} else {
		b = append(a.appendVisitorID(append(b, '"'), v), '"')
	}
	b = append(b, `,"name":"`...)
	if v.known {
		b = appendFullName(b, v)
	} else {
		b = appendAnonymousName(b, v)
	}
	b = append(b, `","email":`...)
	switch {
	case v.known:
		b = append(appendEmail(append(b, '"'), v), '"')
	case v.tail%16 == 0:
		b = append(b, `null`...)
	default:
		b = append(b, `""`...)
	}
	b = append(b, `,"phone":"`...)
	if v.known {
		b = appendPhone(b, v)
	}
	b = append(b, `","notes":"`...)
	if v.tail>>20%16 == 0 {
		b = append(b, "asks for an invoice every time"...)
	}
	b = append(b, `","banned":`...)
	b = appendBool(b, a.banned(v.number))
	if v.external {
		b = append(b, `,"external_id":"crm-`...)
		b = append(appendInt(b, v.number*7+13), '"')
	}
	b = append(b, `,"created":`...)
	b = appendTime(b, v.created)
	return append(b, '}')
}

// conversions returns every conversion, not only those that the chats show.
func (a *Account) conversions() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		g := a.generator()
		for i := range a.o.Chats {
			c := g.plan(i)
			for k := range c.conversions {
				if !yield(g.conversion(c, k)) {
					return
				}
			}
		}
	}
}

// conversion writes conversion k of a planned chat.
func (g *generator) conversion(c *chat, k int) Record {
	v := &c.conversions[k]
	b := append(g.buf[:0], `{"id":`...)
	b = g.appendConversionID(b, c, k)
	r := Record{Time: v.at, Updated: v.at, ID: b[len(`{"id":"`) : len(b)-1]}
	b = appendTime(append(b, `,"timestamp":`...), v.at)
	b = appendInt(append(b, `,"goal_id":`...), g.a.goalID(v.goal))
	b = append(b, `,"goal_name":"`...)
	b = append(b, goalNames[v.goal]...)
	b = append(b, `","attribution":{`...)
	b = g.appendAttributed(b, c)
	b = g.a.appendChatID(append(b, `,"chat_id":"`...), c.index, c.made)
	g.buf = append(b, `"}}`...)
	r.Raw = g.buf
	return r
}
