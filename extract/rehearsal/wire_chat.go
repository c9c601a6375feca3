package rehearsal

// appendChat appends the chat as JSON. Every field ends with a comma; the last comma becomes the closing brace.
func (g *generator) appendChat(b []byte, c *chat) []byte {
	b = append(b, '{')
	switch {
	case c.offline:
		b = g.appendOffline(b, c)
	case c.era == eraFirst: // whose fields came in the order of a hash table
		b = g.appendOutcome(b, c)
		b = g.appendVisitor(b, c)
		b = g.appendSession(b, c)
		b = g.appendAgents(b, c)
		b = g.appendHead(b, c)
		b = g.appendWebpath(b, c)
		b = g.appendFigures(b, c)
		b = g.appendHistory(b, c)
	default:
		b = g.appendHead(b, c)
		b = g.appendVisitor(b, c)
		b = g.appendSession(b, c)
		b = g.appendWebpath(b, c)
		b = g.appendHistory(b, c)
		b = g.appendEngagements(b, c)
		b = g.appendConversions(b, c)
		b = g.appendAgents(b, c)
		b = g.appendFigures(b, c)
		b = g.appendOutcome(b, c)
	}
	if g.a.quirk(quirkUnknownField, c.index) {
		b = append(b, `"x_experiment":{"variant":"B","score":0.3700,"path":["a",1,null,true]},`...)
	}
	b[len(b)-1] = '}'
	return b
}

// appendOffline appends the fields of an offline message, which are few.
func (g *generator) appendOffline(b []byte, c *chat) []byte {
	b = g.appendHead(b, c)
	b = g.appendVisitor(b, c)
	b = g.appendSession(b, c)
	b = append(b, `"message":"`...)
	b = g.a.say(b, c.seed, c.visitor.locale.lang, roleOffline, c.visitor.first.native, "")
	b = append(b, `",`...)
	b = g.appendDepartment(b, c.department)
	b = append(b, ',')
	b = g.appendUnread(b, c, c.seed%8 == 0)
	b = g.appendTicket(b, c)
	if c.era > eraFirst {
		b = appendTags(append(b, `"tags":`...), c.tags)
		b = append(b, `,"webpath":[],`...)
	}
	return b
}

// updatedKnown reports whether the record has an update_timestamp: it came with the second era, and whatever was
// touched since has it.
func (c *chat) updatedKnown() bool { return c.era > eraFirst || c.touches > 0 || c.stamped }

func (g *generator) appendHead(b []byte, c *chat) []byte {
	b = append(b, `"id":"`...)
	b = g.a.appendChatID(b, c.index, c.made)
	b = append(b, `","type":"`...)
	b = append(b, c.typeName()...)
	b = appendTime(append(b, `","timestamp":`...), c.figures.from)
	b = append(b, ',')
	if !c.offline {
		b = appendTime(append(b, `"end_timestamp":`...), c.end)
		b = append(b, ',')
	}
	if c.updatedKnown() {
		b = appendTime(append(b, `"update_timestamp":`...), c.updated)
		b = append(b, ',')
	}
	if c.era > eraFirst || c.deleted {
		b = append(b, `"deleted":`...)
		b = append(appendBool(b, c.deleted), ',')
	}
	return g.appendChannel(b, c)
}

func (c *chat) typeName() string {
	switch {
	case c.offline:
		return "offline_msg"
	case c.suspect && c.index%4 == 0:
		return "bot_chat"
	default:
		return "chat"
	}
}

// appendChannel appends the field that tells a Message conversation, where there is one. That of the shop's own widget
// is no such evidence.
func (g *generator) appendChannel(b []byte, c *chat) []byte {
	if c.network == "" {
		if c.era == eraThird && c.seed>>20%100 == 0 {
			b = append(b, `"channel":"web_widget",`...)
		}
		return b
	}
	switch c.seed >> 20 % 4 {
	case 0:
		b = append(b, `"channel":"`...)
		b = append(b, c.network...)
		return append(b, `",`...)
	case 1:
		b = append(b, `"via":{"channel":"`...)
		b = append(b, c.network...)
		return append(b, `","source":{"rel":null}},`...)
	case 2:
		b = append(b, `"source":{"type":"`...)
		b = append(b, c.network[0]-'a'+'A')
		b = append(b, c.network[1:]...)
		return append(b, `"},`...)
	default:
		b = append(b, `"backend":"`...)
		b = append(b, c.network...)
		return append(b, `",`...)
	}
}

