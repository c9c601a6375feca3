package estimate

import (
	"slices"
	"time"

	"chatferry"
)

// expendable are the Streams without which agents can work for some hours, in the order in which they are left out where
// they cost the same.
var expendable = []chatferry.Stream{
	chatferry.Bans, chatferry.OAuthClients, chatferry.Goals, chatferry.RoutingSettings, chatferry.Shortcuts, chatferry.Triggers, chatferry.Skills,
}

// fit says what of the cut-over fits into a window. cutting is how long some of its Streams take.
func (e *Estimate) fit(window time.Duration, streams []chatferry.Stream, cutting func([]chatferry.Stream) time.Duration) {
	w := &e.Window
	w.Seconds, w.Needs = window.Seconds(), e.Cutover.Seconds
	w.AtLeast = slices.ContainsFunc(streams, func(s chatferry.Stream) bool { return e.Streams[s].AtLeast })
	if e.Cutover.Took() <= window {
		w.Fits = FitsYes
		w.Backfill = e.Cutover.Took()+e.Backfill.Took() <= window
		return
	}
	w.Fits = FitsNo
	left := slices.DeleteFunc(slices.Clone(expendable), func(s chatferry.Stream) bool { return !slices.Contains(streams, s) })
	cost := func(s chatferry.Stream) int64 { return e.Streams[s].Requests.N + e.Streams[s].Bytes.N>>20 }
	slices.SortStableFunc(left, func(a, b chatferry.Stream) int { return int(cost(b) - cost(a)) })
	kept := slices.Clone(streams)
	var without []chatferry.Stream
	for _, s := range left {
		kept = slices.DeleteFunc(kept, func(k chatferry.Stream) bool { return k == s })
		without = append(without, s)
		if took := cutting(kept); took <= window {
			w.Fits, w.Without, w.Needs = FitsWithout, without, took.Seconds()
			return
		}
	}
}
