package api

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatferry"
)

const (
	// exportLimit is the most records of a page, and as many as come without asking for a number.
	exportLimit = 1000
	// tooNew is how far in the past start_time must lie by the server's clock; the rest is for the resolution of that
	// clock as answers tell it.
	tooNew = 5*time.Minute + 5*time.Second
	// idleMost bounds the answers in a row that bring nothing new.
	idleMost = 200
	// heldMost bounds how often a server that repeats an instant's records is believed to have more of them.
	heldMost = 3
	// leap is how far an empty page must lead on not to count as one that brings nothing: a server may page by days.
	leap = 24 * time.Hour
	// refusedMost bounds how often a start_time that the server finds too new is waited for.
	refusedMost = 20
)

// exportPager pages through an incremental export: records in the order in which they were last changed, from a place on.
//
//	ask from (time, id)
//	cut what was given of that very instant: the bound is inclusive, and only chats can be asked for behind an id
//	cut from the first record on that belongs to the next window
//	the end is proven by an empty page behind a short one, by two empty pages, or by a page of repeats with nothing behind
//
// A window ends where a page ends at or behind Until. A sweep has no Until; its end is proven as well once a page ends
// behind the time when it was begun, since what is newer is for the next sweep to prove. Where the place is so new that
// the server would refuse it, the Reader waits until it may ask, five minutes at most.
//
// An instant of which the server gives only the first page, again and again, is left behind with a Doubt.
type exportPager[E epoch] struct {
	*reading
	place exportPlace[E]
	until E // 0: none
	key   string

	ended   bool
	short   bool // the page before held fewer records than it could
	largest int  // page so far
	empty   int  // empty pages in a row
	stuck   int  // pages in a row that did not move the place and brought nothing
	held    int  // pages of one instant that brought something new beside what was given before
	beyond  bool // what lies behind the place was looked at
	idle    int  // answers in a row that brought nothing
	refused int  // refusals of start_time in a row
	told    bool // of end_time and next_page that do not agree
}

func openExport[E epoch](r *reading, from chatferry.Position) (pager, error) {
	p := &exportPager[E]{reading: r, key: string(r.shard.Stream)}
	if !r.shard.API.Until.IsZero() {
		p.until = max(epochOf[E](r.shard.API.Until), 1)
	}
	if from == "" {
		p.place.at = epochOf[E](r.shard.API.Since)
		return p, nil
	}
	place, ok := parseExport[E](from)
	if !ok {
		return nil, badPosition(from, r.way.name)
	}
	p.place = place
	return p, nil
}

func (p *exportPager[E]) next(ctx context.Context) (*sheet, error) {
	for {
		if p.ended || p.passed() {
			return nil, io.EOF
		}
		if p.idle >= idleMost {
			return nil, &chatferry.Error{
				Kind: chatferry.KindTemporary, Op: "read", Place: p.way.name,
				Err:  fmt.Errorf("%d answers in a row brought nothing new, the last at %s", p.idle, p.instant()),
				Hint: "run the same command again; if it repeats, report it",
			}
		}
		x, next, err := p.fetch(ctx, p.place.cursor)
		if err != nil {
			return nil, err
		}
		s, err := p.take(ctx, x, next)
		if s != nil || err != nil {
			return s, err
		}
		p.idle++
	}
}

// passed reports whether the place proves the Shard's end: everything before it was given.
func (p *exportPager[E]) passed() bool {
	if p.until > 0 {
		return p.place.at >= p.until
	}
	begun := p.shard.API.Begun
	return !begun.IsZero() && timeOf(p.place.at).After(begun)
}

func (p *exportPager[E]) instant() string { return timeOf(p.place.at).Format(time.RFC3339Nano) }

// fetch asks for the page that begins at a place.
func (p *exportPager[E]) fetch(ctx context.Context, from cursor[E]) (*export[E], cursor[E], error) {
	query := url.Values{
		"start_time": {strconv.FormatInt(int64(from.at), 10)},
		"limit":      {strconv.Itoa(p.limit(exportLimit))},
		"fields":     {p.key + "(*)"},
	}
	if from.id != "" {
		query.Set("start_id", from.id)
	}
	for {
		if err := p.waitFor(ctx, from.at); err != nil {
			return nil, from, err
		}
		var x *export[E]
		next := from
		_, err := p.ask(ctx, p.way.name, query, func(body []byte) (err error) {
			x, next, err = p.read(body, from)
			return err
		})
		if statusOf(err) == http.StatusBadRequest && p.maybeTooNew(from.at) && p.refused < refusedMost {
			p.refused++
			if err := p.source.o.Wait(ctx, 30*time.Second); err != nil {
				return nil, from, err
			}
			continue
		}
		if err != nil {
			return nil, from, refusal(p.shard.Stream, p.way.name, err)
		}
		p.refused = 0
		p.notice(x.link)
		if x.count >= 0 && x.count != int64(len(x.records)) {
			p.log.Debug("count is not the number of records; the records count", "count", x.count, "records", len(x.records))
		}
		return x, next, nil
	}
}

