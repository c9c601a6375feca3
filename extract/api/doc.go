// Package api reads a legacy account through the Chat API.
//
// A [Client] speaks to one origin with one token under one limiter for the whole account; [Dial] finds which origin the
// account answers at. A [Source] opens Shards over the Client; each kind of endpoint has its own way of paging:
//
//	incremental   keyset on update time: chats by (second, id), agent_timeline by microsecond, the others by second
//	list          /chats, newest first, by an opaque cursor
//	search        /chats/search by windows of time, then the chats themselves by id, 50 at a time
//	since_id      agents and bans: the id to begin with, inclusive
//	whole         everything else: one answer
//	visitors      one by one, by a list of ids that somebody else gives
//	attachments   one by one, from wherever the chats say they are
//
// # Trust
//
// Nothing that the server says is dialled. next_page and next_url are parsed for their cursor, and the request is built
// from the Client's own origin. Redirects to another origin are refused. The token goes to the origin alone.
//
// # Ends
//
// A Stream ends only when that is proven: by an empty page, or by a short one whose cursor does not move. A cursor that
// repeats is an error or a Doubt, never a loop. 404 and 403 are a [chatferry.UnavailableError], never an empty Stream.
package api
