package estimate

import "time"

// chain is a row of requests each of which waits for the answer to the one before.
type chain struct {
	requests int64
	latency  time.Duration
}

// playMost bounds how many requests are played through one by one. Beyond, the interval or the latency alone decides.
const playMost = 1 << 18

// course is how long requests take of which one goes out every interval at the soonest: first those of the head, one after
// the other, then those of the chains, of which so many lanes work on one each. The pacer starts empty, so that even the
// first request waits an interval; later ones go in the order in which they are ready.
//
//	pacer   |  1  2  3  4  5  6  7 …        one slot an interval
//	head      [1…][2…]
//	lane 1             [3……][5……] …         a chain each, an answer awaited before the next
//	lane 2                [4……][6……] …
func course(interval time.Duration, head chain, chains []chain, lanes int) time.Duration {
	total := head.requests
	var work time.Duration
	for _, c := range chains {
		total += c.requests
		work += time.Duration(c.requests) * c.latency
	}
	if total > playMost {
		return max(time.Duration(total)*interval, work/time.Duration(max(1, lanes)))
	}
	slot, now := interval, time.Duration(0)
	ask := func(ready, latency time.Duration) time.Duration {
		at := max(ready, slot)
		slot = at + interval
		return at + latency
	}
	for range head.requests {
		now = ask(now, head.latency)
	}
	// Each lane is ready at a time, and has requests left of its chain.
	type lane struct {
		ready time.Duration
		chain
	}
	working := []lane{}
	end := now
	for len(working) > 0 || len(chains) > 0 {
		for len(working) < max(1, lanes) && len(chains) > 0 {
			// A lane that became free took the next chain when its last answer came.
			working = append(working, lane{now, chains[0]})
			chains = chains[1:]
		}
		first := 0
		for i := range working {
			if working[i].ready < working[first].ready {
				first = i
			}
		}
		l := &working[first]
		if l.requests > 0 {
			l.ready = ask(l.ready, l.latency)
			l.requests--
		}
		if l.requests <= 0 {
			now = l.ready
			end = max(end, now)
			working[first] = working[len(working)-1]
			working = working[:len(working)-1]
		}
	}
	return end
}
