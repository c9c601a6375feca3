package api

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// export is one answer of an incremental export.
type export[E epoch] struct {
	records [][]byte
	count   int64 // what the answer says; -1: nothing
	// ends are the places where the answer says that it ends: end_time with end_id, and what next_page asks for. Either
	// may be missing.
	ends []cursor[E]
	link string // next_page
}

var (
	errNoRecords = errors.New("it has no list of records")
	errNoEnd     = errors.New("it holds records but does not say where it ends")
	errBackwards = errors.New("it goes backwards")
	errOther     = errors.New("it is not the page that was asked for")
	errUnit      = errors.New("its end_time does not fit the times of its records: it counts in another unit")
	errBare      = errors.New("its records hold ids only, though all fields were asked for")
)

func parseExportBody[E epoch](body []byte, key string) (*export[E], error) {
	list, err := cutObject(body)
	if err != nil {
		return nil, err
	}
	x := &export[E]{count: -1}
	switch value := find(list, key); {
	case value == nil:
		return nil, fmt.Errorf("%w %q", errNoRecords, key)
	case isNull(value):
	default:
		if x.records, err = cutArray(value); err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
	}
	if n, ok := parseEpoch[EpochSec](find(list, "count")); ok {
		x.count = int64(n)
	}
	if at, ok := parseEpoch[E](find(list, "end_time")); ok {
		x.ends = append(x.ends, cursor[E]{at, idOf(find(list, "end_id"))})
	}
	x.link = textOf(find(list, "next_page"))
	if q, ok := queryOf(x.link); ok {
		if at, ok := epochText[E](q.Get("start_time")); ok {
			x.ends = append(x.ends, cursor[E]{at, q.Get("start_id")})
		}
	}
	return x, nil
}

// bare reports whether a record is an object that holds its id and nothing else.
func bare(raw []byte) bool {
	if raw[0] != '{' {
		return false
	}
	n, id := 0, false
	_, err := eachMember(raw, 0, func(name, _ []byte) bool {
		n++
		id = string(name) == `"id"`
		return n < 2
	})
	return err == nil && n == 1 && id
}

// allBare reports whether an answer holds ids in place of records.
func (x *export[E]) allBare() bool {
	return len(x.records) > 0 && !slices.ContainsFunc(x.records, func(raw []byte) bool { return !bare(raw) })
}

// next is where an answer to a request that began at `from` ends. The two statements of the answer should agree; where
// they do not, the earlier place that goes on is the safe one, since it reads again rather than passes over. ok is false
// if the answer does not say.
func (x *export[E]) next(from cursor[E]) (next cursor[E], agree, ok bool) {
	agree = true
	for i, c := range x.ends {
		switch {
		case i == 0:
			next = c
		case c.at == next.at:
			if next.id == "" {
				next.id = c.id
			}
		default:
			agree = false
			if next.at <= from.at && c.at > next.at || c.at > from.at && c.at < next.at {
				next = c
			}
		}
	}
	if next.at == from.at && next.id == "" {
		next.id = from.id
	}
	return next, agree, len(x.ends) > 0
}

// idOf is an id of an answer as text, whether it is a string or a number.
func idOf(value []byte) string {
	if isNull(value) {
		return ""
	}
	if value[0] == '"' {
		return textOf(value)
	}
	if value[0] == '-' || '0' <= value[0] && value[0] <= '9' {
		return string(value)
	}
	return ""
}

// longestLink bounds the links that are looked at.
const longestLink = 16 << 10

// queryOf takes the parameters out of a link of the server. Nothing else of it is ever used: a link is not dialled.
func queryOf(link string) (url.Values, bool) {
	if link == "" || len(link) > longestLink {
		return nil, false
	}
	_, query, ok := strings.Cut(link, "?")
	if !ok {
		return nil, false
	}
	query, _, _ = strings.Cut(query, "#")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, false
	}
	return values, true
}

// notice tells, once, of a link that leads to another origin than the one that answers.
func (r *reading) notice(link string) {
	origin := r.source.o.Origin
	if r.foreign || origin == "" || link == "" {
		return
	}
	if u, err := url.Parse(link); err == nil && (u.Host == "" || u.Scheme+"://"+u.Host == origin) {
		return
	}
	r.foreign = true
	r.log.Warn("the API names another host for the next page; it is not asked")
}

// future is how far a time of the server may lie ahead of its clock before it must be in another unit.
const future = 24 * time.Hour
