package rehearsal

// talk plays a chat through: who says what when. Afterwards it does what the server does: it counts.
func (g *generator) talk(r *rng, agent int) {
	c := &g.c
	f := flow{g: g, c: c, r: r, at: c.made + 3}
	n := length(r)
	if g.a.big(c.index) {
		n, f.hurry = g.a.o.BigBytes/bytesPerEvent, true
	}
	f.tagged = r.between(1, 6)
	switch x := r.unit(); {
	case x < 0.12 && c.era > eraFirst:
		c.startedBy = "trigger"
		f.add(eventJoin, whoVisitor, c.department)
		f.wait(100, 600)
		f.say(whoTrigger, roleTrigger)
		f.wait(3_000, 60_000)
		f.say(whoVisitor, roleOpen)
	case x < 0.18:
		c.startedBy = "agent"
		f.add(eventJoin, whoVisitor, c.department)
		f.wait(20, 80)
		f.join(agent, false)
		f.wait(100, 700)
		f.say(agent, roleGreet)
		f.wait(4_000, 90_000)
		f.say(whoVisitor, roleOpen)
	default:
		c.startedBy = "visitor"
		f.add(eventJoin, whoVisitor, c.department)
		f.wait(60, 900)
		f.say(whoVisitor, roleOpen)
	}
	if c.startedBy != "agent" && r.chance(0.07) && !f.hurry {
		f.miss(agent)
	} else {
		f.serve(agent, n)
	}
	f.figures()
	f.convert()
	if r.chance(0.45) {
		c.ticket = g.a.ticket(c.index, r)
	}
	c.updated = c.end + r.span(1_000, 900_000)
	if r.chance(0.1) { // tagged by hand afterwards
		c.tags = append(c.tags, tagPool[r.intn(len(tagPool))])
		c.updated += r.span(60_000, 86_400_000)
	}
	if k := len(c.conversions); k > 0 {
		c.updated = max(c.updated, c.conversions[k-1].at)
	}
}

// flow is a chat while it goes on.
type flow struct {
	g      *generator
	c      *chat
	r      *rng
	at     int64
	hurry  bool // of a history of megabytes
	tagged int  // messages until the next tag
}

func (f *flow) wait(lo, hi int) { f.at += f.r.span(lo, hi) }

func (f *flow) add(kind eventKind, who, n int) {
	f.c.events = append(f.c.events, event{at: f.at, kind: kind, who: who, n: n, seed: f.r.next()})
}

func (f *flow) say(who int, as role) {
	f.c.events = append(f.c.events, event{at: f.at, kind: eventMessage, who: who, role: as, seed: f.r.next()})
}

func (f *flow) join(agent int, assigned bool) {
	f.add(eventJoin, agent, -1)
	f.c.agents = append(f.c.agents, agent)
	f.c.engagements = append(f.c.engagements, engagement{
		agent: agent, from: f.at, assigned: assigned, accepted: assigned, startedBy: f.c.startedBy,
	})
}

func (f *flow) leave(agent int) {
	f.add(eventLeave, agent, -1)
	for i := range f.c.engagements {
		if e := &f.c.engagements[i]; e.agent == agent && e.to == 0 {
			e.to = f.at
		}
	}
}

// miss lets the visitor wait in vain.
func (f *flow) miss(agent int) {
	f.c.missed = true
	if f.r.chance(0.5) { // offered to an agent, who did not take it
		f.c.engagements = append(f.c.engagements, engagement{agent: agent, from: f.at, assigned: true, startedBy: f.c.startedBy})
	}
	for range f.r.intn(3) {
		f.wait(5_000, 120_000)
		f.say(whoVisitor, roleAsk)
	}
	f.wait(10_000, 300_000)
	f.add(eventLeave, whoVisitor, -1)
	for i := range f.c.engagements {
		f.c.engagements[i].to = f.at
	}
	f.c.end = f.at
}

// serve is the talk of an agent with the visitor, of about n more messages.
func (f *flow) serve(agent, n int) {
	c, r := f.c, f.r
	if c.startedBy != "agent" {
		if r.chance(0.04) {
			f.wait(500, 2_000)
			f.add(eventQueue, whoSystem, r.between(1, 9))
		}
		f.wait(2_000, 110_000)
		f.join(agent, r.chance(0.85))
		f.wait(2_000, 14_000)
		f.say(agent, roleGreet)
	}
	if len(f.g.a.agents[agent].skills) > 0 && r.chance(0.05) {
		f.add(eventSkills, whoSystem, f.g.a.agents[agent].skills[0])
	}
	transfer := -1
	if r.chance(0.08) {
		transfer = n / 2
	}
	visitor := true
	for k := range n {
		if k == transfer {
			agent = f.transfer(agent)
			visitor = false
		}
		if f.hurry {
			f.wait(20, 600)
		} else if n > 60 {
			f.wait(1_500, 40_000)
		} else {
			f.wait(3_000, 80_000)
		}
		if visitor {
			f.say(whoVisitor, roleAsk)
		} else {
			f.say(agent, roleAnswer)
		}
		if r.chance(0.72) {
			visitor = !visitor
		}
		f.aside(agent)
	}
	f.wait(3_000, 60_000)
	if r.chance(0.18) {
		f.say(whoVisitor, roleThanks)
	} else {
		f.say(agent, roleBye)
	}
	f.rate()
	f.wait(1_000, 120_000)
	f.add(eventLeave, whoVisitor, -1)
	f.wait(500, 60_000)
	f.leave(agent)
	c.end = f.at
}

