package deep

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
)

// Account is asked about its chats.
type Account interface {
	// Count returns how many chats it finds whose timestamp lies in [from, to), without deleted ones.
	Count(ctx context.Context, from, to time.Time) (int64, error)
	// IDs returns which these are; whole is false if it does not show all.
	IDs(ctx context.Context, from, to time.Time) (ids []string, whole bool, err error)
	// Chats returns chats by their ids, without those that are not there.
	Chats(ctx context.Context, ids []string) (map[string][]byte, error)
}

// AccountOptions say what of an account is compared.
type AccountOptions struct {
	Dataset *checkpoint.Dataset
	Files   load.Opener
	Account Account
	// Mark is up to when the account was read: what changed since is no difference.
	Mark    time.Time
	Count   bool // count by month and day
	Refetch int  // how many chats are asked for again
	Seed    uint64

	Moved    bool                    // some of the dataset was read before the account was upgraded or moved
	Progress func(done, total int64) // months counted, then chats asked for; nil: none
}

// AccountReport says what was asked of an account and what came out.
type AccountReport struct {
	Mark time.Time `json:"up_to"`

	// Of the counts by timestamp, up to Mark; all zero if it was not counted.
	Months   int64 `json:"months_counted"`
	Days     int64 `json:"days_counted"` // of months that do not agree
	Unequal  int64 `json:"days_looked_into"`
	Counted  int64 `json:"chats_counted"`  // by the account
	Held     int64 `json:"chats_held"`     // rows, without deleted ones,
	Excluded int64 `json:"chats_excluded"` // and conversations of Message, which the account counts

	// What the account finds and the dataset does not hold as a row of that day, or the reverse, and why that is no difference.
	Explained map[Reason]int64 `json:"explained"`

	Seed      uint64 `json:"seed"`
	Refetched int64  `json:"chats_refetched"` // and then
	Equal     int64  `json:"chats_equal"`
	Newer     int64  `json:"chats_newer"` // changed since Mark
	Gone      int64  `json:"chats_gone"`  // deleted since
	// Renumbered chats differ in the ids of agents and departments alone, which the upgrade has changed.
	Renumbered int64 `json:"chats_renumbered"`
}

// Reason explains why counts do not agree. Reasons are documented API: they are never renamed.
type Reason string

// The Reasons.
const (
	NewerThere   Reason = "newer"       // a chat that was made or changed since the account was read
	GoneThere    Reason = "gone"        // a chat that was deleted since
	OfMessage    Reason = "excluded"    // a conversation of Message, which stands in the ledger
	InQuarantine Reason = "quarantined" // a record that stands in quarantine
	NotFound     Reason = "not_found"   // a chat that the search does not show, though the account gives it, as it stands in the dataset
)

// audit is one comparison of a dataset with an account.
type audit struct {
	o        AccountOptions
	found    findings
	report   AccountReport
	holdings *holdings
	asked    map[string]bool // chats that are compared by value, beside those chosen by chance
}

// RunAccount compares a dataset with the account that it was made of: counts, and some chats by value. An error says that it
// could not be done.
func RunAccount(ctx context.Context, o AccountOptions) (*Report, *AccountReport, error) {
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	a := &audit{
		o: o, report: AccountReport{Mark: o.Mark.UTC().Truncate(time.Second), Seed: o.Seed, Explained: map[Reason]int64{}},
		asked: map[string]bool{},
	}
	a.found.report = Report{Streams: map[chatferry.Stream]Tally{}, Elsewhere: []chatferry.Stream{}, Differences: []Difference{}}
	var err error
	if a.holdings, err = hold(ctx, o); err != nil {
		return nil, nil, err
	}
	if o.Count {
		if err := a.count(ctx); err != nil {
			return nil, nil, err
		}
	}
	if err := a.refetch(ctx); err != nil {
		return nil, nil, err
	}
	return a.found.sorted(), &a.report, nil
}

// stretch is a run of time, [from, to).
type stretch struct{ from, to time.Time }

// String names a stretch by its first day, and its last if that is another.
func (s stretch) String() string {
	first, last := s.from.Format(time.DateOnly), s.to.Add(-time.Second).Format(time.DateOnly)
	if first == last {
		return first
	}
	return first + " to " + last
}

// count holds the account's counts against the rows: by months, those that do not agree by days, and of days that do not the
// chats themselves.
func (a *audit) count(ctx context.Context) error {
	var unequal []stretch
	months := a.months()
	for i, month := range months {
		n, err := a.o.Account.Count(ctx, month.from, month.to)
		if err != nil {
			return err
		}
		held, excluded := a.holdings.in(month)
		a.report.Months++
		a.report.Counted += n
		a.report.Held += held
		a.report.Excluded += excluded
		a.o.Progress(int64(i)+1, int64(len(months)))
		if n == held+excluded {
			continue
		}
		for _, day := range days(month) {
			n, err := a.o.Account.Count(ctx, day.from, day.to)
			if err != nil {
				return err
			}
			a.report.Days++
			if held, excluded := a.holdings.in(day); n != held+excluded {
				unequal = append(unequal, day)
			}
		}
	}
	a.report.Unequal = int64(len(unequal))
	for len(unequal) > 0 {
		n, rows := 0, int64(0)
		for n < len(unequal) && (n == 0 || rows < idsAtOnce) {
			held, _ := a.holdings.in(unequal[n])
			rows += held
			n++
		}
		if err := a.explain(ctx, unequal[:n]); err != nil {
			return err
		}
		unequal = unequal[n:]
	}
	return nil
}

