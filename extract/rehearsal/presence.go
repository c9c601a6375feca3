package rehearsal

import (
	"cmp"
	"iter"
	"slices"
)

// edge is an instant at which an agent's status or number of engagements changes. Times are microseconds.
type edge struct {
	at            int64
	agent         int
	status        bool // the status changes; otherwise the engagements do
	before, after string
	from, to      int // engagements before and after
	until         int64
	open          bool // the agent never came back
	state         string
}

// stint is one agent's engagement in a chat.
type stint struct {
	agent    int
	from, to int64
}

// session is a time that an agent was logged in: online, at lunch, online.
type session struct {
	shift
	serving []stint
}

// watch follows one day of an account: its chats, and who did what.
type watch struct {
	a        *Account
	g        *generator
	d        int
	sessions []session
	edges    []edge
	tally    dayTally
	buf      []byte
	single   bool  // nothing is written again
	now      int64 // microseconds; intervals that have not ended by then last until then. 0: as they were made up
}

// day looks at a day's chats and puts together what its agents did.
func (w *watch) day(d int) {
	w.d = d
	w.sessions = w.sessions[:0]
	byAgent := make([]int, len(w.a.agents))
	for _, s := range w.g.rosterOf(d) {
		w.sessions = append(w.sessions, session{shift: s})
		byAgent[s.agent] = len(w.sessions)
	}
	w.tally.reset(w.a)
	for i := w.a.calendar.starts[d]; i < w.a.calendar.starts[d+1]; i++ {
		c := w.g.plan(i)
		w.tally.add(c)
		for _, e := range c.engagements {
			if c.missed {
				continue // it was only offered
			}
			s := &w.sessions[byAgent[e.agent]-1]
			s.serving = append(s.serving, stint{agent: e.agent, from: e.from, to: e.to})
			s.to = max(s.to, e.to+second) // nobody leaves in the middle of a chat
		}
	}
}

// micros turns a time into microseconds, with a fraction that belongs to it.
func (w *watch) micros(agent int, ms int64) int64 {
	return ms*1000 + int64(w.a.hash(domPresence, ms*64+int64(agent))%1000)
}

// nextLogin returns when the agent comes back, or the account's end and that they never did.
func (w *watch) nextLogin(agent int) (at int64, never bool) {
	for d := w.d + 1; d < w.a.calendar.days(); d++ {
		if s, ok := w.a.shiftOf(agent, d); ok {
			return w.micros(agent, s.from), false
		}
	}
	return max(w.a.calendar.dayStart(w.a.calendar.days())*1000, w.edges[len(w.edges)-1].at+1), true
}

// change puts the day's edges in order, and says what each left behind.
func (w *watch) change() {
	w.edges = w.edges[:0]
	for i := range w.sessions {
		s := &w.sessions[i]
		first := len(w.edges)
		put := func(ms int64, e edge) {
			e.at, e.agent = w.micros(s.agent, ms), s.agent
			w.edges = append(w.edges, e)
		}
		put(s.from, edge{status: true, after: "online"})
		put(s.lunchFrom, edge{status: true, after: "away"})
		put(s.lunchTo, edge{status: true, after: "online"})
		put(s.to, edge{status: true, after: "offline"})
		for _, e := range s.serving {
			put(e.from, edge{to: 1})
			put(e.to, edge{to: -1})
		}
		own := w.edges[first:]
		slices.SortStableFunc(own, func(x, y edge) int { return cmp.Compare(x.at, y.at) })
		status, engaged := "offline", 0
		for k := range own {
			e := &own[k]
			if k > 0 && e.at <= own[k-1].at {
				e.at = own[k-1].at + 1
			}
			if e.status {
				e.before, status = status, e.after
				e.from, e.to = engaged, engaged
			} else {
				e.from, engaged = engaged, engaged+e.to
				e.to = engaged
			}
			e.state = status
			if k > 0 {
				own[k-1].until = e.at
			}
		}
		e := &own[len(own)-1]
		e.until, e.open = w.nextLogin(s.agent)
	}
	slices.SortStableFunc(w.edges, func(x, y edge) int { return cmp.Compare(x.at, y.at) })
}

// presence returns what write makes of each day that is kept.
func (a *Account) presence(write func(*watch, func(Record) bool) bool) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		w := &watch{a: a, g: a.generator()}
		for d := a.firstKept; d < a.calendar.days(); d++ {
			w.day(d)
			w.change()
			if !write(w, yield) {
				return
			}
		}
	}
}

