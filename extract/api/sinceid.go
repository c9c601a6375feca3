package api

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"

	"chatferry"
)

// sinceLimit is the most records of a page; more are answered with 400.
const sinceLimit = 100

// sincePager reads a list by since_id, which is inclusive: each page begins with the id behind the greatest one before.
// The list ends with an empty page, or with one that brings no new id, since a server that ignores since_id gives the
// same list for ever.
type sincePager struct {
	*reading
	place sincePlace
	given map[int64]bool // ids from place.since on that were given; there are some only if an array was full
	ended bool
}

func openSince(r *reading, from chatferry.Position) (pager, error) {
	p := &sincePager{reading: r, given: map[int64]bool{}}
	if from == "" {
		return p, nil
	}
	var ok bool
	if p.place, ok = parseSince(from); !ok {
		return nil, badPosition(from, r.way.name)
	}
	return p, nil
}

func (p *sincePager) next(ctx context.Context) (*sheet, error) {
	for !p.ended {
		limit := p.limit(sinceLimit)
		query := url.Values{"limit": {strconv.Itoa(limit)}}
		if p.place.since > 0 {
			query.Set("since_id", numeral(p.place.since))
		}
		var lists [][][]byte
		_, err := p.demand(ctx, p.way.name, query, func(body []byte) (err error) {
			lists, err = sinceLists(p.shard.Stream, body)
			return err
		})
		if err != nil {
			return nil, err
		}
		s := p.take(lists, limit)
		if len(s.records) > 0 || len(s.doubts) > 0 {
			return s, nil
		}
	}
	return nil, io.EOF
}

// sinceLists finds the arrays of an answer: agents are a bare one, bans two in an object, which share their ids.
func sinceLists(stream chatferry.Stream, body []byte) ([][][]byte, error) {
	i := skipWhite(body, 0)
	if i < len(body) && body[i] == '[' {
		list, err := cutArray(body)
		return [][][]byte{list}, err
	}
	members, err := cutObject(body)
	if err != nil {
		return nil, err
	}
	names := []string{string(stream)}
	if stream == chatferry.Bans {
		names = []string{"visitor", "ip_address", "bans"}
	}
	var lists [][][]byte
	for _, name := range names {
		value := find(members, name)
		if isNull(value) {
			continue
		}
		list, err := cutArray(value)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		lists = append(lists, list)
	}
	if lists == nil {
		return nil, fmt.Errorf("%w %q", errNoRecords, names[0])
	}
	return lists, nil
}

// take makes a sheet of the records of an answer that were not given before.
func (p *sincePager) take(lists [][][]byte, limit int) *sheet {
	s := &sheet{n: p.place.n}
	bound := int64(-1)      // the next page begins behind it
	now := map[int64]bool{} // the new ids
	odd := 0                // records without an id
	for _, list := range lists {
		last := int64(-1)
		ascending := true
		for _, raw := range list {
			id, ok := readNumber(idOf(memberOf(raw, "id")))
			if !ok {
				odd++
				s.records = append(s.records, raw)
				continue
			}
			ascending = ascending && id >= last
			last = max(last, id)
			if id < p.place.since || p.given[id] || now[id] && standsAmong(s.records, raw) {
				continue
			}
			now[id] = true
			s.records = append(s.records, raw)
		}
		if len(list) == limit && !ascending {
			s.doubts = append(s.doubts, "the list is not in the order of its ids: some records may be missing")
		}
		// An array that is full may go on before the other one ends.
		if len(list) >= limit && last >= 0 && (bound < 0 || last < bound) {
			bound = last
		}
	}
	if len(now) == 0 {
		// No new id: the end. Records without an id are new only if nothing was ever given.
		p.ended = true
		if p.place.n > 0 || odd == 0 {
			return &sheet{}
		}
	}
	greatest := p.place.since - 1
	for id := range now {
		p.given[id] = true
		greatest = max(greatest, id)
	}
	if bound < p.place.since {
		bound = greatest
	}
	p.place.since = max(bound+1, 1)
	for id := range p.given {
		if id < p.place.since {
			delete(p.given, id)
		}
	}
	p.place.n += int64(len(s.records))
	s.after = p.place.position()
	return s
}

// standsAmong reports whether a record stands among others byte for byte.
func standsAmong(records [][]byte, raw []byte) bool {
	return slices.ContainsFunc(records, func(r []byte) bool { return string(r) == string(raw) })
}
