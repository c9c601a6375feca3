package rehearsal

// tally counts the chats of an agent, a department or everybody on one day.
type tally struct {
	total, served, offline                         int64
	assigned, accepted, completed, dropped, missed int64
	started, startedCompleted                      [3]int64 // by visitor, agent, trigger
	good, bad                                      int64
	firstSum, firsts                               int64 // milliseconds
	waitSum, waits, waitMax                        int64
	durationSum, durationMax                       int64
}

// dayTally is the tallies of one day.
type dayTally struct {
	all         tally
	agents      []tally
	departments []tally // one more at the end: chats without one
	both        []tally // department × agent
}

func (t *dayTally) reset(a *Account) {
	n, m := len(a.agents), len(a.departments)+1
	if t.agents == nil {
		t.agents, t.departments, t.both = make([]tally, n), make([]tally, m), make([]tally, n*m)
	}
	t.all = tally{}
	clear(t.agents)
	clear(t.departments)
	clear(t.both)
}

// add counts a chat for everybody whom it concerns.
func (t *dayTally) add(c *chat) {
	d := c.department
	if d < 0 {
		d = len(t.departments) - 1
	}
	t.all.chat(c)
	t.departments[d].chat(c)
	for i := range c.engagements {
		e := &c.engagements[i]
		own := *c
		own.figures = e.figures
		// Each agent is asked: did it end with an answer of yours?
		own.dropped = c.dropped && i == len(c.engagements)-1
		for _, t := range []*tally{&t.agents[e.agent], &t.both[d*len(t.agents)+e.agent]} {
			t.chat(&own)
			if e.assigned {
				t.assigned++
			}
			if e.accepted {
				t.accepted++
			}
		}
		if e.assigned {
			t.all.assigned++
			t.departments[d].assigned++
		}
		if e.accepted {
			t.all.accepted++
			t.departments[d].accepted++
		}
	}
}

func (t *tally) chat(c *chat) {
	if c.offline {
		t.offline++
		return
	}
	t.total++
	by := 0
	switch c.startedBy {
	case "agent":
		by = 1
	case "trigger":
		by = 2
	}
	t.started[by]++
	switch {
	case c.missed:
		t.missed++
	case c.dropped:
		t.dropped++
		t.served++
	default:
		t.completed++
		t.served++
		t.startedCompleted[by]++
	}
	switch c.rating {
	case 1:
		t.good++
	case 2:
		t.bad++
	}
	f := &c.figures
	if f.waits > 0 {
		t.firstSum += f.first
		t.firsts++
		t.waitSum += f.sum
		t.waits += f.waits
		t.waitMax = max(t.waitMax, f.max)
	}
	t.durationSum += f.to - f.from
	t.durationMax = max(t.durationMax, f.to-f.from)
}