// idsAtOnce is about how many ids of days that are looked into are held at a time.
const idsAtOnce = 200_000

// months returns the time up to the mark: what lies before the first chat that is held, and then months.
func (a *audit) months() []stretch {
	first := a.holdings.first()
	if first.IsZero() || !first.Before(a.report.Mark) {
		first = a.report.Mark
	}
	at := time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, time.UTC)
	out := []stretch{{time.Unix(0, 0).UTC(), at}}
	for at.Before(a.report.Mark) {
		next := at.AddDate(0, 1, 0)
		if next.After(a.report.Mark) {
			next = a.report.Mark
		}
		out = append(out, stretch{at, next})
		at = next
	}
	return out
}

// days cuts a stretch at midnights. One of many years, in which nothing is held, stays whole.
func days(s stretch) []stretch {
	if s.to.Sub(s.from) > 32*24*time.Hour {
		return []stretch{s}
	}
	var out []stretch
	for at := s.from; at.Before(s.to); {
		next := at.Truncate(24 * time.Hour).Add(24 * time.Hour)
		if next.After(s.to) {
			next = s.to
		}
		out = append(out, stretch{at, next})
		at = next
	}
	return out
}

// explain looks into days of which the account counts another number of chats.
func (a *audit) explain(ctx context.Context, of []stretch) error {
	rows, err := a.holdings.rowsOf(ctx, of)
	if err != nil {
		return err
	}
	there := make([]map[string]bool, len(of))
	strange := map[string]bool{} // that are no row of their day
	for i, day := range of {
		ids, whole, err := a.o.Account.IDs(ctx, day.from, day.to)
		if err != nil {
			return err
		}
		if !whole {
			a.found.add(Difference{Kind: Count, Stream: chatferry.Chats, Place: day.String(), What: "the account counts more chats than it shows, so that they cannot be told apart"})
		}
		there[i] = map[string]bool{}
		for _, id := range ids {
			there[i][id] = true
			if !rows[i][id] {
				strange[id] = true
			}
		}
	}
	if err := a.known(ctx, strange); err != nil {
		return err
	}
	for i, day := range of {
		var lost []string // rows that the search does not show
		for id := range rows[i] {
			if !there[i][id] {
				lost = append(lost, id)
			}
		}
		var unknown []string
		for id := range there[i] {
			if strange[id] {
				unknown = append(unknown, id)
			}
		}
		slices.Sort(lost)
		slices.Sort(unknown)
		if err := a.look(ctx, day, unknown, lost); err != nil {
			return err
		}
	}
	return nil
}

// known takes out of strange ids what the dataset holds elsewhere: excluded, or as a row of another day, whose values then are
// compared.
func (a *audit) known(ctx context.Context, strange map[string]bool) error {
	if len(strange) == 0 {
		return nil
	}
	excluded, elsewhere, err := a.holdings.lookFor(ctx, strange)
	if err != nil {
		return err
	}
	for id := range excluded {
		a.report.Explained[OfMessage]++
		delete(strange, id)
	}
	for id := range elsewhere {
		a.asked[id] = true
		delete(strange, id)
	}
	return nil
}

// look asks for the chats of a day that only one side has.
func (a *audit) look(ctx context.Context, day stretch, unknown, lost []string) error {
	chats, err := a.o.Account.Chats(ctx, slices.Concat(unknown, lost))
	if err != nil {
		return err
	}
	for _, id := range unknown {
		raw, ok := chats[id]
		if !ok {
			a.report.Explained[GoneThere]++
			continue
		}
		at, ok := changedAt(raw)
		quarantined, err := a.holdings.quarantined(ctx, raw)
		switch {
		case err != nil:
			return err
		case quarantined:
			a.report.Explained[InQuarantine]++
		case ok && !at.Before(a.report.Mark):
			a.report.Explained[NewerThere]++
		default:
			a.found.add(Difference{Kind: Missing, Stream: chatferry.Chats, ID: id, Place: day.String(), What: "the account has this chat, last changed before the dataset was complete, and the dataset has not"})
			a.tally(Tally{Missing: 1})
		}
	}
	for _, id := range lost {
		if _, ok := chats[id]; !ok {
			a.report.Explained[GoneThere]++
			continue
		}
		a.asked[id] = true
		a.report.Explained[NotFound]++
	}
	return nil
}

func (a *audit) tally(t Tally) { a.found.count(chatferry.Chats, t) }

// changedAt is when a chat was changed last, as it says itself.
func changedAt(raw []byte) (time.Time, bool) {
	v, err := parse(raw)
	if err != nil {
		return time.Time{}, false
	}
	return changeOf(v)
}

// changed is the member of a chat that says when it was changed last.
const changed = "update_timestamp"

func changeOf(v *value) (time.Time, bool) {
	m := v.member(changed)
	if m == nil || m.kind != '"' {
		return time.Time{}, false
	}
	micros, ok := instantOf(m.text, 0)
	return time.UnixMicro(micros).UTC(), ok
}

// ids returns the chats that are compared by value, sorted.
func (a *audit) ids() []string {
	all := maps.Clone(a.asked)
	for _, c := range a.holdings.chosen {
		all[c.id] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func version(t time.Time, ok bool) string {
	if !ok {
		return "without a time of change"
	}
	return fmt.Sprintf("of %s", t.Format(time.RFC3339))
}
