package rehearsal

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"chatferry"
)

// The reports of the dashboard, a row for each day and agent or department, or for each session. The zone of their
// times stands in the header; the reports about chats are in another zone than those about agents.

var (
	agentHeader   = []string{"First Name", "Last Name", "Email", "Enabled"}
	spanHeader    = []string{"Start Time (UTC+0)", "End Time (UTC+0)"}
	spanHeaderBR  = []string{"Start Time (UTC-3)", "End Time (UTC-3)"}
	volumeHeader  = []string{"Total Chats", "Served Chats", "Offline Messages"}
	chatHeader    = []string{"Assigned Chats", "Accepted Chats", "Completed Chats", "Dropped Chats", "Missed Chats"}
	startedHeader = []string{
		"Visitor Initiated", "Agent Initiated", "Trigger Initiated",
		"Visitor Initiated (Completed)", "Agent Initiated (Completed)", "Trigger Initiated (Completed)",
	}
	qualityHeader = []string{
		"Acceptance", "Good Ratings", "Bad Ratings", "Average First Response Time", "Average Response Time",
		"Maximum Response Time", "Average Chat Duration", "Maximum Chat Duration",
	}
)

const zoneBR = -3 * hour

func reportHeader(s chatferry.Stream) []string {
	switch s {
	case chatferry.AnalyticsAgentActivity:
		return slices.Concat(agentHeader, spanHeader, chatHeader, startedHeader, []string{"Status"}, qualityHeader)
	case chatferry.AnalyticsChatActivity:
		return slices.Concat(spanHeaderBR, volumeHeader, chatHeader, startedHeader, qualityHeader)
	case chatferry.AnalyticsDepartmentAgentActivity:
		return slices.Concat([]string{"Department"}, agentHeader, spanHeader, chatHeader, startedHeader, qualityHeader)
	case chatferry.AnalyticsDepartmentChatActivity:
		return slices.Concat([]string{"Department"}, spanHeaderBR, volumeHeader, chatHeader, startedHeader, qualityHeader)
	case chatferry.AnalyticsStatusSessions:
		return slices.Concat(agentHeader, []string{"Status"}, spanHeader, []string{"Duration (Seconds)"})
	case chatferry.AnalyticsServingSessions:
		return slices.Concat(agentHeader, spanHeader, []string{"Duration (Seconds)", "Chats"})
	default:
		return slices.Concat(agentHeader, spanHeader, []string{"Duration (Seconds)"})
	}
}

// report returns the rows of a report.
func (a *Account) report(s chatferry.Stream) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		p := &reporter{watch: watch{a: a, g: a.generator()}, header: []byte(strings.Join(reportHeader(s), ",")), yield: yield}
		for d := a.firstKept; d < a.calendar.days() && !p.stopped; d++ {
			p.day(d)
			p.change()
			p.today(s)
		}
		p.broken(s)
	}
}

// reporter writes rows of CSV.
type reporter struct {
	watch
	header  []byte
	row     []byte
	yield   func(Record) bool
	rows    int
	stopped bool
}

func (p *reporter) today(s chatferry.Stream) {
	switch s {
	case chatferry.AnalyticsAgentActivity:
		for i := range p.sessions {
			ag := p.sessions[i].agent
			t := &p.tally.agents[ag]
			p.agent(ag)
			p.wholeDay(0)
			p.chats(t)
			if t.total == 0 {
				p.text("offline")
			} else {
				p.text("")
			}
			p.quality(t)
			p.end()
		}
	case chatferry.AnalyticsChatActivity:
		p.wholeDay(zoneBR)
		p.volume(&p.tally.all)
		p.chats(&p.tally.all)
		p.quality(&p.tally.all)
		p.end()
	case chatferry.AnalyticsDepartmentAgentActivity:
		for k := range p.tally.both {
			if t := &p.tally.both[k]; t.total > 0 {
				p.text(p.department(k / len(p.a.agents)))
				p.agent(k % len(p.a.agents))
				p.wholeDay(0)
				p.chats(t)
				p.quality(t)
				p.end()
			}
		}
	case chatferry.AnalyticsDepartmentChatActivity:
		for d := range p.tally.departments {
			if t := &p.tally.departments[d]; t.total+t.offline > 0 {
				p.text(p.department(d))
				p.wholeDay(zoneBR)
				p.volume(t)
				p.chats(t)
				p.quality(t)
				p.end()
			}
		}
	case chatferry.AnalyticsLoginSessions:
		for i := range p.sessions {
			s := &p.sessions[i]
			p.session(s.agent, s.from, s.to)
			p.end()
		}
	case chatferry.AnalyticsServingSessions:
		p.serving()
	case chatferry.AnalyticsStatusSessions:
		for i := range p.edges {
			if e := &p.edges[i]; e.status && e.after != "offline" {
				p.agent(e.agent)
				p.text(e.after)
				p.span(e.at/1000, p.statusEnd(i), 0)
				p.seconds(p.statusEnd(i) - e.at/1000)
				p.end()
			}
		}
	}
}

