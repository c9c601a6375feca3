package chatapi

import (
	"strings"
	"time"

	"chatferry"
)

// Options say how the server behaves. The zero value is a quiet server of a stand-alone account without a rate limit.
type Options struct {
	Kind Kind

	Token  string // the bearer token that is valid at first; "" is "rehearsal"
	Scopes string // of the tokens; "" is "read". Without read among them every read is forbidden.
	// TokenTTL is how long an access token is valid after it was given, the first one included; 0: for ever.
	TokenTTL time.Duration
	// RefreshToken is the first refresh token; "": there is none. Each refresh destroys the pair it is made with and gives
	// a new one, at the moment it answers.
	RefreshToken string
	ClientID     string // "" accepts any client
	ClientSecret string // "" accepts any secret
	// Confidential lets the client have tokens by client_credentials.
	Confidential bool

	Rate        int  // requests a minute for the account; 0: no limit
	Burst       int  // requests that may come at once; 0: as many as Rate
	PerEndpoint bool // each endpoint has a limit of its own
	RetryAfter  RetryAfter

	// Now is the server's clock, by which everything happens; nil is time.Now.
	Now    func() time.Time
	Change Changes
	Quirks Quirks
	// Files is the URL below which records say that attachments are: that of this server's /attachments/. "": they are at
	// an address that leads nowhere.
	Files string
	// Support serves users, groups and apps of the Support account that goes with the account, below /api/v2.
	Support bool
}

// RetryAfter is how a refused request is told when to come back.
type RetryAfter int

// The forms of Retry-After.
const (
	RetryAfterSeconds RetryAfter = iota
	RetryAfterDate
	RetryAfterAbsent
)

// Changes say what happens to the chats while they are read. It depends on the account, the seed, and when by the
// server's clock it was made; not on who asks when.
type Changes struct {
	Seed    uint64
	Touches float64 // an hour: chats that are tagged
	Inserts float64 // an hour: chats that come to light
	Deletes float64 // an hour
	Storms  []Storm

	// Late is how long after the update time that it bears a change may become visible; 0: at once. Until then the export
	// serves the version before.
	Late time.Duration
	// Neither hides the version before as well, until the new one is visible.
	Neither bool
	// Open lets agents' intervals that have not ended last until the server's now, so that they are served longer later.
	// Otherwise they end when the account does.
	Open bool
}

// Storm gives many chats one update second, as a bulk edit does.
type Storm struct {
	Chats int           // 0 is 2,500
	After time.Duration // since the server was made; may be negative, to be there from the start
}

const stormChats = 2500

// NextPage is the form of next_page and next_url.
type NextPage int

// The forms of a link.
const (
	NextPageAbsolute  NextPage = iota // on the host that was asked
	NextPageRelative                  // a path
	NextPageOtherHost                 // on Quirks.OtherHost
)

// EndNextURL is how the last page of a list says that there is no other.
type EndNextURL int

// The encodings of the end.
const (
	EndNextURLNull EndNextURL = iota
	EndNextURLEmpty
	EndNextURLAbsent
)

// Quirks are ways in which servers of this API were seen to differ.
type Quirks struct {
	DropStartID      bool // start_id is ignored: a page that shares one second is served for ever
	IgnoreSinceID    bool // since_id is ignored: lists never come to an end
	AccountForbidden bool // 403 on /account, as for some integrated accounts; always so in phase 3
	NoTimeline       bool // 404 on incremental/agent_timeline
	NoIncremental    bool // 404 on incremental/chats
	Limited          int  // 403 or 404 on incremental/agent_events, which not every account has; 0: it is there
	// BasicAllowed accepts an agent's e-mail address with any password, on accounts that are chat only.
	BasicAllowed bool
	NoZopim      bool // 404 below /api/v2
	NoSubdomain  bool // 404 below /api/v2/chat

	NextPage   NextPage
	OtherHost  string // scheme and host; "" is https://elsewhere.example.com
	EndNextURL EndNextURL

	PageCap     int  // no page of an export holds more, whatever limit says; 0: 1,000
	LimitError  bool // a limit above 1,000 is an error instead of 1,000
	MissingNull bool // bulk answers name missing chats, with null
	Broken      bool // records without a usable id, with keys twice or nested too deep are served as well
}

func (o *Options) defaults() error {
	if o.Token == "" {
		o.Token = "rehearsal"
	}
	if o.Scopes == "" {
		o.Scopes = "read"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Files != "" && !strings.HasSuffix(o.Files, "/") {
		o.Files += "/"
	}
	if o.Burst == 0 {
		o.Burst = o.Rate
	}
	if o.Quirks.OtherHost == "" {
		o.Quirks.OtherHost = "https://elsewhere.example.com"
	}
	if o.Quirks.PageCap == 0 {
		o.Quirks.PageCap = exportLimit
	}
	c := &o.Change
	switch {
	case o.Rate < 0 || o.Burst < 0 || o.TokenTTL < 0 || c.Late < 0 || c.Touches < 0 || c.Inserts < 0 || c.Deletes < 0:
		return usage("give rates and durations that are not negative", "a rate or duration of the rehearsal server is negative")
	case o.Quirks.PageCap < 0:
		return usage("give a page cap of 1 to 1000", "the page cap of the rehearsal server is negative")
	case o.Quirks.Limited != 0 && o.Quirks.Limited != 403 && o.Quirks.Limited != 404:
		return usage("use 403 or 404", "status %d for the limited endpoint of the rehearsal server", o.Quirks.Limited)
	case o.Kind < LegacyChatOnly || o.Kind > Phase4:
		return usage(kindHint, "account kind %d", int(o.Kind))
	}
	return nil
}

func usage(hint, format string, args ...any) error {
	return chatferry.Errorf(chatferry.KindUsage, hint, format, args...)
}
