package doctor

import (
	"time"

	"chatferry"
)

// Facts are what was seen of an account, or of a dump, and of what the upgrade makes of it.
type Facts struct {
	From, To, Upgraded string // as they are shown
	Dump               bool
	Now                time.Time

	Root  Fact[string]        // where the API answers
	Clock Fact[time.Duration] // by how much this machine's clock is ahead of the server's
	Me    Fact[Agent]         // whose token it is

	Account     Fact[Account]
	Agents      Fact[[]Agent]
	Roles       Fact[[]Role]
	Departments Fact[[]Department]
	Clients     Fact[[]Client]
	// Setup are the Streams that describe how the account is set up.
	Setup map[chatferry.Stream]Fact[Snapshot]
	// Exports are the Streams that grow: whether the account gives them.
	Exports map[chatferry.Stream]Fact[bool]

	Sample Fact[Sample]
	Counts Fact[Counts]
	Months Fact[[]Month]
	Stored Fact[int64] // bytes of the dump

	Users   Fact[[]User]
	Groups  Fact[[]string]
	Apps    Fact[[]App]
	Owner   Fact[string] // e-mail address of the Support owner
	Billing Fact[Billing]

	Target Fact[Target]
	Space  Fact[Space]

	PerMinute float64            // requests that chatferry makes
	Accepted  []chatferry.Stream // may be missing or forbidden
}

// Snapshot is a Stream of the configuration as it is now.
type Snapshot struct {
	Records int64
	Digest  string // of all records, whatever their order
}

// Counts are how many chats a search finds.
type Counts struct{ Chats, Offline, Good, Bad int64 }

// Month is what was found of one month, by the chats' own time.
type Month struct {
	Month   string `json:"month"`
	Chats   int64  `json:"chats"`
	Offline int64  `json:"offline_msgs"`
	Good    int64  `json:"rated_good"`
	Bad     int64  `json:"rated_bad"`
}

// searchCap is how many results a search shows; a count of so many may be that cap.
const searchCap = 10_000

// Target is the place that the dataset is to be written to.
type Target struct {
	Held    bool  // a live run works on it
	Refused error // what it cannot do
}

// Space is what is free where files are built.
type Space struct {
	Folder      string
	Free, Total int64
	InBucket    bool // the dataset itself lies elsewhere
}