// waitFor waits until the server accepts a start_time.
func (p *exportPager[E]) waitFor(ctx context.Context, at E) error {
	for at > 0 {
		wait := timeOf(at).Add(tooNew).Sub(p.source.get.Now())
		if wait <= 0 {
			return nil
		}
		p.log.Debug("waiting until the end can be proven: the API refuses what is newer than five minutes", "wait", wait)
		if err := p.source.o.Wait(ctx, min(wait, tooNew)); err != nil {
			return err
		}
	}
	return nil
}

// maybeTooNew reports whether the server may find a start_time too new although it should not be.
func (p *exportPager[E]) maybeTooNew(at E) bool {
	return at > 0 && p.source.get.Now().Sub(timeOf(at)) < tooNew+5*time.Minute
}

// read takes an answer apart and says whether it can be one to what was asked. Of what is refused here another answer
// may be better.
func (p *exportPager[E]) read(body []byte, from cursor[E]) (*export[E], cursor[E], error) {
	x, err := parseExportBody[E](body, p.key)
	if err != nil {
		return nil, from, err
	}
	next, agree, ok := x.next(from)
	if len(x.records) == 0 {
		// An empty page has no end of its own: only one that goes on is listened to.
		if !ok || next.at <= from.at {
			next = from
		}
		return x, next, nil
	}
	first, known, old := p.span(x.records, from.at)
	switch {
	case !ok:
		return nil, from, errNoEnd
	case x.allBare():
		return nil, from, errBare
	case next.at < from.at:
		return nil, from, errBackwards
	case known > 0 && timeOf(first).Sub(timeOf(next.at)) > future, timeOf(next.at).Sub(p.source.get.Now()) > future:
		return nil, from, errUnit
	case next.at == from.at && 2*old > known:
		return nil, from, errOther
	}
	if !agree && !p.told {
		p.told = true
		p.log.Warn("end_time and next_page of the API do not agree; the earlier one is followed")
	}
	return x, next, nil
}

// changed is when a record was last changed, in the export's unit.
func (p *exportPager[E]) changed(raw []byte) (E, bool) {
	t, ok := instantOf(raw, p.way.changed)
	return epochOf[E](t), ok
}

// span returns the first of the times that the records bear, how many bear one, and how many of these an earlier one than
// was asked for.
func (p *exportPager[E]) span(records [][]byte, from E) (first E, known, old int) {
	for _, raw := range records {
		at, ok := p.changed(raw)
		if !ok {
			continue
		}
		if known == 0 || at < first {
			first = at
		}
		known++
		if at < from {
			old++
		}
	}
	return first, known, old
}

// take makes a sheet of an answer, or nil if it brought nothing.
func (p *exportPager[E]) take(ctx context.Context, x *export[E], next cursor[E]) (*sheet, error) {
	if len(x.records) == 0 {
		p.takeEmpty(next)
		return nil, nil
	}
	p.empty = 0
	n := len(x.records)
	full := n >= p.limit(exportLimit) || n >= p.largest && p.largest > 0
	p.largest = max(p.largest, n)

	mine := x.records
	if p.until > 0 && next.at >= p.until {
		mine = mine[:p.cut(mine)]
	}
	fresh, hashes := p.sift(mine, next.at)
	switch {
	case next.at > p.place.at:
		p.held = 0
	case len(fresh) == 0 || p.held == heldMost:
		return p.standstill(ctx, n)
	case len(fresh) < len(mine) || next.id == p.place.id:
		p.held++
	}
	p.stuck, p.beyond, p.short = 0, false, !full
	s := &sheet{records: fresh, n: p.place.n}
	p.advance(next, hashes, int64(len(fresh)))
	if len(fresh) == 0 {
		return nil, nil
	}
	p.idle = 0
	s.after = p.place.position()
	return s, nil
}

