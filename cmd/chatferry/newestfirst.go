package main

import (
	"cmp"
	"slices"
	"time"

	"chatferry"
)

// newestFirst puts Shards into the order in which recent history comes first: what has no times, as the configuration, then
// the ranges of an account over all Streams from the one that ends last backwards; the files of a dump, whose names may
// tell their time, Stream by Stream from the last backwards. Numbers stay as they were planned, so the dataset becomes
// the same.
func newestFirst(shards []*chatferry.Shard) {
	place := map[chatferry.Stream]int{}
	for i, s := range chatferry.Streams() {
		place[s] = i
	}
	rank := func(s *chatferry.Shard) int {
		switch {
		case s.API == nil:
			return 2
		case s.API.Since.IsZero() && s.API.Until.IsZero():
			return 0
		}
		return 1
	}
	slices.SortStableFunc(shards, func(a, b *chatferry.Shard) int {
		of := rank(a)
		if c := cmp.Compare(of, rank(b)); c != 0 {
			return c
		}
		switch of {
		case 1:
			return cmp.Or(endOf(b).Compare(endOf(a)), cmp.Compare(place[a.Stream], place[b.Stream]))
		case 2:
			return cmp.Or(cmp.Compare(place[a.Stream], place[b.Stream]), cmp.Compare(b.ID, a.ID))
		}
		return 0
	})
}

// endOf is where a range ends; a sweep goes on to the newest.
func endOf(s *chatferry.Shard) time.Time {
	if s.API.Until.IsZero() {
		return s.API.Begun
	}
	return s.API.Until
}