// timeline writes the times between two edges of an agent. The export serves the last one, which is still open, with
// the time that has passed; in an account with Duplicates it is there again, longer.
func (w *watch) timeline(yield func(Record) bool) bool {
	last := w.a.o.Duplicates > 0 && !w.single && w.d == w.a.calendar.days()-1
	for i := range w.edges {
		e := &w.edges[i]
		duration := e.until - e.at
		switch {
		case w.unended(e):
			duration = max(0, w.now-e.at)
		case last && e.after == "offline":
			duration /= 2
		}
		if !w.interval(yield, e, duration, false) {
			return false
		}
	}
	for i := range w.edges {
		if e := &w.edges[i]; last && e.after == "offline" && !w.interval(yield, e, e.until-e.at, true) {
			return false
		}
	}
	return true
}

// unended reports whether the interval behind the edge had not ended by the watch's now.
func (w *watch) unended(e *edge) bool { return w.now > 0 && (e.open || e.until > w.now) }

func (w *watch) interval(yield func(Record) bool, e *edge, duration int64, again bool) bool {
	b := appendInt(append(w.buf[:0], `{"agent_id":`...), w.a.agents[e.agent].id)
	b = appendTimeMicros(append(b, `,"start_time":`...), e.at)
	b = appendMicros(append(b, `,"duration":`...), duration)
	b = append(b, `,"status":"`...)
	b = append(b, e.state...)
	b = appendInt(append(b, `","engagement_count":`...), int64(e.to))
	w.buf = append(b, '}')
	return yield(Record{Raw: w.buf, Time: e.at / 1000, Updated: e.at / 1000, Micros: e.at, Open: w.unended(e), Again: again})
}

// events writes the edges themselves.
func (w *watch) events(yield func(Record) bool) bool {
	for i := range w.edges {
		e := &w.edges[i]
		b := append(w.buf[:0], `{"id":"`...)
		from := len(b)
		b = appendBase62(b, uint64(e.at/1000), 7)
		b = appendInt(append(b, ".agent:"...), w.a.agents[e.agent].id)
		b = appendBase62(append(b, '.'), w.a.hash(domPresence, e.at), 6)
		to := len(b)
		b = appendInt(append(b, `","account_id":`...), w.a.Number)
		b = appendInt(append(b, `,"agent_id":`...), w.a.agents[e.agent].id)
		if e.status {
			b = append(append(b, `,"field_name":"status","previous_value":"`...), e.before...)
			b = append(append(append(b, `","value":"`...), e.after...), '"')
		} else {
			quote := ""
			if w.a.quirk(quirkValueText, e.at) {
				quote = `"`
			}
			b = append(append(b, `,"field_name":"engagements","previous_value":`...), quote...)
			b = append(appendInt(b, int64(e.from)), quote...)
			b = append(append(b, `,"value":`...), quote...)
			b = append(appendInt(b, int64(e.to)), quote...)
		}
		b = appendTimeMicros(append(b, `,"timestamp":`...), e.at)
		w.buf = append(b, '}')
		if !yield(Record{Raw: w.buf, ID: w.buf[from:to], Time: e.at / 1000, Updated: e.at / 1000, Micros: e.at}) {
			return false
		}
	}
	return true
}

// departmentEvents writes when departments opened and closed: with the first of their agents, and after the last.
func (w *watch) departmentEvents(yield func(Record) bool) bool {
	for d := range w.a.departments {
		opened, closed, n := int64(0), int64(0), 0
		for i := range w.sessions {
			s := &w.sessions[i]
			if !slices.Contains(w.a.agents[s.agent].departments, d) {
				continue
			}
			n++
			if opened == 0 || s.from < opened {
				opened = s.from
			}
			closed = max(closed, s.to)
		}
		if n == 0 {
			continue
		}
		for k, at := range [...]int64{opened, closed} {
			states := [...]string{`{"status":"offline","agents":0}`, `{"status":"online","agents":` + string(appendInt(nil, int64(n))) + `}`}
			before := states[k]
			if w.d == w.a.firstKept && k == 0 {
				before = "null"
			}
			b := append(w.buf[:0], `{"id":"`...)
			from := len(b)
			b = appendBase62(b, uint64(at), 7)
			b = appendInt(append(b, ".department:"...), w.a.departments[d].id)
			b = append(append(b, '.'), "oc"[k])
			to := len(b)
			b = appendInt(append(b, `","department_id":`...), w.a.departments[d].id)
			b = append(append(b, `,"field_name":"status","previous_value":`...), before...)
			b = append(append(b, `,"value":`...), states[1-k]...)
			b = appendTime(append(b, `,"timestamp":`...), at)
			w.buf = append(b, '}')
			if !yield(Record{Raw: w.buf, ID: w.buf[from:to], Time: at, Updated: at, Micros: at * 1000}) {
				return false
			}
		}
	}
	return true
}