// takeEmpty handles an empty page. Behind a short page it proves the end; otherwise it may be a fault of the server, and
// is asked for once more. One that says that it ends further on is followed there, unless that is too new to be asked for.
func (p *exportPager[E]) takeEmpty(next cursor[E]) {
	if next.at > p.place.at && timeOf(next.at).Add(tooNew).Before(p.source.get.Now()) {
		if timeOf(next.at).Sub(timeOf(p.place.at)) >= leap {
			p.idle = 0
		}
		p.advance(next, nil, 0)
		p.short, p.empty = false, 0
		return
	}
	p.empty++
	p.ended = p.short || p.empty == 2
}

// standstill handles a page that stays where it is and repeats what was given. If nothing lies behind that instant, this
// is the end. Otherwise the server cannot page inside the instant, or gave less than it has; asked once more, it may give
// the rest. If it does not, the instant is left behind with a Doubt.
func (p *exportPager[E]) standstill(ctx context.Context, n int) (*sheet, error) {
	if n < p.limit(exportLimit) && !p.beyond {
		x, _, err := p.fetch(ctx, cursor[E]{at: p.place.at + 1})
		if err != nil {
			return nil, err
		}
		p.beyond = true
		p.ended = len(x.records) == 0
		return nil, nil
	}
	if p.stuck++; p.stuck < 2 {
		return nil, nil
	}
	at := p.instant()
	s := &sheet{n: p.place.n, doubts: []string{fmt.Sprintf(
		"%d or more records of %s were changed at %s, more than the API can page through: some may be missing", n, p.key, at)}}
	p.log.Warn("more records of one instant than the API can page through", "instant", at, "given", n)
	p.stuck, p.held, p.beyond, p.short = 0, 0, false, false
	p.advance(cursor[E]{at: p.place.at + 1}, nil, 0)
	s.after = p.place.position()
	return s, nil
}

// advance moves the place. hashes are those of what was given of the instant that the next page begins with.
func (p *exportPager[E]) advance(next cursor[E], hashes boundary, n int64) {
	if next.at > p.place.at {
		p.place.seen = nil
	}
	most := min(max(p.limit(exportLimit), p.largest), boundaryMost)
	for _, h := range hashes {
		if len(p.place.seen) < most && !slices.Contains(p.place.seen, h) {
			p.place.seen = append(p.place.seen, h)
		}
	}
	p.place.cursor = next
	p.place.n += n
}

// cut returns how many of a page's records belong to this window, when the page ends at or behind its bound. The others
// are those at its end that bear a later time. A record that bears an earlier time, or none, before others that do, is
// kept: it may then stand in two windows, but in one at least.
func (p *exportPager[E]) cut(records [][]byte) int {
	keep := len(records)
	for i, raw := range slices.Backward(records) {
		at, ok := p.changed(raw)
		if ok && at < p.until {
			break
		}
		if ok {
			keep = i
		}
	}
	return keep
}

// sift cuts what was given before, and returns the hashes of what the next page may give again.
func (p *exportPager[E]) sift(records [][]byte, next E) (fresh [][]byte, hashes boundary) {
	seen := make(map[uint64]bool, len(p.place.seen))
	for _, h := range p.place.seen {
		seen[h] = true
	}
	for _, raw := range records {
		at, ok := p.changed(raw)
		again := len(seen) > 0 && (!ok || at == p.place.at)
		ahead := !ok || at >= next
		var h uint64
		if again || ahead {
			h = hashOf(raw)
		}
		if !again || !seen[h] {
			fresh = append(fresh, raw)
		}
		if ahead {
			hashes = append(hashes, h)
		}
	}
	return fresh, hashes
}

// hashOf tells records apart. It is taken from a cryptographic hash, so that nobody can make two records look like one.
func hashOf(raw []byte) uint64 {
	sum := sha256.Sum256(raw)
	return binary.BigEndian.Uint64(sum[:])
}

// identityOf is the hash of what tells this version of a record from all others: the named members, or all of it if one
// of them is missing.
func identityOf(raw []byte, names []string) uint64 {
	var b strings.Builder
	for _, name := range names {
		value := memberOf(raw, name)
		if isNull(value) {
			return hashOf(raw)
		}
		fmt.Fprintf(&b, "%d:%s", len(value), value)
	}
	return hashOf([]byte(b.String()))
}
