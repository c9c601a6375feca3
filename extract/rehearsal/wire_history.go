package rehearsal

var eventTypes = [...]string{
	eventMessage: "chat.msg", eventJoin: "chat.memberjoin", eventLeave: "chat.memberleave", eventTag: "chat.tag",
	eventRating: "chat.rating", eventComment: "chat.comment", eventFile: "chat.file", eventTransfer: "chat.transfer",
	eventQueue: "chat.queue_position", eventAskRating: "chat.request.rating", eventSkills: "chat.skills",
	eventConversion: "chat.conversion", eventUnknown: "chat.sneak_peek",
}

func (g *generator) appendHistory(b []byte, c *chat) []byte {
	b = append(b, `"history":[`...)
	rating := 0
	spoilt := -1 // the message that holds what no text should
	if g.a.quirk(quirkLoneSurrogate, c.index) || g.a.quirk(quirkNUL, c.index) {
		spoilt = 1
	}
	messageIDs := !g.a.quirk(quirkMessageIDAbsent, c.index)
	messageIDNumber := g.a.quirk(quirkMessageIDNumber, c.index)
	for i := range c.events {
		e := &c.events[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"type":"`...)
		b = append(b, eventTypes[e.kind]...)
		b = append(b, `","timestamp":`...)
		b = appendTimeMicros(b, e.at*1000)
		b = append(b, `,"name":"`...)
		b = g.appendName(b, c, e.who)
		b = append(b, `","channel":"`...)
		if c.network != "" || c.suspect {
			b = append(b, "#messaging:"...)
		} else {
			b = append(b, "#supportchat:"...)
		}
		b = g.a.appendVisitorRoom(b, &c.visitor)
		b = append(b, '"')
		b = g.appendActor(b, c, e.who)
		switch e.kind {
		case eventMessage:
			b = append(b, `,"msg":"`...)
			b = g.appendMessage(b, c, e)
			if spoilt >= 0 && e.who == whoVisitor {
				if g.a.quirk(quirkNUL, c.index) {
					b = append(b, ` a\u0000b`...)
				}
				if g.a.quirk(quirkLoneSurrogate, c.index) {
					b = append(b, ` \ud83d…`...)
				}
				spoilt = -1
			}
			b = append(b, `","options":"`...)
			if e.role == roleTrigger {
				b = append(b, "Yes/No"...)
			}
			b = append(b, '"')
			if e.who == whoVisitor && messageIDs {
				b = append(b, `,"msg_id":`...)
				if messageIDNumber {
					b = appendInt(b, e.at-int64(e.seed%900))
				} else {
					b = append(appendInt(append(b, '"'), e.at-int64(e.seed%900)), '"')
				}
			}
		case eventJoin:
			if e.who == whoVisitor {
				b = g.appendDepartment(append(b, ','), e.n)
			}
		case eventTag:
			b = appendTags(append(b, `,"tags":`...), c.tags[:e.n])
			b = appendTags(append(b, `,"new_tags":`...), c.tags[:e.n+1])
		case eventRating:
			b = appendRating(append(b, `,"rating":`...), rating)
			rating = e.n
			b = appendRating(append(b, `,"new_rating":`...), rating)
		case eventComment:
			b = append(b, `,"comment":null,"new_comment":`...)
			b = g.appendComment(b, c, e.seed)
		case eventTransfer:
			b = g.appendDepartment(append(b, ','), e.n)
			b = append(b, `,"prev_department_id":"`...)
			b = appendInt(b, g.a.departments[e.seed%uint64(len(g.a.departments))].id)
			b = append(b, '"')
		case eventQueue:
			b = appendInt(append(b, `,"queue_position":`...), int64(e.n))
		case eventFile:
			b = g.appendFile(b, e)
		case eventSkills:
			b = append(b, `,"skills_name":["`...)
			b = append(b, skillNames[e.n]...)
			b = append(b, `"]`...)
		case eventConversion:
			b = g.appendConversion(append(b, `,"conversion":`...), c, 0)
		case eventUnknown:
			b = append(b, `,"peek":{"typing":true,"text":null}`...)
		}
		b = append(b, '}')
	}
	return append(b, `],`...)
}

// appendMessage appends what is said, without quotes.
func (g *generator) appendMessage(b []byte, c *chat, e *event) []byte {
	name := ""
	switch {
	case e.who >= 0:
		name = g.a.agents[e.who].display
	case len(c.agents) > 0:
		name = g.a.agents[c.agents[0]].display
	}
	return g.a.say(b, e.seed, c.visitor.locale.lang, e.role, c.visitor.first.native, name)
}

func (g *generator) appendName(b []byte, c *chat, who int) []byte {
	switch who {
	case whoVisitor:
		return g.appendVisitorName(b, c)
	case whoTrigger:
		return append(b, "Customer Service"...)
	case whoSystem:
		return b
	default:
		return append(b, g.a.agents[who].display...)
	}
}

// appendActor appends who acted, as far as the era says it.
func (g *generator) appendActor(b []byte, c *chat, who int) []byte {
	if c.era == eraFirst {
		return b
	}
	b = append(b, `,"nick":"`...)
	sender := ""
	switch who {
	case whoVisitor:
		b, sender = g.a.appendVisitorRoom(append(b, "visitor:"...), &c.visitor), "Visitor"
	case whoTrigger:
		b, sender = append(b, "agent:trigger"...), "Trigger"
	case whoSystem:
		b, sender = append(b, "system"...), "System"
	default:
		b, sender = appendInt(append(b, "agent:"...), g.a.agents[who].id), "Agent"
	}
	b = append(b, '"')
	if c.era < eraThird {
		return b
	}
	b = append(append(append(b, `,"sender_type":"`...), sender...), '"')
	if who >= 0 {
		b = appendInt(append(b, `,"agent_id":`...), g.a.agents[who].id)
	}
	return b
}

func (g *generator) appendFile(b []byte, e *event) []byte {
	k := e.seed % uint64(len(fileNames))
	size := int64(10_000 + e.seed>>16%3_000_000)
	b = append(b, `,"attachment":{"url":"`...)
	if g.files == "" {
		b = appendBase62(append(b, "https://files.example.com/f/"...), e.seed>>8, 9)
	} else {
		b = g.a.appendFileName(append(b, g.files...), e.seed>>8, int(k), size)
	}
	b = append(b, `","name":"`...)
	b = append(b, fileNames[k]...)
	b = append(b, `","mime_type":"`...)
	b = append(b, fileTypes[k]...)
	b = append(b, `","size":`...)
	b = appendInt(b, size)
	return append(b, '}')
}
