package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"chatferry"
)

// listLimit is how many chats a page of the list, and of search, holds.
const listLimit = 40

// listPager reads the list of chats, the newest first, by the cursor in next_url; null, empty and absent mean the end.
//
// The list is in the order in which chats began. With Since the reading ends at the first page all of whose chats are
// older, as long as the pages before were in that order; what was changed later in an older chat is not seen. Chats that
// begin meanwhile shift the pages, so that ids come twice, which is legal; a cursor that comes twice is not.
type listPager struct {
	*reading
	place   listPlace
	cursors map[uint64]bool // that were followed
	newest  time.Time       // of the page before
	odd     bool            // the pages are not in the order of time
	tries   int             // that gave no other cursor
	before  map[uint64]bool // the ids of the page before
	idle    int             // pages in a row that brought no other id than the one before
}

// listTries is how often a page is asked for that names itself as the next.
const listTries = 3

func openList(r *reading, from chatferry.Position) (pager, error) {
	p := &listPager{reading: r, cursors: map[uint64]bool{}}
	if from == "" {
		return p, nil
	}
	var ok bool
	if p.place, ok = parseList(from); !ok {
		return nil, badPosition(from, r.way.name)
	}
	return p, nil
}

func (p *listPager) next(ctx context.Context) (*sheet, error) {
	for !p.place.end {
		var query url.Values
		if p.place.cursor != "" {
			query = url.Values{"cursor": {p.place.cursor}}
		}
		var records [][]byte
		var link string
		_, err := p.demand(ctx, p.way.name, query, func(body []byte) (err error) {
			records, link, err = readList(body)
			return err
		})
		if err != nil {
			return nil, err
		}
		p.notice(link)
		cursor, err := cursorOf(link)
		if err != nil {
			return nil, p.broken(err)
		}
		if cursor != "" && (cursor == p.place.cursor || p.cursors[hashOf([]byte(cursor))]) {
			// It may be a fault of one answer; the next one is then as it should be.
			if p.tries++; p.tries < listTries {
				continue
			}
			return nil, p.broken(errors.New("its pages name one another as the next, so the list does not come to an end"))
		}
		p.tries = 0
		if p.repeats(records); p.idle >= idleMost {
			return nil, p.broken(fmt.Errorf("%d pages in a row brought nothing new", p.idle))
		}
		s := &sheet{records: p.mine(records), n: p.place.n}
		p.place.end = cursor == "" || p.old(records)
		p.place.cursor = cursor
		p.cursors[hashOf([]byte(cursor))] = true
		p.place.n += int64(len(s.records))
		s.after = p.place.position()
		if len(s.records) > 0 {
			return s, nil
		}
	}
	return nil, io.EOF
}

// repeats counts the pages in a row that are empty or hold what the page before held.
func (p *listPager) repeats(records [][]byte) {
	now := make(map[uint64]bool, len(records))
	fresh := false
	for _, raw := range records {
		id := identityOf(raw, []string{"id"})
		now[id] = true
		fresh = fresh || !p.before[id]
	}
	p.before = now
	if p.idle++; fresh {
		p.idle = 0
	}
}

func (p *listPager) broken(err error) error {
	return &chatferry.Error{
		Kind: chatferry.KindTemporary, Op: "read", Place: p.way.name, Err: err,
		Hint: "run the same command again; if it repeats, report it",
	}
}

func readList(body []byte) (records [][]byte, link string, err error) {
	members, err := cutObject(body)
	if err != nil {
		return nil, "", err
	}
	value := find(members, "chats")
	switch {
	case value == nil:
		return nil, "", fmt.Errorf("%w %q", errNoRecords, "chats")
	case !isNull(value):
		if records, err = cutArray(value); err != nil {
			return nil, "", err
		}
	}
	next := find(members, "next_url")
	if !isNull(next) && next[0] != '"' {
		return nil, "", fmt.Errorf("%w: next_url is no text", errStructure)
	}
	return records, textOf(next), nil
}

// longestCursor bounds a cursor.
const longestCursor = 4 << 10

// cursorOf takes the cursor out of a next_url; "" if that is empty. A link without a cursor is an error, not an end.
func cursorOf(link string) (string, error) {
	if link == "" {
		return "", nil
	}
	q, _ := queryOf(link)
	cursor := q.Get("cursor")
	if cursor == "" || len(cursor) > longestCursor {
		return "", errors.New("its next_url holds no cursor")
	}
	return cursor, nil
}

// mine leaves out what was changed outside the Shard's range. What does not say is kept.
func (p *listPager) mine(records [][]byte) [][]byte {
	since, until := p.shard.API.Since, p.shard.API.Until
	if since.IsZero() && until.IsZero() {
		return records
	}
	var kept [][]byte
	for _, raw := range records {
		at, ok := instantOf(raw, p.way.changed)
		if ok && (at.Before(since) || !until.IsZero() && !at.Before(until)) {
			continue
		}
		kept = append(kept, raw)
	}
	return kept
}

// old reports whether all that follows a page is older than the Shard's range.
func (p *listPager) old(records [][]byte) bool {
	var newest time.Time
	known := true
	for _, raw := range records {
		at, ok := instantOf(raw, p.way.changed)
		known = known && ok
		if at.After(newest) {
			newest = at
		}
	}
	if !known || len(records) == 0 {
		return false
	}
	// Chats that overlap may stand a little out of order.
	p.odd = p.odd || !p.newest.IsZero() && newest.After(p.newest.Add(listSlack))
	p.newest = newest
	return !p.odd && newest.Before(p.shard.API.Since.Add(-listSlack))
}

// listSlack is how far apart a chat's place in the list and its times may be: as long as a chat lasts.
const listSlack = 24 * time.Hour