// widget reports whether the visitor sat before a browser. Message conversations and suspicious chats have none.
func (c *chat) widget() bool { return c.network == "" && !c.suspect }

func (g *generator) appendVisitor(b []byte, c *chat) []byte {
	v := &c.visitor
	b = append(b, `"visitor":{"id":`...)
	if v.numeric && c.index%3 == 0 {
		b = g.a.appendVisitorID(b, v)
	} else {
		b = append(g.a.appendVisitorID(append(b, '"'), v), '"')
	}
	b = append(b, `,"name":"`...)
	b = g.appendVisitorName(b, c)
	b = append(b, `","email":`...)
	switch {
	case g.a.quirk(quirkEmailNull, c.index):
		b = append(b, `null`...)
	case c.known && c.widget():
		b = append(appendEmail(append(b, '"'), v), '"')
	default:
		b = append(b, `""`...)
	}
	b = append(b, `,"phone":"`...)
	if c.known {
		b = appendPhone(b, v)
	}
	b = append(b, `","notes":"`...)
	if v.tail>>20%16 == 0 {
		b = append(b, "asks for an invoice every time"...)
	}
	b = append(b, '"')
	if c.index%503 == 0 {
		b = append(b, `,"loyalty":{"level":"gold","points":1250}`...)
	}
	return append(b, `},`...)
}

// appendVisitorName appends the name by which the visitor was known in this chat, without quotes.
func (g *generator) appendVisitorName(b []byte, c *chat) []byte {
	if c.known || !c.widget() {
		return appendFullName(b, &c.visitor)
	}
	return appendAnonymousName(b, &c.visitor)
}

func (g *generator) appendSession(b []byte, c *chat) []byte {
	v := &c.visitor
	b = append(b, `"session":{"id":"`...)
	injected := c.offline && g.a.quirk(quirkInjected, c.index)
	start, end := c.firstPage()-int64(c.seed%3_000), c.end
	if injected {
		start, end = c.made-400*day, c.made-400*day+hour
	}
	b = g.a.appendSessionID(b, c.index, start)
	b = append(b, `",`...)
	br := &g.a.browsers[v.browser]
	switch {
	case !c.widget():
		b = append(b, `"browser":null,"platform":null,"user_agent":null,"ip":null,`...)
	case g.a.quirk(quirkSessionNull, c.index):
		b = append(b, `"browser":"Unknown","platform":null,"user_agent":"","ip":null,`...)
	default:
		b = append(b, `"browser":"`...)
		b = append(b, br.name...)
		b = append(b, `","platform":"`...)
		b = append(b, br.platform...)
		b = append(b, `","user_agent":"`...)
		b = g.a.appendUserAgent(b, br, c.made, v.tail)
		b = append(b, `","ip":"`...)
		if injected {
			b = append(b, `198.18.299.96`...) // which no address can be
		} else {
			b = appendIP(b, v.tail)
		}
		b = append(b, `",`...)
	}
	b = append(b, `"city":"`...)
	b = append(b, v.city.name...)
	b = append(b, `","region":"`...)
	b = append(b, v.city.region...)
	b = append(b, `","country_code":"`...)
	b = append(b, v.locale.country...)
	b = append(b, `","country_name":"`...)
	b = append(b, v.locale.name...)
	b = append(b, `","start_date":`...)
	offset := c.offline && c.era == eraFirst && g.a.quirk(quirkSessionDate, c.index)
	b = appendSessionDate(b, start, offset)
	b = append(b, `,"end_date":`...)
	b = appendSessionDate(b, end, offset)
	if c.index%211 == 0 {
		b = append(b, `,"screen":{"w":1920,"h":1080}`...)
	}
	return append(b, `},`...)
}

