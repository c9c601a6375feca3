package rehearsal

import (
	"iter"
	"math/bits"
	"slices"

	"chatferry"
)

// State is what has become of a chat since the account was made up. The zero State: nothing.
type State struct {
	Made    int64 // of a chat numbered beyond the account's: when it was made, milliseconds
	Updated int64 // when it was last changed, milliseconds; 0: as it was made up
	Touches int   // how often it was changed; each time gives it another tag
	Deleted bool
	// Stamped writes update_timestamp whatever the era: the incremental export does, lists do not.
	Stamped bool
}

// Facts say what a chat is without putting it into words. Times are milliseconds.
type Facts struct {
	Made    int64
	From    int64 // its timestamp
	End     int64
	Updated int64
	Type    string
	Rating  string
	Agents  []string // display names of those who served it
	Email   string   // of the visitor, as this chat knows it
	Code    chatferry.Code
	Deleted bool
	// Conversions are the times of all conversions attributed to the chat. It is valid until the next call.
	Conversions []int64
}

// Reader gives records of an account by their number. It is for one goroutine, and what it gives is valid until it is
// asked again.
type Reader struct {
	g     *generator
	w     *watch
	times []int64
	text  []byte
}

// Reader makes a Reader. Attachments are said to be below the URL files; below an address that leads nowhere if files
// is empty.
func (a *Account) Reader(files string) *Reader {
	r := &Reader{g: a.generator()}
	r.g.files = files
	r.w = &watch{a: a, g: r.g, single: true}
	return r
}

// plan plans chat i; made is 0 for those of the account.
func (r *Reader) plan(i, made int64) *chat {
	if made == 0 {
		return r.g.plan(i)
	}
	c := r.g.planAt(i, int(made/day-r.g.a.calendar.firstDay), made)
	// What comes to light is not deleted yet. Its conversions would be visible long after the time they bear, which those
	// of no export are.
	c.deleted = false
	c.conversions = c.conversions[:0]
	c.events = slices.DeleteFunc(c.events, func(e event) bool { return e.kind == eventConversion })
	return c
}

// Facts looks at chat i; made is 0 for those of the account.
func (r *Reader) Facts(i, made int64) Facts {
	c := r.plan(i, made)
	f := Facts{Made: c.made, From: c.figures.from, End: c.end, Updated: c.updated, Type: c.typeName(), Deleted: c.deleted}
	f.Code = badCodes[r.g.a.badKindOf(i)]
	r.times = r.times[:0]
	for k := range c.conversions {
		r.times = append(r.times, c.conversions[k].at)
	}
	f.Conversions = r.times
	return f
}

// Search looks at chat i more closely than Facts does, for what people look for.
func (r *Reader) Search(i, made int64) Facts {
	f := r.Facts(i, made)
	c := &r.g.c
	f.Rating = [...]string{"", "good", "bad"}[c.rating]
	for _, ag := range c.agents {
		f.Agents = append(f.Agents, r.g.a.agents[ag].display)
	}
	if c.known && c.widget() && !r.g.a.quirk(quirkEmailNull, i) {
		f.Email = string(appendEmail(nil, &c.visitor))
	}
	return f
}

// Latest returns when chat i, which is to be changed last at a time, may have been made: before its end, that is.
func (r *Reader) Latest(i, updated int64) (made int64) {
	for back := 10 * minute; ; back *= 2 {
		made = updated - back
		if c := r.plan(i, made); c.updated <= updated {
			return made
		}
	}
}

// Chat writes chat i in a State.
func (r *Reader) Chat(i int64, s State) Record {
	c := r.plan(i, s.Made)
	c.stamped = s.Stamped
	c.touch(s.Touches)
	if s.Updated != 0 {
		c.updated = s.Updated
	}
	c.deleted = c.deleted || s.Deleted
	return r.g.record(c)
}

// Preview returns how chat i begins, as the inside of a JSON string.
func (r *Reader) Preview(i, made int64) []byte {
	c := r.plan(i, made)
	r.text = r.text[:0]
	if c.offline {
		r.text = r.g.a.say(r.text, c.seed, c.visitor.locale.lang, roleOffline, c.visitor.first.native, "")
		return r.text
	}
	for k := range c.events {
		if e := &c.events[k]; e.kind == eventMessage && e.who == whoVisitor {
			r.text = r.g.appendMessage(r.text, c, e)
			break
		}
	}
	return r.text
}

