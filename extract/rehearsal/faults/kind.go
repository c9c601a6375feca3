package faults

// Kind is one way in which an answer goes wrong. Its text is its name in rules.
type Kind string

// The Kinds.
const (
	Status429Seconds  Kind = "429-seconds"
	Status429Date     Kind = "429-date"
	Status429Bare     Kind = "429-bare"
	Status429Day      Kind = "429-day"
	Status429Negative Kind = "429-negative"
	Status429Garbage  Kind = "429-garbage"
	Status500         Kind = "500"
	Status502         Kind = "502"
	Status503         Kind = "503"
	Status504         Kind = "504"
	Status401         Kind = "401"
	Status401Once     Kind = "401-once"
	Status403         Kind = "403"
	Status404         Kind = "404"
	LoginPage         Kind = "login-page"
	Redirect          Kind = "redirect"

	ResetHeaders Kind = "reset-headers"
	ResetBody    Kind = "reset-body"
	LengthLong   Kind = "length-long"
	LengthShort  Kind = "length-short"
	HTTP10Cut    Kind = "http10-cut"
	GzipCut      Kind = "gzip-cut"
	Slow         Kind = "slow"
	StallHeaders Kind = "stall-headers"
	StallBody    Kind = "stall-body"
	JSONCut      Kind = "json-cut"
	JSONGarbage  Kind = "json-garbage"

	PageRepeated  Kind = "page-repeated"
	PageEmpty     Kind = "page-empty"
	PageLarger    Kind = "page-larger"
	PageSmaller   Kind = "page-smaller"
	RecordMoved   Kind = "record-moved"
	RecordTwice   Kind = "record-twice"
	BulkMissing   Kind = "bulk-missing"
	CountWrong    Kind = "count-wrong"
	NextNull      Kind = "next-null"
	NextEmpty     Kind = "next-empty"
	NextAbsent    Kind = "next-absent"
	NextUnchanged Kind = "next-unchanged"
	FieldUnknown  Kind = "field-unknown"
	FieldRetyped  Kind = "field-retyped"
	ClockAhead    Kind = "clock-ahead"
	ClockBehind   Kind = "clock-behind"
)

// End is what a client that does the right thing comes to.
type End string

// The Ends.
const (
	// Same: the same dataset, byte for byte as far as the records go.
	Same End = "the same dataset"
	// SameFields: the same records, one of them with a member more or of another type, as it was served.
	SameFields End = "the same records, but the one as it was served"
	// Later: as Same where the client waits long enough; else exit 6, and Same after resume.
	Later End = "exit 6, resumable, unless it waits that long"
	// Authorise: exit 3, and Same after resume with a token that is valid. With a pair of tokens: Same.
	Authorise End = "exit 3, resumable with a new token; the same dataset with a refresh token"
	// Unavailable: exit 4, and the Stream is told to be missing or forbidden, never empty. For good on all pages; on a
	// single one, Same after resume.
	Unavailable End = "exit 4, the stream named"
	// Counted: Same where the API gives a second means to know: an end beside the link, or a count. On a list without
	// either it cannot be told from the end.
	Counted End = "the same dataset where the end or the count of records tells; a list that is read alone ends early"
	// Ahead: Same if a refusal of times that are too new is taken for the head of the stream.
	Ahead End = "the same dataset, if a refused start_time counts as the head of the stream"
)

// Info describes a Kind.
type Info struct {
	Kind Kind
	What string
	Ends End
	// Standing Kinds go on for good when a rule does not say how often; the others hit one answer in twenty.
	Standing bool
}

// Kinds lists every Kind.
func Kinds() []Info {
	infos := make([]Info, len(specs))
	for i := range specs {
		infos[i] = specs[i].Info
	}
	return infos
}

// stage is when in the making of an answer a Kind takes effect. Of the stages status, whole and sending only one does.
type stage int

const (
	stageClock stage = iota
	stageStatus
	stageWhole // another page
	stagePage
	stageBody
	stageSending
)

// spec is a Kind and how it spoils an answer.
type spec struct {
	Info
	stage stage
	// spoil reports false when there is nothing here that this Kind could spoil.
	spoil func(*turn) bool
}

func specOf(k Kind) *spec {
	for i := range specs {
		if specs[i].Kind == k {
			return &specs[i]
		}
	}
	return nil
}

