package transform

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// Conversations of Zendesk Message (social networks) are not carried over. No field of a chat is documented to mark
// them, so a chat is excluded on evidence alone: a member that names its channel, a type that names one, or a ticket that
// is linked with it and came through one (Tickets). Chats that only look like it are kept, with the reasons in the column
// message_suspect, unless Options.Suspects says otherwise.

// DefaultSocialChannels are the channels whose conversations are excluded. A star stands for any ending.
func DefaultSocialChannels() []string {
	return []string{
		"facebook*", "messenger", "twitter*", "line", "line_*", "wechat*", "whatsapp*", "instagram*", "telegram*", "viber*",
		"native_messaging", "any_channel*", "sunshine_conversations*", "social_messaging", "apple_business_chat",
	}
}

// networkWords are looked for in tags and in the words of notes. "line" is not among them: it is an English word.
var networkWords = []string{"facebook", "twitter", "wechat", "whatsapp", "instagram", "telegram", "viber"}

// evidenceRef is the value of a member that may name the chat's channel.
type evidenceRef struct {
	name string
	raw  []byte
}

// chatFlags is what is noticed about a chat while its history is read.
type chatFlags struct {
	historyType    bool // an entry of a type that is not known
	historyChannel bool // an entry of a room that is not a support chat
}

// history looks at the history entry in the open row. typ and channel are the indexes of its columns.
func (f *chatFlags) history(b *builder, typ, channel int) {
	if c := &b.cols[typ]; c.isSet(b.n) && !knownHistoryType(c.text(b.n)) {
		f.historyType = true
	}
	if c := &b.cols[channel]; c.isSet(b.n) && !bytes.HasPrefix(c.text(b.n), []byte("#supportchat:")) {
		f.historyChannel = true
	}
}

func knownHistoryType(t []byte) bool {
	switch string(t) {
	case "chat.msg", "chat.memberjoin", "chat.memberleave", "chat.tag", "chat.rating", "chat.comment",
		"chat.request.rating", "chat.queue_position", "chat.wait_queue", "chat.file", "chat.transfer",
		"chat.department", "chat.skills", "chat.conversion", "chat.triggered":
		return true
	}
	return false
}

// channels is the deny list.
type channels []string

// match returns the entry of the list that a channel's name fits, without its star, or "".
func (l channels) match(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '.' {
			return '_'
		}
		return r
	}, strings.ToLower(name))
	for _, p := range l {
		p = strings.ToLower(p)
		if base, open := strings.CutSuffix(p, "*"); open && base != "" && strings.HasPrefix(name, base) || p == name {
			return strings.TrimRight(base, "_")
		}
	}
	return ""
}

// excluded returns the channel on whose evidence the open chat is excluded, or "".
func (d *decoder) excluded(deny channels, typ string) string {
	for _, e := range d.evidence {
		if e.raw[0] != '"' && e.raw[0] != '{' {
			continue
		}
		for _, name := range channelNames(e.raw) {
			if c := deny.match(name); c != "" {
				return c
			}
		}
	}
	if typ != "" && typ != "chat" && typ != "offline_msg" {
		return deny.match(typ)
	}
	return ""
}

// channelNames returns a string's text, or those of an object's members channel, type and name.
func channelNames(raw []byte) []string {
	d := newDecoder(raw)
	if raw[0] == '"' {
		var text []byte
		d.appendString(&text, 1)
		return []string{string(text)}
	}
	var names []string
	i := space(raw, 1)
	for i < len(raw) && raw[i] == '"' {
		name, _, value := d.name(i)
		end := d.skip(value, 0)
		if raw[value] == '"' && slices.Contains([]string{"channel", "type", "name"}, string(name)) {
			var text []byte
			d.appendString(&text, value+1)
			names = append(names, string(text))
		}
		if i = space(raw, end); raw[i] == ',' {
			i = space(raw, i+1)
		}
	}
	return names
}

// The reasons of message_suspect.
const (
	suspectType    = "unknown_type"
	suspectSession = "no_session"
	suspectHistory = "unknown_history_type"
	suspectChannel = "foreign_history_channel"
	suspectNetwork = "network_named"
	suspectTickets = "tickets_disagree" // one came through a social network, and another one did not
)

// suspectColumns are the indexes of the columns of chats that the rules look at.
type suspectColumns struct {
	typ, webpathLen, userAgent, ip, browser, visitorName, visitorEmail, notes, tags, ticket int
}

