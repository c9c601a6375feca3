// Package faults spoils the answers of an API on purpose, as real networks, proxies and servers do: it stands as an
// [Handler] before another handler and breaks what [Rule]s say, on the pages that they say, the same for the same seed.
//
// A spoiled answer may lie about its page. The account behind stays what it is, so that a client that does the right
// thing can still read all of it; what that comes to is told for each [Kind] by [Kinds]. Records keep their bytes, except
// where a Kind is about records.
//
//	kind, rule       what can go wrong, where, and how it is written
//	endpoint         what is asked for
//	handler, turn    from request to answer
//	answer, status   answers that are whole
//	wire             answers that break off
//	page, scan, edit pages that are not what they should be
//	alias            the cursors of pages that were cut
//
// The handler behind is asked for every GET, also where its answer is thrown away, so that what it counts and limits is
// what came over the wire. Larger and smaller pages cost it one request more, which Stats.Extra counts.
package faults