// specs is the one table of what can go wrong.
var specs = []spec{
	{Info{Status429Seconds, "429 with Retry-After in seconds", Same, false}, stageStatus, tooMany(retrySeconds)},
	{Info{Status429Date, "429 with Retry-After as a date of the server's clock", Same, false}, stageStatus, tooMany(retryDate)},
	{Info{Status429Bare, "429 without Retry-After", Same, false}, stageStatus, tooMany(retryBare)},
	{Info{Status429Day, "429 with a Retry-After of a day", Later, false}, stageStatus, tooMany(retryDay)},
	{Info{Status429Negative, "429 with a negative Retry-After", Same, false}, stageStatus, tooMany(retryNegative)},
	{Info{Status429Garbage, "429 with a Retry-After that is neither a number nor a date", Same, false}, stageStatus, tooMany(retryGarbage)},
	{Info{Status500, "500 without a body", Same, false}, stageStatus, status(500, "text/plain", "")},
	{Info{Status502, "502 with a page of a proxy", Same, false}, stageStatus, status(502, "text/html", proxyPage)},
	{Info{Status503, "503 with JSON", Same, false}, stageStatus, status(503, "application/json", unavailableJSON)},
	{Info{Status504, "504 with a page of a proxy", Same, false}, stageStatus, status(504, "text/html", proxyPage)},
	{Info{Status401, "401 from then on, for the token that was given", Authorise, true}, stageStatus, revoke},
	{Info{Status401Once, "401 once", Authorise, true}, stageStatus, status(401, "application/json", unauthorisedJSON)},
	{Info{Status403, "403", Unavailable, true}, stageStatus, status(403, "application/json", forbiddenJSON)},
	{Info{Status404, "404", Unavailable, true}, stageStatus, status(404, "application/json", missingJSON)},
	{Info{LoginPage, "200 with the HTML page of a login", Same, false}, stageStatus, status(200, "text/html; charset=utf-8", loginPage)},
	{Info{Redirect, "302 to a login page on another host", Same, false}, stageStatus, redirect},

	{Info{ResetHeaders, "the connection is reset before the answer", Same, false}, stageSending, resetHeaders},
	{Info{ResetBody, "the connection is reset in the body", Same, false}, stageSending, resetBody},
	{Info{LengthLong, "Content-Length says more than comes", Same, false}, stageSending, lengthLong},
	{Info{LengthShort, "Content-Length says less than comes", Same, false}, stageSending, lengthShort},
	{Info{HTTP10Cut, "HTTP/1.0 without a length, cut in the body", Same, false}, stageSending, http10Cut},
	{Info{GzipCut, "a compressed body that is cut, in a whole answer", Same, false}, stageSending, gzipCut},
	{Info{Slow, "one byte a second for a while", Same, false}, stageSending, slow},
	{Info{StallHeaders, "no answer, until the client gives up", Same, false}, stageSending, stallHeaders},
	{Info{StallBody, "half a body and then nothing, until the client gives up", Same, false}, stageSending, stallBody},
	{Info{JSONCut, "JSON that is cut, in a whole answer", Same, false}, stageBody, jsonCut},
	{Info{JSONGarbage, "JSON with something behind it", Same, false}, stageBody, jsonGarbage},

	{Info{PageRepeated, "the page before, once more", Same, false}, stageWhole, pageRepeated},
	{Info{PageEmpty, "an empty page that leads on", Same, false}, stageWhole, pageEmpty},
	{Info{PageLarger, "more records than were asked for", Same, false}, stageWhole, pageLarger},
	{Info{PageSmaller, "fewer records than there are", Same, false}, stageWhole, pageSmaller},
	{Info{RecordMoved, "a record is missing since it was changed, and comes later", Same, false}, stagePage, recordMoved},
	{Info{RecordTwice, "a record stands twice in a page", Same, false}, stagePage, recordTwice},
	{Info{BulkMissing, "chats that were asked for by id are missing", Same, false}, stagePage, bulkMissing},
	{Info{CountWrong, "count is not that of the records", Same, false}, stagePage, countWrong},
	{Info{NextNull, "the link to the next page is null", Counted, false}, stagePage, nextIs("null")},
	{Info{NextEmpty, "the link to the next page is empty", Counted, false}, stagePage, nextIs(`""`)},
	{Info{NextAbsent, "there is no link to the next page", Counted, false}, stagePage, nextAbsent},
	{Info{NextUnchanged, "the link to the next page leads to this one", Same, false}, stagePage, nextUnchanged},
	{Info{FieldUnknown, "a record has a member that nobody knows", SameFields, false}, stagePage, fieldUnknown},
	{Info{FieldRetyped, "a member of a record has another type", SameFields, false}, stagePage, fieldRetyped},
	{Info{ClockAhead, "Date is two hours ahead", Ahead, true}, stageClock, clock(+clockOff)},
	{Info{ClockBehind, "Date is two hours behind", Same, true}, stageClock, clock(-clockOff)},
}