func suspectColumnsIn(l *layout) suspectColumns {
	return suspectColumns{
		typ: l.column("type"), webpathLen: l.column("webpath_len"), userAgent: l.column("session_user_agent"),
		ip: l.column("session_ip"), browser: l.column("session_browser"), visitorName: l.column("visitor_name"),
		visitorEmail: l.column("visitor_email"), notes: l.column("visitor_notes"), tags: l.column("tags"),
		ticket: l.column("zendesk_ticket_id"),
	}
}

// suspect returns the reasons to suspect that the open chat came from a social network: a type that is not known, or at
// least two of the weaker signs, or tickets that contradict each other.
func (d *decoder) suspect(t *builder, at *suspectColumns, contested bool) string {
	blank := func(col int) bool { return len(t.cols[col].text(t.n)) == 0 }
	reasons := make([]string, 0, 8)
	if typ := string(t.cols[at.typ].text(t.n)); typ != "" && typ != "chat" && typ != "offline_msg" {
		reasons = append(reasons, suspectType)
	}
	if contested {
		reasons = append(reasons, suspectTickets)
	}
	weak := len(reasons)
	webpath := &t.cols[at.webpathLen]
	if blank(at.userAgent) && blank(at.ip) && blank(at.browser) && (!webpath.isSet(t.n) || webpath.i32[t.n] == 0) &&
		!blank(at.visitorName) && blank(at.visitorEmail) {
		reasons = append(reasons, suspectSession)
	}
	if d.flags.historyType {
		reasons = append(reasons, suspectHistory)
	}
	if d.flags.historyChannel {
		reasons = append(reasons, suspectChannel)
	}
	if len(reasons) > 0 && namesNetwork(t, at) {
		reasons = append(reasons, suspectNetwork)
	}
	if weak == 0 && len(reasons) < 2 {
		return ""
	}
	return strings.Join(reasons, ",")
}

// maxNotes is how far into a visitor's notes the name of a network is looked for.
const maxNotes = 16 << 10

func namesNetwork(t *builder, at *suspectColumns) bool {
	if tags, elems := &t.cols[at.tags], t.cols[at.tags].elem; tags.isSet(t.n) {
		for e := int(tags.i32[t.n]); e < elems.n; e++ {
			if isNetwork(elems.text(e)) {
				return true
			}
		}
	}
	notes := t.cols[at.notes].text(t.n)
	notes = notes[:min(len(notes), maxNotes)]
	for len(notes) > 0 {
		end := 0
		for end < len(notes) && isWordByte(notes[end]) {
			end++
		}
		if isNetwork(notes[:end]) {
			return true
		}
		notes = notes[min(end+1, len(notes)):]
	}
	return false
}

func isNetwork(word []byte) bool {
	for _, w := range networkWords {
		if len(word) == len(w) && strings.EqualFold(string(word), w) {
			return true
		}
	}
	return false
}

func isWordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// createdAt decodes the time at which a chat was created from its id: the first seven of the 13 characters behind the
// second point are milliseconds since 1970 in base 62.
func createdAt(id []byte) (micros int64, ok bool) {
	const suffixLen, timeLen = 13, 7
	suffix := id[bytes.LastIndexByte(id, '.')+1:]
	if len(suffix) != suffixLen || bytes.Count(id, []byte(".")) != 2 {
		return 0, false
	}
	ms := int64(0)
	for i, c := range suffix {
		var v int64
		switch {
		case c >= '0' && c <= '9':
			v = int64(c - '0')
		case c >= 'A' && c <= 'Z':
			v = int64(c-'A') + 10
		case c >= 'a' && c <= 'z':
			v = int64(c-'a') + 36
		default:
			return 0, false
		}
		if i < timeLen {
			ms = ms*62 + v
		}
	}
	return ms * 1000, true
}

// CreatedAt decodes the time at which a chat was created from its id.
func CreatedAt(id string) (t time.Time, ok bool) {
	micros, ok := createdAt([]byte(id))
	return time.UnixMicro(micros).UTC(), ok
}

// excludedReason is how an exclusion stands in the ledger and the books.
func excludedReason(channel string) string { return "message:" + channel }

// ticketReason is the same on the evidence of a ticket, and suspectReason on mere suspicion.
func ticketReason(channel string) string { return "message_ticket:" + channel }

func suspectReason(reasons string) string { return "message_suspect:" + reasons }
