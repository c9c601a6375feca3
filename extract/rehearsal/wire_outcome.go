package rehearsal

import "strconv"

// appendAgents appends who served the chat. The ids are strings here, although an agent's own id is a number.
func (g *generator) appendAgents(b []byte, c *chat) []byte {
	b = append(b, `"agent_ids":[`...)
	for i, ag := range c.agents {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendInt(append(b, '"'), g.a.agents[ag].id), '"')
	}
	b = append(b, `],"agent_names":[`...)
	for i, ag := range c.agents {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), g.a.agents[ag].display...), '"')
	}
	b = append(b, `],`...)
	b = g.appendDepartment(b, c.department)
	return append(b, ',')
}

// appendFigures appends what the server counted.
func (g *generator) appendFigures(b []byte, c *chat) []byte {
	f := &c.figures
	form := g.a.quirk(quirkNumberForm, c.index)
	b = append(b, `"count":`...)
	b = appendCount(b, f, form)
	b = append(b, `,"duration":`...)
	b = appendInt(b, (f.to-f.from)/second)
	if form {
		b = append(b, `.0`...)
	}
	b = append(b, `,"response_time":`...)
	b = appendWaits(b, f)
	return append(b, ',')
}

func appendCount(b []byte, f *figures, form bool) []byte {
	b = append(b, `{"total":`...)
	b = appendInt(b, int64(f.agent+f.visitor))
	if form {
		b = append(b, `.0`...)
	}
	b = append(b, `,"agent":`...)
	b = appendInt(b, int64(f.agent))
	b = append(b, `,"visitor":`...)
	b = appendInt(b, int64(f.visitor))
	return append(b, '}')
}

// appendWaits appends the first and longest wait, rounded to seconds, and their mean, which is not.
func appendWaits(b []byte, f *figures) []byte {
	if f.waits == 0 {
		return append(b, `{"first":null,"avg":null,"max":null}`...)
	}
	b = append(b, `{"first":`...)
	b = appendInt(b, (f.first+500)/second)
	b = append(b, `,"avg":`...)
	b = appendFloat(b, mean(f))
	b = append(b, `,"max":`...)
	b = appendInt(b, (f.max+500)/second)
	return append(b, '}')
}

func mean(f *figures) float64 { return float64(f.sum) / float64(f.waits) / 1000 }

func (g *generator) appendOutcome(b []byte, c *chat) []byte {
	b = append(b, `"comment":`...)
	b = g.appendComment(b, c, c.comment)
	b = append(b, `,"rating":`...)
	b = append(appendRating(b, c.rating), ',')
	b = append(b, `"triggered_response":null,"triggered":`...)
	b = appendBool(b, c.startedBy == "trigger")
	b = append(b, `,"started_by":"`...)
	b = append(b, c.startedBy...)
	b = append(b, `","missed":`...)
	b = append(appendBool(b, c.missed), ',')
	if c.era > eraFirst {
		b = append(b, `"dropped":`...)
		b = appendBool(b, c.dropped)
		b = append(b, `,"proactive":`...)
		b = append(appendBool(b, c.startedBy == "agent"), ',')
	}
	if c.era == eraThird {
		if c.missed {
			b = append(b, `"abandon_time":`...)
			b = append(appendMicros(b, (c.end-c.figures.from)*1000), ',')
		}
		b = append(b, `"skills_requested":[`...)
		fulfilled := c.seed>>9%8 != 0
		if c.department >= 0 && !fulfilled {
			b = appendInt(b, g.a.skillID(c.department))
		}
		b = append(b, `],"skills_fulfilled":`...)
		b = append(appendBool(b, fulfilled), ',')
	}
	if c.era == eraFirst || c.seed>>3%4 == 0 {
		b = append(b, `"referrer_search_engine":"","referrer_search_terms":"",`...)
	}
	b = appendTags(append(b, `"tags":`...), c.tags)
	b = append(b, ',')
	b = g.appendUnread(b, c, c.missed && c.seed>>5%2 == 0)
	return g.appendTicket(b, c)
}

func appendRating(b []byte, rating int) []byte {
	switch rating {
	case 1:
		return append(b, `"good"`...)
	case 2:
		return append(b, `"bad"`...)
	default:
		return append(b, `null`...)
	}
}

// appendComment appends the comment that follows from a seed; seed 0 is none.
func (g *generator) appendComment(b []byte, c *chat, seed uint64) []byte {
	if seed == 0 {
		return append(b, `null`...)
	}
	name := ""
	if len(c.agents) > 0 {
		name = g.a.agents[c.agents[0]].display
	}
	b = append(b, '"')
	b = g.a.say(b, seed, c.visitor.locale.lang, roleComment, c.visitor.first.native, name)
	return append(b, '"')
}

