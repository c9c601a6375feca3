package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"chatferry"
)

// chatTypes are what is searched for: chats of all types, those without a documented type included, at once, or of one
// type after the other.
var chatTypes = [...]string{"", "chat", "offline_msg"}

const (
	anyType   = 0
	firstType = 1
)

const (
	// searchCap is how many results a search shows; searchMost leaves room for what is added while they are read.
	searchCap  = 10_000
	searchMost = 9_000
	// searchAim is how many results a window should have: what has to be listed again after a kill.
	searchAim = 2_000
	// bulkLimit is how many chats may be asked for at once.
	bulkLimit = 50
)

// searchPager finds chats by windows of time, and then asks for the chats themselves.
//
//	from Since to Until:
//	    shorten the window [from, to) until its count is no more than searchMost, or it is a second long
//	    list the ids in it, and ask for those, in their order, 50 at a time
//
// A second with more chats than a search shows is searched by types as well, and leaves a Doubt if that does not show them
// all. Where a search without a type finds fewer chats than those by types do, it is by types alone.
//
// Searches are by timestamp, which both types have and no edit changes. Their bounds are inclusive and written without a
// zone; to and to + 1 s are therefore two windows' edges, and no chat stands in both.
type searchPager struct {
	*reading
	place searchPlace
	since int64
	until int64
	wide  int64    // seconds that the next window is long
	ids   []string // of the open window, that were not given yet; sorted
	open  bool     // ids are known
	fresh bool     // the Shard is read from its beginning
	doubt []string // about the open window
}

func openSearch(r *reading, from chatferry.Position) (pager, error) {
	p := &searchPager{reading: r, until: r.shard.API.Until.Unix()}
	if r.shard.API.Until.IsZero() {
		// Chats that were made through the API bear any time, later than now too.
		p.until = mostSearch - 1
	}
	p.until = min(p.until, mostSearch-1)
	p.since = int64(epochOf[EpochSec](r.shard.API.Since))
	if r.shard.API.Pass > 0 {
		// A sweep is about what changed, and a chat changes until it ends.
		p.since = max(p.since-int64(listSlack/time.Second), 0)
	}
	p.place.from, p.wide = p.since, max(p.until-p.since, 1)
	if from == "" {
		p.fresh = true
		return p, nil
	}
	var ok bool
	if p.place, ok = parseSearch(from); !ok {
		return nil, badPosition(from, r.way.name)
	}
	return p, nil
}

func (p *searchPager) next(ctx context.Context) (*sheet, error) {
	if p.fresh {
		if err := p.begin(ctx); err != nil {
			return nil, err
		}
		p.fresh = false
	}
	for p.place.kind < len(chatTypes) {
		if p.place.from >= p.until {
			if p.place.kind++; p.place.kind == anyType+1 {
				p.place.kind = len(chatTypes)
			}
			p.place.from, p.place.to, p.place.id = p.since, 0, ""
			p.wide = max(p.until-p.place.from, 1)
			continue
		}
		if !p.open {
			if err := p.list(ctx); err != nil {
				return nil, err
			}
		}
		s, err := p.bulk(ctx)
		if s != nil || err != nil {
			return s, err
		}
	}
	return nil, io.EOF
}

// begin finds out whether chats can be searched for without naming their type.
func (p *searchPager) begin(ctx context.Context) error {
	var counts [len(chatTypes)]int64
	if p.since >= p.until {
		return nil
	}
	for kind := range chatTypes {
		f, err := p.search(ctx, kind, p.since, p.until, nil)
		if err != nil {
			return refusal(p.shard.Stream, p.way.name, err)
		}
		counts[kind] = f.count
	}
	if sum := counts[1] + counts[2]; counts[anyType] < min(sum, searchMost) {
		p.log.Warn("the search finds less without a type; each type is searched for", "without", counts[anyType], "with", sum)
		p.place.kind = firstType
	}
	return nil
}

// list opens the next window, or, after a kill, the one that was open.
func (p *searchPager) list(ctx context.Context) error {
	to := p.place.to
	again := to > 0
	if !again {
		to = min(p.place.from+p.wide, p.until)
	}
	for {
		a, err := p.search(ctx, p.place.kind, p.place.from, to, nil)
		if err != nil {
			return refusal(p.shard.Stream, p.way.name, err)
		}
		if wide := to - p.place.from; a.count > searchMost && wide > 1 && !again {
			// A window that is much too full is cut by more than half.
			p.wide = max(min(wide/2, wide*searchAim/a.count), 1)
			to = p.place.from + p.wide
			continue
		}
		if err := p.collect(ctx, to, a); err != nil {
			return err
		}
		p.widen(to, a.count)
		p.place.to, p.open = to, true
		return nil
	}
}

// widen chooses how long the next window is.
func (p *searchPager) widen(to, count int64) {
	wide := to - p.place.from
	switch {
	case count == 0:
		wide *= 8
	case count < searchAim/2:
		wide *= 2
	case count > searchAim*2:
		wide /= 2
	}
	p.wide = min(max(wide, 1), p.until)
}

