package rehearsal

// quirk is something that real exports do and that no documentation prepares one for.
type quirk int

// The quirks.
const (
	quirkSessionDate quirk = iota
	quirkWebpathArray
	quirkMessageIDNumber
	quirkMessageIDAbsent
	quirkUnreadNumber
	quirkEmailNull
	quirkCommentAlone
	quirkHistoryType
	quirkLoneSurrogate
	quirkNUL
	quirkNumberForm
	quirkUnknownField
	quirkEscaped
	quirkManyConversions
	quirkDeleted
	quirkVisitorNumber
	quirkInjected
	quirkSessionNull
	quirkValueText
	quirkEngagementNumber
	quirks
)

// quirkRates says how often each quirk occurs, and among what.
var quirkRates = [quirks]struct {
	name string
	of   string
	rate float64
}{
	quirkSessionDate:      {"session dates that end in +00:00Z", "offline messages of the first era", 0.6},
	quirkWebpathArray:     {"webpath elements that are arrays", "chats", 0.02},
	quirkMessageIDNumber:  {"msg_id as a number", "chats", 0.25},
	quirkMessageIDAbsent:  {"msg_id absent", "chats", 0.1},
	quirkUnreadNumber:     {"unread as 0 or 1", "chats", 0.05},
	quirkEmailNull:        {"visitor e-mail null", "chats", 0.05},
	quirkCommentAlone:     {"comment without rating", "chats", 0.01},
	quirkHistoryType:      {"history type never seen before", "chats", 0.01},
	quirkLoneSurrogate:    {"lone surrogate in a message", "chats", 0.003},
	quirkNUL:              {"NUL in a message", "chats", 0.002},
	quirkNumberForm:       {"numbers written as 5.0 or 1e3", "chats", 0.01},
	quirkUnknownField:     {"fields that nobody documented", "chats", 0.02},
	quirkEscaped:          {"spaces and \\u escapes, as Python writes JSON", "chats", 0.05},
	quirkManyConversions:  {"more conversions than a chat shows", "chats", 0.002},
	quirkDeleted:          {"deleted: true", "chats since the second era", 0.004},
	quirkVisitorNumber:    {"visitor id as a number", "visitors", 0.01},
	quirkInjected:         {"injected by the API, with made-up session and time", "offline messages", 0.02},
	quirkSessionNull:      {"session fields null", "chats", 0.01},
	quirkValueText:        {"engagements counted in strings", "agent events", 0.1},
	quirkEngagementNumber: {"agent_id of engagements as a number", "chats since the third era", 0.05},
}

// quirk reports whether item i has the quirk. Each draws numbers of its own.
func (a *Account) quirk(q quirk, i int64) bool {
	return a.share(domQuirk+domain(q), i, quirkRates[q].rate)
}

// maxConversions is how many conversions a chat shows, its last ones.
const maxConversions = 20

// era is a time whose exports have fields that earlier ones lack.
type era int

const (
	eraFirst  era = iota
	eraSecond     // brings update_timestamp, nick, dropped, deleted, proactive
	eraThird      // brings engagements, abandon_time, skills, and agent_id and sender_type in the history
)

// eraOf divides the account's time into three.
func (a *Account) eraOf(at int64) era {
	length := int64(a.calendar.days()) * day
	switch passed := at - a.calendar.dayStart(0); {
	case passed < length*28/100:
		return eraFirst
	case passed < length*58/100:
		return eraSecond
	default:
		return eraThird
	}
}
