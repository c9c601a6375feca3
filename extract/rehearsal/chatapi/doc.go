// Package chatapi is a server that behaves like the legacy Chat API over a made-up account: the paths, envelopes, paging
// protocols, limits and oddities that clients of the real one meet, a clock of its own, tokens that expire, and records
// that change, appear and vanish while they are read.
//
// Both roots, /api/v2 and /api/v2/chat, lead to the same data; tokens are had from /oauth2/token, attachments from
// /attachments/. Nothing is written through it: what changes follows from [Changes] and the clock, or is done by hand
// with Touch, Delete and Insert. What a client should have found is told by [Server.Ledger], what it did by
// [Server.Stats].
//
//	options, kind, clock      what is asked for
//	server, route, answer     from request to answer
//	token, quota, stats       who may ask, how often, and who did
//	world, order, change      what the account is like by now
//	export, fields, moments   incremental exports
//	history, search, query    the list of chats, bulk, search
//	setup, files              configuration, visitors, attachments
//	support                   the Support account beside it
//	ledger                    what is there
package chatapi
