package api

import (
	"context"
	"fmt"
	"time"

	"chatferry"
)

// chats chooses how chats are read, and plans it.
func (p *planner) chats(ctx context.Context) error {
	way, _ := exportOf(chatferry.Chats)
	b := ofStream[EpochSec](p.get, way, p.pageLimit(), p.plan.Until)
	_, err := b.look(ctx, p.since())
	if _, absent := unavailable(err); absent {
		// What is decided here stays, and the other ways see neither edits nor deletions: one odd answer must not decide it.
		_, err = b.look(ctx, p.since())
	}
	if why, absent := unavailable(err); absent {
		return p.chatsOtherwise(ctx, why)
	}
	if err != nil {
		return refusal(chatferry.Chats, way.name, err)
	}
	e := Estimate{Stream: chatferry.Chats, Endpoint: way.name, Records: -1, Requests: -1}
	var edges []time.Time
	if !b.probes[0].full {
		e.Records = b.probes[0].n
	} else if p.Limit == 0 {
		// The count is of chats by their own time, which comes near enough.
		if e.Records, err = p.searchCount(ctx, p.Since, p.plan.Until); err != nil {
			return err
		}
		total := max(e.Records, 0)
		if total == searchCap {
			total = 0 // it may be a cap rather than a count
		}
		budget := min(max(int(float64(total)/exportLimit*probeShare), 2), probeMost)
		if total > 0 && p.count(total) == 1 {
			budget = 0
		}
		edges, err = spread(ctx, b, budget, total, p.count)
		if err != nil {
			return refusal(chatferry.Chats, way.name, err)
		}
		if total == 0 {
			_, sum := b.stretches(0)
			e.Records = int64(sum)
		}
		p.spare = int(float64(e.Records) / exportLimit * (1.0 / 400))
	}
	p.windows(way, edges)
	e.Windows = len(edges) + 1
	if e.Records >= 0 {
		e.Requests = e.Records/exportLimit + int64(e.Windows)
	}
	p.estimate(e)
	return nil
}

// chatsOtherwise plans chats on an account without their incremental export.
func (p *planner) chatsOtherwise(ctx context.Context, why chatferry.Availability) error {
	const unknown = -1
	inRange, err := p.searchCount(ctx, p.Since, p.plan.Until)
	if err != nil {
		return err
	}
	newer := inRange // chats that the list shows before it comes to Since
	if !p.Until.IsZero() && inRange != unknown {
		if newer, err = p.searchCount(ctx, p.Since, time.Time{}); err != nil {
			return err
		}
	}
	listable := true
	if _, err := firstOfList(ctx, p.get); err != nil {
		if _, absent := unavailable(err); !absent {
			return refusal(chatferry.Chats, chatsList, err)
		}
		listable = false
	}
	e := Estimate{Stream: chatferry.Chats, Records: inRange, Requests: unknown, Windows: 1}
	listCost, searchCost := newer/listLimit+1, inRange/listLimit+inRange/bulkLimit+1
	reason := fmt.Sprintf("the incremental export of chats is %s", why)
	way, _ := exportOf(chatferry.Chats)
	switch {
	case !listable && inRange == unknown:
		// None of the three: the Shard says so when it is read.
		e.Endpoint, e.Reason = way.name, reason+", and so are the list and the search"
		p.windows(way, nil)
	case listable && (inRange == unknown || listCost <= searchCost):
		e.Endpoint = chatsList
		e.Reason = reason + "; the list gives 40 chats a request"
		if inRange != unknown {
			e.Requests = listCost
		}
		way, _ = endpointOf(chatsList)
		p.add(way, &chatferry.Range{Since: p.Since, Until: p.Until})
	default:
		e.Endpoint, e.Requests = chatsSearch, searchCost
		e.Reason = reason + "; search gives 40 ids a request, and 50 chats more with another"
		way, _ = endpointOf(chatsSearch)
		edges, err := p.searchEdges(ctx, inRange)
		if err != nil {
			return err
		}
		p.windows(way, edges)
		e.Windows = len(edges) + 1
	}
	p.estimate(e)
	return nil
}

// searchCount counts chats by their own time; -1 if there is no search.
func (p *planner) searchCount(ctx context.Context, since, until time.Time) (int64, error) {
	from, to := int64(epochOf[EpochSec](since)), mostSearch-1
	if !until.IsZero() {
		to = until.Unix()
	}
	q := question(anyType, from, max(to, from+1))
	var f *found
	_, err := p.get.Get(ctx, chatsSearch, map[string][]string{"q": {q}}, func(body []byte) (err error) {
		f, err = readFound(body)
		return err
	})
	if _, absent := unavailable(err); absent {
		return -1, nil
	}
	if err != nil {
		return 0, refusal(chatferry.Chats, chatsSearch, err)
	}
	return f.count, nil
}

// searchEdges halves the range of a search until there is a window for each Lane.
func (p *planner) searchEdges(ctx context.Context, total int64) ([]time.Time, error) {
	type half struct {
		from, to time.Time
		count    int64
	}
	n := min(max(p.Lanes, 1), p.count(total*exportLimit/listLimit))
	list := []half{{time.Unix(int64(epochOf[EpochSec](p.Since)), 0).UTC(), p.plan.Until, total}}
	for tries := 0; len(list) < n && tries < 4*n; tries++ {
		widest := 0
		for i := range list {
			if list[i].count > list[widest].count {
				widest = i
			}
		}
		h := list[widest]
		middle := h.from.Add(h.to.Sub(h.from) / 2).Truncate(time.Second)
		if !middle.After(h.from) {
			break
		}
		count, err := p.searchCount(ctx, h.from, middle)
		if err != nil {
			return nil, err
		}
		switch {
		case count <= 0:
			list[widest].from = middle
		case count >= h.count:
			list[widest].to = middle
		default:
			list[widest] = half{h.from, middle, count}
			list = append(list[:widest+1], append([]half{{middle, h.to, h.count - count}}, list[widest+1:]...)...)
		}
	}
	var edges []time.Time
	for _, h := range list[1:] {
		edges = append(edges, h.from)
	}
	return edges, nil
}