// collect lists the ids of a window, whose first answer is a.
func (p *searchPager) collect(ctx context.Context, to int64, a *found) error {
	p.doubt = nil
	ids := map[string]bool{}
	kinds := []int{p.place.kind, p.place.kind} // twice if need be
	if a.count > searchMost && p.place.kind == anyType {
		kinds = []int{anyType, firstType, firstType + 1}
	}
	count := a.count
	for i, kind := range kinds {
		if i > 0 {
			var err error
			if a, err = p.search(ctx, kind, p.place.from, to, nil); err != nil {
				return refusal(p.shard.Stream, p.way.name, err)
			}
			if kind == p.place.kind {
				count = a.count
			}
		}
		// Chats that vanish or appear while the pages are walked shift them, so that some are passed over.
		if int64(len(ids)) < count {
			if err := p.walk(ctx, kind, to, a, ids); err != nil {
				return err
			}
		}
		if int64(len(ids)) >= count {
			break
		}
	}
	if int64(len(ids)) < count {
		p.doubt = append(p.doubt, fmt.Sprintf("the search counts %d chats from %s to %s, but shows %d: some may be missing",
			count, naive(p.place.from), naive(to-1), len(ids)))
	}
	p.ids = p.ids[:0]
	for id := range ids {
		if id > p.place.id {
			p.ids = append(p.ids, id)
		}
	}
	slices.Sort(p.ids)
	return nil
}

// walk collects the ids of a search's answer and of those behind it.
func (p *searchPager) walk(ctx context.Context, kind int, to int64, a *found, ids map[string]bool) error {
	links := map[string]bool{}
	for {
		for _, id := range a.ids {
			ids[id] = true
		}
		if a.link == "" || len(links) > searchCap {
			return nil
		}
		p.notice(a.link)
		more, key := furtherOf(a.link)
		if key == "" || links[key] {
			return &chatferry.Error{
				Kind: chatferry.KindTemporary, Op: "read", Place: p.way.name,
				Err:  fmt.Errorf("the pages of the search from %s to %s name one another as the next", naive(p.place.from), naive(to-1)),
				Hint: "run the same command again; if it repeats, report it",
			}
		}
		links[key] = true
		next, err := p.search(ctx, kind, p.place.from, to, more)
		for tries := 1; err == nil && tries < listTries; tries++ {
			if _, key := furtherOf(next.link); !links[key] {
				break
			}
			// It may be a fault of one answer; the next one is then as it should be.
			next, err = p.search(ctx, kind, p.place.from, to, more)
		}
		if statusOf(err) == http.StatusBadRequest && len(ids) >= searchMost {
			return nil // the end of what a search shows
		}
		if err != nil {
			return refusal(p.shard.Stream, p.way.name, err)
		}
		a.ids, a.link = next.ids, next.link
	}
}

// furtherOf is what a link asks for beside the search itself, and that as one text; "" if the link says nothing.
func furtherOf(link string) (more url.Values, key string) {
	more, ok := queryOf(link)
	if !ok {
		return nil, ""
	}
	more.Del("q")
	return more, more.Encode()
}

// naive is a time as searches take it: with a zone they find nothing.
func naive(second int64) string { return time.Unix(second, 0).UTC().Format("2006-01-02T15:04:05") }

// found is one answer of a search.
type found struct {
	ids   []string
	count int64
	link  string
}

// question is the search for a kind of chats in the window [from, to).
func question(kind int, from, to int64) string {
	q := "timestamp:[" + naive(from) + " TO " + naive(to-1) + "]"
	if chatTypes[kind] == "" {
		return q
	}
	return "type:" + chatTypes[kind] + " AND " + q
}

// search asks for one page of the search in [from, to).
func (p *searchPager) search(ctx context.Context, kind int, from, to int64, more url.Values) (*found, error) {
	q := url.Values{"q": {question(kind, from, to)}}
	for name, values := range more {
		q[name] = values
	}
	var f *found
	_, err := p.ask(ctx, chatsSearch, q, func(body []byte) (err error) {
		f, err = readFound(body)
		return err
	})
	return f, err
}

func readFound(body []byte) (*found, error) {
	members, err := cutObject(body)
	if err != nil {
		return nil, err
	}
	value := find(members, "results")
	if value == nil {
		return nil, fmt.Errorf("%w %q", errNoRecords, "results")
	}
	f := &found{link: textOf(find(members, "next_url"))}
	if !isNull(value) {
		stubs, err := cutArray(value)
		if err != nil {
			return nil, err
		}
		for _, raw := range stubs {
			id := idOf(memberOf(raw, "id"))
			if plainText(id) != id || strings.Trim(id, ".") == "" {
				return nil, fmt.Errorf("%w: a result without an id that can be asked for", errStructure)
			}
			f.ids = append(f.ids, id)
		}
	}
	count, ok := parseEpoch[EpochSec](find(members, "count"))
	if f.count = int64(count); !ok {
		if f.link != "" {
			return nil, fmt.Errorf("%w: no count of its results", errStructure)
		}
		f.count = int64(len(f.ids))
	}
	return f, nil
}