// aside is what happens between messages.
func (f *flow) aside(agent int) {
	c, r := f.c, f.r
	if f.tagged--; f.tagged == 0 && r.chance(0.5) {
		f.wait(200, 4_000)
		f.add(eventTag, agent, len(c.tags))
		c.tags = append(c.tags, tagPool[r.intn(len(tagPool))])
		f.tagged = 40
	}
	if x := r.intn(1000); x < 12 {
		f.wait(1_000, 20_000)
		f.add(eventFile, whoVisitor, 0)
	} else if x == 13 && len(c.conversions) == 0 && c.era > eraFirst && c.network == "" {
		c.conversions = append(c.conversions, conversion{at: f.at, goal: r.intn(len(goalNames))})
		f.add(eventConversion, whoSystem, 0)
	}
}

// transfer hands the chat over to a colleague, if one is free.
func (f *flow) transfer(agent int) int {
	next := f.g.pick(f.r, f.at, f.r.intn(len(f.g.a.departments)), agent)
	if next < 0 {
		return agent
	}
	to := f.g.a.agents[next].departments[0]
	f.wait(1_000, 10_000)
	f.add(eventTransfer, agent, to)
	f.wait(1_000, 30_000)
	f.join(next, true)
	f.wait(500, 20_000)
	f.leave(agent)
	f.c.department = to
	return next
}

// rate lets the visitor say what they thought of it. Some change their mind.
func (f *flow) rate() {
	c, r := f.c, f.r
	if r.chance(0.1) {
		f.wait(100, 500)
		f.add(eventAskRating, whoSystem, 0)
	}
	if r.chance(0.2) {
		f.wait(2_000, 40_000)
		c.rating = 1
		if r.chance(0.14) {
			c.rating = 2
		}
		f.add(eventRating, whoVisitor, c.rating)
		if r.chance(0.05) {
			f.wait(1_000, 9_000)
			c.rating = 3 - c.rating
			f.add(eventRating, whoVisitor, c.rating)
		}
	}
	if c.rating != 0 && r.chance(0.3) || f.g.a.quirk(quirkCommentAlone, c.index) {
		f.wait(2_000, 60_000)
		f.add(eventComment, whoVisitor, 0)
		c.comment = c.events[len(c.events)-1].seed
	}
	if f.g.a.quirk(quirkHistoryType, c.index) {
		f.wait(10, 3_000)
		f.add(eventUnknown, whoSystem, 0)
	}
}

// figures counts, as the server does, for the chat and for each of its engagements.
func (f *flow) figures() {
	c := f.c
	c.figures = count(c.events, 0, c.end, whoSystem)
	last := whoSystem
	for i := range c.events {
		if c.events[i].kind == eventMessage {
			last = c.events[i].who
		}
	}
	c.dropped = last == whoVisitor && !c.missed
	for i := range c.engagements {
		e := &c.engagements[i]
		e.figures = count(c.events, e.from, e.to, e.agent)
	}
}

// count counts the messages of the visitor and of one agent, or of all agents and triggers if agent is whoSystem, from
// one time to another. A wait begins with the first message of the visitor that nobody has answered, and ends with the
// answer. A last message without an answer is no wait.
func count(events []event, from, to int64, agent int) figures {
	var n figures
	waiting := int64(-1)
	for i := range events {
		e := &events[i]
		if e.kind != eventMessage || e.at < from || e.at > to {
			continue
		}
		switch {
		case e.who == whoVisitor:
			n.visitor++
			if waiting < 0 {
				waiting = e.at
			}
		case agent == whoSystem || e.who == agent:
			n.agent++
			if waiting >= 0 {
				wait := e.at - waiting
				if n.waits == 0 {
					n.first = wait
				}
				n.max = max(n.max, wait)
				n.sum += wait
				n.waits++
				waiting = -1
			}
		default:
			continue
		}
		if n.from == 0 {
			n.from = e.at
		}
		n.to = e.at
	}
	return n
}

// convert lets some visitors reach goals after the chat.
func (f *flow) convert() {
	c, r := f.c, f.r
	if c.era == eraFirst || c.missed || c.network != "" {
		return
	}
	n := 0
	switch {
	case f.g.a.quirk(quirkManyConversions, c.index):
		n = maxConversions + r.between(1, 15)
	case r.chance(0.03):
		n = r.between(1, 3)
	}
	at := c.end
	for range n {
		at += r.span(20_000, 7_200_000)
		c.conversions = append(c.conversions, conversion{at: at, goal: r.intn(len(goalNames))})
	}
}