// appendSessionDate appends a date that may name its zone twice.
func appendSessionDate(b []byte, ms int64, offset bool) []byte {
	b = appendClock(append(b, '"'), ms)
	if offset {
		b = append(b, `+00:00`...)
	}
	return append(b, `Z"`...)
}

// appendWebpath appends the pages that the visitor looked at. Some elements are arrays instead of objects.
func (g *generator) appendWebpath(b []byte, c *chat) []byte {
	b = append(b, `"webpath":[`...)
	if !c.widget() {
		return append(b, `],`...)
	}
	lang := &g.a.corpora[c.visitor.locale.lang]
	r := rng{c.seed ^ 0x77}
	at := c.firstPage()
	from, arrays := "", g.a.quirk(quirkWebpathArray, c.index)
	if r.chance(0.5) {
		from = "https://www.google.com/"
	}
	for k := range c.pages {
		p := &lang.pages[r.intn(len(lang.pages))]
		if k > 0 {
			b = append(b, ',')
		}
		object := !arrays || k > 0
		b = open(b, object, `"from":`)
		b = append(b, '"')
		if k > 0 {
			b = append(b, siteURL...)
		}
		b = append(b, from...)
		b = member(append(b, '"'), object, `"to":`)
		b = append(b, '"')
		b = append(b, siteURL...)
		b = append(b, p.path...)
		if k == 0 && r.chance(0.3) {
			b = append(b, "?utm_source=newsletter&utm_campaign="...)
			b = appendInt(b, c.made/day)
		}
		b = member(append(b, '"'), object, `"title":`)
		if r.chance(0.03) {
			b = append(b, `null`...)
		} else {
			b = append(append(append(b, '"'), p.title...), '"')
		}
		b = member(b, object, `"timestamp":`)
		b = appendTime(b, at)
		if object {
			b = append(b, '}')
		} else {
			b = append(b, ']')
		}
		at += r.span(3_000, 40_000)
		from = p.path
	}
	return append(b, `],`...)
}

// firstPage is when the visitor came to the first page.
func (c *chat) firstPage() int64 { return c.made - int64(c.pages)*40*second }

const siteURL = "https://shop.example.com"

// open and member begin the members of an object, or the elements of the array that stands in its place.
func open(b []byte, object bool, key string) []byte {
	if object {
		return append(append(b, '{'), key...)
	}
	return append(b, '[')
}

func member(b []byte, object bool, key string) []byte {
	b = append(b, ',')
	if object {
		return append(b, key...)
	}
	return b
}

func appendTags(b []byte, tags []string) []byte {
	b = append(b, '[')
	for i, t := range tags {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), t...), '"')
	}
	return append(b, ']')
}

// appendDepartment appends the two members that name a department, without a comma at the end.
func (g *generator) appendDepartment(b []byte, d int) []byte {
	if d < 0 {
		return append(b, `"department_id":null,"department_name":null`...)
	}
	b = append(b, `"department_id":`...)
	b = appendInt(b, g.a.departments[d].id)
	b = append(b, `,"department_name":"`...)
	b = append(b, g.a.departments[d].name...)
	return append(b, '"')
}

func (g *generator) appendUnread(b []byte, c *chat, unread bool) []byte {
	b = append(b, `"unread":`...)
	switch {
	case !g.a.quirk(quirkUnreadNumber, c.index):
		b = appendBool(b, unread)
	case unread:
		b = append(b, '1')
	default:
		b = append(b, '0')
	}
	return append(b, ',')
}

func (g *generator) appendTicket(b []byte, c *chat) []byte {
	b = append(b, `"zendesk_ticket_id":`...)
	switch {
	case c.ticket == 0:
		b = append(b, `null`...)
	case g.a.quirk(quirkNumberForm, c.index):
		b = append(appendInt(b, c.ticket/1000), `e3`...)
	default:
		b = appendInt(b, c.ticket)
	}
	return append(b, ',')
}
