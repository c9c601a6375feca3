package api

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chatferry"
)

// Spread says about how many records a Stream that grows has, and when they were changed. Nothing of it is written anywhere.
type Spread struct {
	Records int64
	Counted bool             // every record was seen; otherwise they are reckoned from samples
	Page    int              // records that an answer holds at most
	Months  map[string]int64 // by "2021-03"
}

// LookAt counts the records of the export of a Stream if that takes no more than so many pages, and otherwise samples it with
// as many. That the account does not give the Stream is a *chatferry.UnavailableError.
func LookAt(ctx context.Context, get Getter, stream chatferry.Stream, since, until time.Time, pages int) (*Spread, error) {
	way, ok := exportOf(stream)
	if !ok {
		return nil, chatferry.Errorf(chatferry.KindUsage, "", "the API has no export of %s", stream)
	}
	var spread *Spread
	var err error
	if stream == chatferry.AgentTimeline {
		spread, err = lookAt[EpochMicro](ctx, get, way, since, until, pages)
	} else {
		spread, err = lookAt[EpochSec](ctx, get, way, since, until, pages)
	}
	if err != nil {
		return nil, refusal(stream, way.name, err)
	}
	return spread, nil
}

func lookAt[E epoch](ctx context.Context, get Getter, way *route, since, until time.Time, pages int) (*Spread, error) {
	b := ofStream[E](get, way, exportLimit, until)
	s := &Spread{Months: map[string]int64{}, Page: exportLimit}
	ended, err := walk(ctx, b, int64(epochOf[EpochMicro](since)), pages, s)
	if err != nil || ended {
		s.Counted = err == nil
		return s, err
	}
	s.Records, s.Months, b.limit = 0, map[string]int64{}, s.Page
	for i := range b.probes {
		b.probes[i].full = b.probes[i].n > 0 // there was more behind it
	}
	if err := b.refine(ctx, pages, 0); err != nil {
		return nil, err
	}
	list, sum := b.stretches(0)
	s.Records = int64(sum)
	for _, part := range list {
		share(s.Months, part)
	}
	return s, nil
}

// walk counts records page by page, and reports whether it came to the end. Pages are asked for by time alone, so that each
// begins with what the one before ended with. Page becomes what the server gives at a time, if that is less than it is asked
// for.
func walk[E epoch](ctx context.Context, b *prober[E], from int64, pages int, s *Spread) (ended bool, err error) {
	before := map[string]bool{}
	for n := 0; ; n++ {
		page, err := b.look(ctx, from)
		if err != nil {
			return false, err
		}
		fresh := int64(0)
		seen := map[string]bool{}
		for _, raw := range page.records {
			at, known := instantOf(raw, b.way.changed)
			seen[string(raw)] = true
			if !before[string(raw)] && known && at.Before(time.UnixMicro(b.until)) {
				s.Months[monthOf(at)]++
				fresh++
			}
		}
		s.Records += fresh
		end := b.probes[len(b.probes)-1].end
		switch {
		case fresh == 0 && n > 0, len(page.records) == 0, end >= b.until:
			if len(page.records) < s.Page || end >= b.until {
				return true, nil
			}
			// A whole page of one instant: either there is more of it, or it is the last.
			next, err := b.look(ctx, end+1_000_000)
			return err == nil && len(next.records) == 0, err
		case n >= pages:
			return false, nil
		}
		if n == 0 && len(page.records) < b.limit {
			s.Page = len(page.records)
		}
		before, from = seen, end
	}
}

// share shares the records of a stretch out to its months.
func share(months map[string]int64, s stretch) {
	for from := s.from; from < s.to; {
		at := time.UnixMicro(from).UTC()
		to := min(s.to, nextMonth(at).UnixMicro())
		if n := int64(s.mass*float64(to-from)/float64(s.to-s.from) + 0.5); n > 0 {
			months[monthOf(at)] += n
		}
		from = to
	}
}

func monthOf(t time.Time) string { return t.UTC().Format("2006-01") }

func nextMonth(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
}

// firstMonth is before the oldest account.
var firstMonth = time.Date(2008, 1, 1, 0, 0, 0, 0, time.UTC)

// CountChats counts the chats that began in [since, until) by month, with the counts that a search gives. ok is false where
// the account has no search. A month with more chats than a search counts is counted in pieces.
func CountChats(ctx context.Context, get Getter, since, until time.Time) (months map[string]int64, ok bool, err error) {
	c := &chatCounter{planner: planner{get: get}, months: map[string]int64{}}
	if since.Before(firstMonth) {
		since = firstMonth
	}
	n, err := c.searchCount(ctx, since, until)
	if err != nil || n < 0 {
		return nil, false, err
	}
	if since.Before(until) {
		err = c.split(ctx, since, until, n)
	}
	return c.months, true, err
}

type chatCounter struct {
	planner
	months map[string]int64
}

// split counts what lies in [from, to), which holds n chats, or at least as many if that is where a search stops counting.
func (c *chatCounter) split(ctx context.Context, from, to time.Time, n int64) error {
	whole := !nextMonth(from).Before(to)
	if n <= 0 {
		return nil
	}
	if whole && (n != searchCap || to.Sub(from) <= time.Second) {
		c.months[monthOf(from)] += n
		return nil
	}
	middle := from.Add(to.Sub(from) / 2).Truncate(time.Second)
	if !whole {
		middle = time.Date(middle.Year(), middle.Month(), 1, 0, 0, 0, 0, time.UTC)
		if !middle.After(from) {
			middle = nextMonth(from)
		}
	}
	left, err := c.searchCount(ctx, from, middle)
	if err != nil {
		return err
	}
	right := n - left
	if n == searchCap {
		if right, err = c.searchCount(ctx, middle, to); err != nil {
			return err
		}
	}
	if err := c.split(ctx, from, middle, left); err != nil {
		return err
	}
	return c.split(ctx, middle, to, right)
}

// Taste asks for some records of a Stream that grows, as a run does, from a time on. It returns how many came and how large
// their answer was. contains counts the answer's occurrences of a text.
func Taste(ctx context.Context, get Getter, stream chatferry.Stream, endpoint string, at time.Time, n int, text string) (records, bytes, contains int64, err error) {
	way, ok := exportOf(stream)
	if !ok || endpoint != way.name {
		// The list and the search end in the same chats; the list's first page is the newest of them.
		var list [][]byte
		a, err := get.Get(ctx, chatsList, nil, func(body []byte) (err error) {
			list, _, err = readList(body)
			return err
		})
		if err != nil {
			return 0, 0, 0, refusal(stream, chatsList, err)
		}
		return int64(len(list)), int64(len(a.Body)), int64(strings.Count(string(a.Body), text)), nil
	}
	start := strconv.FormatInt(int64(epochOf[EpochSec](at)), 10)
	if stream == chatferry.AgentTimeline {
		start = strconv.FormatInt(int64(epochOf[EpochMicro](at)), 10)
	}
	query := url.Values{"start_time": {start}, "limit": {strconv.Itoa(n)}, "fields": {string(stream) + "(*)"}}
	var list [][]byte
	a, err := get.Get(ctx, way.name, query, func(body []byte) error {
		members, err := cutObject(body)
		if err == nil {
			list, err = cutArray(find(members, string(stream)))
		}
		return err
	})
	if err != nil {
		return 0, 0, 0, refusal(stream, way.name, err)
	}
	return int64(len(list)), int64(len(a.Body)), int64(strings.Count(string(a.Body), text)), nil
}