// statusEnd returns when the status that began with edge i ended.
func (p *reporter) statusEnd(i int) int64 {
	for k := i + 1; k < len(p.edges); k++ {
		if e := &p.edges[k]; e.status && e.agent == p.edges[i].agent {
			return e.at / 1000
		}
	}
	return p.edges[i].until / 1000
}

// serving writes the times during which agents had at least one chat.
func (p *reporter) serving() {
	for i := range p.sessions {
		s := &p.sessions[i]
		slices.SortFunc(s.serving, func(x, y stint) int { return int(x.from - y.from) })
		for k := 0; k < len(s.serving); {
			from, to, n := s.serving[k].from, s.serving[k].to, int64(0)
			for ; k < len(s.serving) && s.serving[k].from <= to; k++ {
				to = max(to, s.serving[k].to)
				n++
			}
			p.session(s.agent, from, to)
			p.number(n)
			p.end()
		}
	}
}

func (p *reporter) session(agent int, from, to int64) {
	p.agent(agent)
	p.span(from, to, 0)
	p.seconds(to - from)
}

func (p *reporter) department(d int) string {
	if d == len(p.a.departments) {
		return "No department"
	}
	return p.a.departments[d].name
}

func (p *reporter) agent(i int) {
	ag := &p.a.agents[i]
	p.text(ag.first)
	p.text(ag.last)
	p.text(ag.email)
	p.text(strconv.FormatBool(ag.left == 0))
}

func (p *reporter) wholeDay(zone int64) {
	from := p.a.calendar.dayStart(p.d)
	p.span(from, from+day, zone)
}

// span writes two times in a zone.
func (p *reporter) span(from, to, zone int64) {
	for _, at := range [...]int64{from, to} {
		start := len(p.row)
		p.row = appendClock(p.row, at+zone)
		p.row[start+len("2006-01-02")] = ' '
		p.row = append(p.row, ',')
	}
}

func (p *reporter) volume(t *tally) {
	p.numbers(t.total, t.served, t.offline)
}

func (p *reporter) chats(t *tally) {
	p.numbers(t.assigned, t.accepted, t.completed, t.dropped, t.missed)
	p.numbers(t.started[:]...)
	p.numbers(t.startedCompleted[:]...)
}

func (p *reporter) quality(t *tally) {
	if t.assigned == 0 {
		p.text("") // nothing to accept
	} else {
		p.row = strconv.AppendFloat(p.row, float64(t.accepted)*100/float64(t.assigned), 'f', 1, 64)
		p.text("%")
	}
	p.numbers(t.good, t.bad)
	p.average(t.firstSum, t.firsts)
	p.average(t.waitSum, t.waits)
	p.seconds(t.waitMax)
	p.average(t.durationSum, t.total)
	p.seconds(t.durationMax)
}

func (p *reporter) average(sum, n int64) {
	if n == 0 {
		p.text("")
		return
	}
	p.row = append(strconv.AppendFloat(p.row, float64(sum)/float64(n)/1000, 'f', 2, 64), ',')
}

func (p *reporter) seconds(ms int64) { p.number(ms / second) }

func (p *reporter) number(v int64) { p.row = append(appendInt(p.row, v), ',') }

func (p *reporter) numbers(v ...int64) {
	for _, v := range v {
		p.number(v)
	}
}

// text writes a cell, in quotes where it needs them.
func (p *reporter) text(s string) {
	if strings.ContainsAny(s, "\",\n") {
		s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	p.row = append(append(p.row, s...), ',')
}

// end hands the row out.
func (p *reporter) end() {
	raw := p.row[:len(p.row)-1]
	if !p.stopped {
		p.rows++
		p.stopped = !p.yield(Record{Raw: raw, Header: p.header, Time: p.a.calendar.dayStart(p.d)})
	}
	p.row = p.row[:0]
}

// broken ends the reports of a big account: that of the logins with a row that lacks cells, that of the statuses with a
// file whose header names a column twice.
func (p *reporter) broken(s chatferry.Stream) {
	if p.stopped || p.a.o.Bad < 0 || p.a.o.Chats < badFrom {
		return
	}
	r := Record{Header: p.header, Time: p.a.calendar.dayStart(p.a.calendar.days() - 1)}
	switch s {
	case chatferry.AnalyticsLoginSessions:
		r.Raw, r.Outcome.Code = []byte(`Ingrid,Solheim,2021-12-31`), chatferry.CodeCSVRow
		p.yield(r)
	case chatferry.AnalyticsStatusSessions:
		r.Header = []byte("First Name,Last Name,Email,Status,Status")
		for _, row := range []string{"Ana,Figueiredo,ana.figueiredo@fernweh.example.com,online,away", "Owen,Prichard,,away,online"} {
			r.Raw, r.Outcome.Code = []byte(row), chatferry.CodeCSVHeader
			if !p.yield(r) {
				return
			}
		}
	}
}