// appendEngagements appends each agent's stretch.
func (g *generator) appendEngagements(b []byte, c *chat) []byte {
	if c.era < eraThird {
		return b
	}
	b = append(b, `"engagements":[`...)
	number := g.a.quirk(quirkEngagementNumber, c.index)
	for i := range c.engagements {
		e := &c.engagements[i]
		ag := &g.a.agents[e.agent]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = appendBase62(b, uint64(e.from), 7)
		b = appendBase62(b, c.seed>>uint(10+i), 8)
		b = append(b, `","agent_id":`...)
		if number {
			b = appendInt(b, ag.id)
		} else {
			b = append(appendInt(append(b, '"'), ag.id), '"')
		}
		b = append(b, `,"agent_name":"`...)
		b = append(b, ag.display...)
		b = append(b, `","agent_full_name":"`...)
		b = append(b, ag.first...)
		if ag.last != "" {
			b = append(b, ' ')
			b = append(b, ag.last...)
		}
		b = append(b, `","department_id":`...)
		if c.department < 0 {
			b = append(b, `null`...)
		} else {
			b = appendInt(b, g.a.departments[c.department].id)
		}
		b = append(b, `,"timestamp":`...)
		b = appendTime(b, e.from)
		b = append(b, `,"duration":`...)
		b = appendMicros(b, (e.to-e.from)*1000)
		b = append(b, `,"accepted":`...)
		b = appendBool(b, e.accepted)
		b = append(b, `,"assigned":`...)
		b = appendBool(b, e.assigned)
		b = append(b, `,"started_by":"`...)
		b = append(b, e.startedBy...)
		last := i == len(c.engagements)-1
		b = append(b, `","rating":`...)
		if last {
			b = appendRating(b, c.rating)
		} else {
			b = append(b, `null`...)
		}
		b = append(b, `,"comment":`...)
		if last {
			b = g.appendComment(b, c, c.comment)
		} else {
			b = append(b, `null`...)
		}
		b = append(b, `,"count":`...)
		b = appendCount(b, &e.figures, false)
		b = append(b, `,"response_time":`...)
		b = appendWaits(b, &e.figures)
		b = append(b, `,"skills_requested":[],"skills_fulfilled":true}`...)
	}
	return append(b, `],`...)
}

// appendConversionID appends the id of conversion k of a chat.
func (g *generator) appendConversionID(b []byte, c *chat, k int) []byte {
	b = append(b, '"')
	b = appendBase62(b, uint64(c.conversions[k].at), 7)
	b = appendBase62(b, uint64(c.index), 5)
	b = append(b, '.')
	b = strconv.AppendInt(b, int64(k), 10)
	return append(b, '"')
}

// appendConversion appends conversion k as it stands in its chat.
func (g *generator) appendConversion(b []byte, c *chat, k int) []byte {
	v := &c.conversions[k]
	b = append(b, `{"id":`...)
	b = g.appendConversionID(b, c, k)
	b = append(b, `,"goal_id":`...)
	b = appendInt(b, g.a.goalID(v.goal))
	b = append(b, `,"goal_name":"`...)
	b = append(b, goalNames[v.goal]...)
	b = append(b, `","timestamp":`...)
	b = appendTime(b, v.at)
	b = append(b, `,"attribution":{`...)
	b = g.appendAttributed(b, c)
	b = append(b, `,"agent_name":`...)
	if len(c.agents) == 0 {
		b = append(b, `null`...)
	} else {
		b = append(append(append(b, '"'), g.a.agents[c.agents[0]].display...), '"')
	}
	b = append(b, `,"department_name":`...)
	if c.department < 0 {
		b = append(b, `null`...)
	} else {
		b = append(append(append(b, '"'), g.a.departments[c.department].name...), '"')
	}
	return append(b, `}}`...)
}

// appendAttributed appends what both forms of an attribution have: agent, department and time of the chat.
func (g *generator) appendAttributed(b []byte, c *chat) []byte {
	b = append(b, `"agent_id":`...)
	if len(c.agents) == 0 {
		b = append(b, `null`...)
	} else {
		b = appendInt(b, g.a.agents[c.agents[0]].id)
	}
	b = append(b, `,"department_id":`...)
	if c.department < 0 {
		b = append(b, `null`...)
	} else {
		b = appendInt(b, g.a.departments[c.department].id)
	}
	b = append(b, `,"chat_timestamp":`...)
	return appendTime(b, c.figures.from)
}

// appendConversions appends the chat's last conversions.
func (g *generator) appendConversions(b []byte, c *chat) []byte {
	b = append(b, `"conversions":[`...)
	from := max(0, len(c.conversions)-maxConversions)
	for k := from; k < len(c.conversions); k++ {
		if k > from {
			b = append(b, ',')
		}
		b = g.appendConversion(b, c, k)
	}
	return append(b, `],`...)
}
