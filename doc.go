// Package chatferry carries a legacy Zendesk Chat (Zopim) account into its upgraded home: it streams the account's
// records out of a dump or the Chat API, turns them into Arrow batches, and loads them as a Parquet dataset, with
// checkpoints, so that a run can be killed at any instant and resumed without losing or doubling a record.
//
// This package holds the words that all others share, the small interfaces between the stages, and the [Pipeline]
// that joins them. It imports none of the stages.
//
// # Words
//
// One word has one meaning, in code, logs, flags and documents alike.
//
//	Stream      one kind of object: chats, visitors, agents, conversions, …
//	Shard       an independent slice of a Stream: a run of dump files, a byte range of one, a time range of the API
//	Position    where to resume inside a Shard: opaque, printable, stable in JSON
//	Page        raw records as read, with the Position that follows them
//	Batch       the Arrow rows of one Page, with the Position that follows it; it owns memory and has Release
//	Part        what one Checkpoint seals: a Parquet file for each table it touches, its Rejects and its ledger
//	Reject      a record that could not be converted: its raw bytes and the reason. Quarantine is where Rejects are kept
//	Checkpoint  one commit record of a Shard's log: this Part is durable, therefore this Shard resumes at this Position
//	Inventory   the fold of all logs: the files that exist. What it does not list does not exist
//	Source      where Pages come from
//	Sink        where Parts go
//	Lane        the three goroutines (read, transform, write) that carry one Shard in order
//
// # The flow
//
//	extract ── Page ──► transform ── Batch ──► load ── Part ──► checkpoint ── Checkpoint
//	     ▲                  └─ Reject ──────────┘ (sealed with its Part)          │
//	     └───────────────── Position of the last Checkpoint ◄─────────────────────┘
//
// # Promises
//
//  1. A Position advances only after the Part and the Rejects before it are durable.
//  2. Work done twice gives the same names: a file's name comes from Shard and sequence number alone.
//  3. Every record read is a row, a Reject or an entry of the ledger, and the counts and digests add up per Checkpoint.
//     No value is lost because its conversion failed: it stands in the column _extra.
//  4. A Shard is marked done only after all its goroutines have joined without error.
//  5. Memory in flight has one bound, in bytes.
//  6. A Source that repeats or reverses its Position is an error, not a loop.
package chatferry
