package rehearsal

import (
	"time"
)

// Options say what account to make. The zero value of each field but Seed and Chats means its default.
type Options struct {
	Seed  uint64
	Chats int64 // records of the Stream chats, before Duplicates

	From, To time.Time // the account's life; 2017-04-03 to 2022-03-01

	// Bad is the share of chats that are broken: 0.001. With 500 chats or more every kind occurs at least once.
	// Negative: no broken record in any Stream.
	Bad float64
	// Message is the share of chats that are Zendesk Message conversations, up to the end of Message on 1 November
	// 2021: 0.01. Negative: none.
	Message float64
	// Duplicates is the share of chats that occur again later, changed and with a greater update_timestamp: 0.
	Duplicates float64
	// Upgraded gives agents and departments the ids that they have in the upgraded account; all else is the same.
	Upgraded bool
	// Agents and Shortcuts are how many there are at least: 25 and 6. The agents beyond those never come to work.
	Agents, Shortcuts int
	// Big is how many chats have a history of BigBytes: 0, and 3 MiB.
	Big      int
	BigBytes int
	// Cases are what an upgrade of the account meets: none.
	Cases []Case
}

func (o *Options) messageRate() float64 { return max(0, o.Message) }

func (o *Options) defaults() {
	if o.From.IsZero() {
		o.From = time.Date(2017, 4, 3, 0, 0, 0, 0, time.UTC)
	}
	if o.To.IsZero() {
		o.To = time.Date(2022, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Bad == 0 {
		o.Bad = 0.001
	}
	if o.Message == 0 {
		o.Message = 0.01
	}
	if o.BigBytes == 0 {
		o.BigBytes = 3 << 20
	}
}

const (
	suspectRate   = 0.004
	bytesPerEvent = 300 // of a history, about
	leastDays     = 14
)

// networks are the media of Message conversations.
var networks = []string{"facebook", "twitter", "whatsapp", "line", "wechat"}

// Account is a legacy account. Its methods may be called by several goroutines at once.
type Account struct {
	// Number is the account number, which is part of every chat's id.
	Number int64

	o          Options
	seed       uint64
	calendar   *calendar
	messageEnd int64
	firstKept  int // day from which on presence and analytics are kept

	corpora           []corpus
	locales           []locale
	localeSums        []int
	browsers          []browser
	browserSums       []int
	agents            []agent
	departments       []department
	departmentSums    []int
	roles             []staffRole
	skillIDs, goalIDs []int64
	bad               map[int64]badKind
	randomBad         float64
	bigs              map[int64]bool
	lags              [3]int64
}

// New makes an account.
func New(o Options) *Account {
	o.defaults()
	o.Chats = max(0, o.Chats)
	if o.To.Sub(o.From) < leastDays*24*time.Hour {
		o.To = o.From.Add(leastDays * 24 * time.Hour)
	}
	a := &Account{o: o, seed: mix(o.Seed + 1), corpora: escapedCorpora(), locales: locales(), browsers: browsers()}
	r := a.rng(domAccount, 0)
	a.Number = int64(2_000_000 + r.intn(8_000_000))
	a.calendar = newCalendar(a, o.From, o.To, o.Chats)
	a.messageEnd = time.Date(2021, 11, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	for _, l := range a.locales {
		a.localeSums = append(a.localeSums, last(a.localeSums)+l.weight)
	}
	for _, b := range a.browsers {
		a.browserSums = append(a.browserSums, last(a.browserSums)+b.weight)
	}
	id := int64(40 + r.intn(400))
	for range skillNames {
		id += int64(r.between(1, 30))
		a.skillIDs = append(a.skillIDs, id)
	}
	for range goalNames {
		id += int64(r.between(1, 30))
		a.goalIDs = append(a.goalIDs, id)
	}
	a.hireStaff()
	// The legacy service kept presence and reports for some time only: here, the longer the busier the account.
	kept := min(int64(a.calendar.days()), max(leastDays, o.Chats/50))
	a.firstKept = a.calendar.days() - int(kept)
	a.breakChats()
	a.bigs = make(map[int64]bool)
	for k := range min(int64(o.Big), o.Chats) {
		a.bigs[(2*k+1)*o.Chats/(2*int64(o.Big))] = true
	}
	a.lags = [3]int64{1 + o.Chats/500, 1 + o.Chats/50, 1 + o.Chats/8}
	return a
}

func last(sums []int) int {
	if len(sums) == 0 {
		return 0
	}
	return sums[len(sums)-1]
}

// Options returns the options with their defaults filled in.
func (a *Account) Options() Options { return a.o }

func (a *Account) big(i int64) bool { return a.bigs[i] }

func (a *Account) skillID(k int) int64 { return a.skillIDs[k%len(a.skillIDs)] }

func (a *Account) goalID(k int) int64 { return a.goalIDs[k] }
