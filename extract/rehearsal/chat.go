package rehearsal

// Who took part in a chat, besides agents, who are their index.
const (
	whoVisitor = -1
	whoTrigger = -2
	whoSystem  = -3
)

type eventKind uint8

const (
	eventMessage eventKind = iota
	eventJoin
	eventLeave
	eventTag
	eventRating
	eventComment
	eventFile
	eventTransfer
	eventQueue
	eventAskRating
	eventSkills
	eventConversion
	eventUnknown
)

// event is one entry of a history. What its texts say follows from seed.
type event struct {
	at   int64
	seed uint64
	who  int
	n    int // tags before, rating, department, position in the queue
	kind eventKind
	role role
}

// engagement is one agent's stretch of a chat.
type engagement struct {
	agent              int
	from, to           int64
	assigned, accepted bool
	startedBy          string
	figures            figures
}

// conversion is a goal reached after, or during, a chat.
type conversion struct {
	at   int64
	goal int
}

// figures are what the server computes from a history.
type figures struct {
	agent, visitor int   // messages
	first, max     int64 // waits, milliseconds
	sum, waits     int64
	from, to       int64 // first and last message
}

// chat is what one chat was, before it is put into words. Times are milliseconds.
type chat struct {
	index   int64
	day     int
	made    int64
	end     int64
	updated int64
	era     era
	offline bool

	visitor     visitor
	known       bool // the visitor gave name and address by then
	department  int  // -1: none
	events      []event
	engagements []engagement
	conversions []conversion
	agents      []int // those who joined, in this order
	tags        []string
	pages       int
	seed        uint64

	figures   figures
	startedBy string
	missed    bool
	dropped   bool
	rating    int // 0 none, 1 good, 2 bad
	comment   uint64
	ticket    int64
	deleted   bool

	network string // of a Message conversation; empty for all others
	suspect bool
	touches int  // how often it was changed afterwards
	stamped bool // update_timestamp is written whatever the era
}

// offlineRate is the share of chats that are offline messages although somebody works. With those of nights and
// weekends they make about one in eight.
const offlineRate = 0.08

var tagPool = []string{
	"vip", "refund", "shipping", "size_exchange", "payment", "broken_on_arrival", "wholesale", "callback",
	"bug", "returning", "goodbye_survey", "Rücksendung", "preço", "返品", "escalated", "promo_2019",
}

// lengths are the numbers of messages between greeting and goodbye, from the shortest to the longest, each as frequent as the others.
var lengths = [...]int{0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 8, 10, 13, 17, 24, 40}

func length(r *rng) int {
	switch x := r.intn(1000); {
	case x < 2:
		return r.between(200, 480)
	case x < 15:
		return r.between(40, 150)
	default:
		at := r.intn(len(lengths) - 1)
		return r.between(lengths[at], lengths[at+1])
	}
}

// generator puts chats together, one after the other. It is used by one goroutine.
type generator struct {
	a         *Account
	c         chat
	roster    []shift
	rosterDay int
	buf, aux  []byte
	files     string // where attachments are; empty: at an address that leads nowhere
}

func (a *Account) generator() *generator { return &generator{a: a, rosterDay: -1} }

// rosterOf returns who works on a day.
func (g *generator) rosterOf(d int) []shift {
	if d != g.rosterDay {
		g.roster, g.rosterDay = g.a.roster(d, g.roster), d
	}
	return g.roster
}

// pick returns an agent who is free at a time, of the department if it has one free; -1 if nobody is.
func (g *generator) pick(r *rng, at int64, department, not int) int {
	found, n, members := -1, 0, false
	for i := range g.roster {
		s := &g.roster[i]
		if s.agent == not || !s.free(at) {
			continue
		}
		member := false
		for _, d := range g.a.agents[s.agent].departments {
			member = member || d == department
		}
		if member && !members {
			members, n = true, 0
		}
		if member == members {
			n++
			if r.intn(n) == 0 {
				found = s.agent
			}
		}
	}
	return found
}

// plan decides everything about chat i. The result is overwritten by the next call.
func (g *generator) plan(i int64) *chat {
	d, starts := g.rosterDay, g.a.calendar.starts
	if d < 0 || d+1 >= len(starts) || i < starts[d] || i >= starts[d+1] {
		d = g.a.calendar.dayOf(i)
	}
	return g.planAt(i, d, g.a.calendar.made(i, d))
}

// planAt decides everything about chat i, made at a time of a day, which for a chat that came later may lie behind the
// calendar's end.
func (g *generator) planAt(i int64, d int, made int64) *chat {
	a, c := g.a, &g.c
	c.reset(i)
	r := a.rng(domChat, i)
	c.day, c.made = d, made
	c.era = a.eraOf(c.made)
	c.seed = r.next()
	g.rosterOf(c.day)

	number, firstChat := a.visitorOf(i), c.made
	if number >= a.o.Chats {
		number = i // those who came later are new
	}
	if number != i {
		firstChat = a.calendar.made(number, a.calendar.dayOf(number))
	}
	a.visitor(&c.visitor, number, firstChat)
	c.known = c.visitor.known && (number != i || r.chance(0.7))
	if r.chance(0.7) {
		c.department = r.weighted(a.departmentSums)
	}
	c.pages = 1 + r.intn(3) + r.intn(2)*r.intn(4)

	agent := g.pick(&r, c.made, c.department, -1)
	switch x := r.unit(); {
	case agent < 0 || x < offlineRate:
		c.offline = true
	case c.made < a.messageEnd && x < offlineRate+a.o.messageRate():
		c.network = networks[r.intn(len(networks))]
	case x > 1-suspectRate:
		c.suspect = true
	}
	if c.offline {
		g.planOffline(&r)
	} else {
		g.talk(&r, agent)
	}
	if c.era > eraFirst {
		c.deleted = a.quirk(quirkDeleted, i)
	}
	return c
}

func (c *chat) reset(i int64) {
	*c = chat{
		index: i, department: -1,
		events: c.events[:0], engagements: c.engagements[:0], conversions: c.conversions[:0], agents: c.agents[:0], tags: c.tags[:0],
	}
}

// planOffline makes an offline message. One that was injected by the API claims another time than that of its making.
func (g *generator) planOffline(r *rng) {
	c := &g.c
	c.startedBy = "visitor"
	c.figures.from = c.made
	if g.a.quirk(quirkInjected, c.index) {
		c.figures.from -= int64(r.between(1, 200)) * hour
	}
	c.end = c.made
	c.updated = c.made + r.span(2_000, 3_600_000)
	if r.chance(0.3) {
		c.tags = append(c.tags, tagPool[r.intn(len(tagPool))])
	}
	if r.chance(0.6) {
		c.ticket = g.a.ticket(c.index, r)
	}
}

// ticket numbers the tickets that chats left in the ticket system.
func (a *Account) ticket(i int64, r *rng) int64 {
	n := (10 + i/1000) * 1000 // written as 10e3
	if !a.quirk(quirkNumberForm, i) {
		n = 20_000 + i*3 + int64(r.intn(3))
	}
	if a.has(Unlinked) {
		return 0
	}
	return n
}