// Conversion writes conversion k of chat i.
func (r *Reader) Conversion(i int64, k int) Record { return r.g.conversion(r.g.plan(i), k) }

// AppendChatID appends the id of chat i; made is 0 for those of the account.
func (a *Account) AppendChatID(b []byte, i, made int64) []byte {
	if made == 0 {
		made = a.calendar.made(i, a.calendar.dayOf(i))
	}
	return a.appendChatID(b, i, made)
}

// ChatNumber returns which chat an id is of. For numbers from Options.Chats on the caller has to compare the id, since
// the account does not know when they were made.
func (a *Account) ChatNumber(id string) (int64, bool) {
	i, ok := a.number(id, 1, 0)
	if !ok || i < a.o.Chats && string(a.AppendChatID(nil, i, 0)) != id {
		return 0, false
	}
	return i, true
}

// VisitorNumber returns which visitor an id may be of: the number of the visitor's first chat. The caller has to compare
// the id with that of the visitor.
func (a *Account) VisitorNumber(id string) (int64, bool) {
	i, ok := a.number(id, 4, 1)
	if !ok {
		for _, c := range []byte(id) {
			if c < '0' || c > '9' || i > 1<<40 {
				return 0, false
			}
			i = i*10 + int64(c-'0')
		}
		i -= 10_000_000
	}
	return i, i >= 0 && (i >= a.o.Chats || a.visitorOf(i) == i)
}

// tailInverse times the factor of appendSuffix is 1 more than a multiple of tailSpace.
const tailInverse = 49_754_767_363

// number undoes appendSuffix, whose digits stand before the last ones of an id.
func (a *Account) number(id string, kind uint64, after int) (int64, bool) {
	to := len(id) - after
	if to < 14 || id[to-13-1:to-13] != "." {
		return 0, false
	}
	tail, ok := parseBase62(id[to-6 : to])
	if !ok {
		return 0, false
	}
	hi, lo := bits.Mul64((tail+tailSpace-a.hash(domAccount, int64(kind))%tailSpace)%tailSpace, tailInverse)
	return int64(bits.Rem64(hi, lo, tailSpace)), true
}

// Visitor writes a visitor, by number; made is when a chat beyond those of the account was made. It writes what the
// account has, even of the visitor that is broken.
func (r *Reader) Visitor(number, made int64) Record {
	a := r.g.a
	if made == 0 {
		made = a.calendar.made(number, a.calendar.dayOf(number))
	}
	var v visitor
	a.visitor(&v, number, made)
	r.g.buf = a.appendVisitorID(r.g.buf[:0], &v)
	id := len(r.g.buf)
	r.g.buf = a.appendVisitorRecord(r.g.buf, &v)
	return Record{ID: r.g.buf[:id:id], Raw: r.g.buf[id:], Time: v.created}
}

// IsVisitor reports whether chat i is the first of its visitor, whose number it is.
func (a *Account) IsVisitor(i int64) bool { return a.visitorOf(i) == i }

// Days returns the days, counted from the account's first, of which the account kept what agents and departments did.
func (a *Account) Days() (from, to int) { return a.firstKept, a.calendar.days() }

// DayOf returns the day of a time in milliseconds, which may lie before the first day or behind the last.
func (a *Account) DayOf(ms int64) int {
	d := ms / day
	if ms%day < 0 {
		d--
	}
	return int(d - a.calendar.firstDay)
}

// Day writes what happened on a day in agent_timeline, agent_events or department_events. What began late on the day
// may bear a time of the next. Intervals that have not ended at now, in microseconds, last until now; with now = 0 they
// are as the account made them up.
func (r *Reader) Day(s chatferry.Stream, d int, now int64) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		r.w.now = now
		r.w.day(d)
		r.w.change()
		switch s {
		case chatferry.AgentTimeline:
			r.w.timeline(yield)
		case chatferry.AgentEvents:
			r.w.events(yield)
		case chatferry.DepartmentEvents:
			r.w.departmentEvents(yield)
		}
	}
}
