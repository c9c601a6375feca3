// Package settle makes a dataset hold one row for each key, at its newest version.
//
// A record comes again whenever it is touched: within a run, in the sweeps after it, in later runs, in overlapping dumps.
// Each time it becomes a row of the Part that it was read with. Settling finds keys with several rows and takes all but
// the newest out: a row goes only if a committed one, a row or an excluded record of the ledger, with the same key is
// greater in (version, Shard, offset). It stands in the ledger from then on, as superseded, and the books move with it.
//
// # How
//
//	find     hold the keys of new files against all of a Stream; a hash that occurs twice is a candidate
//	resolve  read the key and version columns of the files that hold candidates, and compare the keys themselves
//	rewrite  the files of Parts that lose rows, parents and children, row group by row group
//	replace  exchange the files in the dataset's log, many Parts at a time, in the order of Stream, Shard and number
//
// The Streams that an account gives whole each time, its configuration, have no versions. Of these the last reading is what
// there is: whatever earlier ones gave is superseded, and what the last one does not have has the reason "gone" in the
// ledger. A dump is not known to be whole, so that its records are settled by their keys alone.
//
// A row that is superseded is less than another one that is committed, and so is whatever it superseded before. The
// superseded entries of the ledger therefore never decide anything, and are not looked at.
//
// Everything is planned from the logs and the files alone, in one order, so that a settle that is killed anywhere and
// begun again leaves the same files as one that was not.
//
// Then, if the dataset has or gets maps between the ids before and after an upgrade (package identity), they are brought up
// to date, and the columns NAME_upgraded filled as they say: each file in which one says something else is exchanged.
//
// Then, where frequent runs have left many small files, compact joins them, and chat_visitors is brought up to date with
// the chats.
//
// # Replays
//
// Records in quarantine can be converted anew, as they are or as a rule changes them, in one replace:
//
//	look     convert what is meant, page by page, and see which units have a record that leaves
//	write    of each such unit: rows and ledger entries, what left the quarantine as it was cut, what stays there
//	replace  retire the unit's files in quarantine; the books move by exactly these records
//
// A unit keeps its files to itself, so that what is held in memory to verify or settle it does not grow. What a record was
// cut as is what it counts as: a rule changes values, not the digests of the books. What comes out may be older or newer
// than what is there; the settle that follows leaves one row for each key.
//
// # What a settle costs
//
// Rows that were settled together do not supersede each other, so only the keys of files that are new since are held in
// memory, and those of all files run past them: 8 bytes and a few nanoseconds each. Only where too many are new, or it is
// not known which, all key files are merged, a range of hashes at a time. Apart from that a settle reads the files that are
// new, those that it rewrites, and the key columns of those that hold a candidate.
//
// Files from which others are derived are read side by side, and so are the files of chat_visitors written: as many as there
// are cores and as the memory allows. What follows from them is taken in their order, so that it is the same on any machine.
//
// The rows of chat_visitors that can change are those of visitors of whom the files of chats that went say something else
// than those that came. What is right of them follows from the visits of all files, where hashes are run past once more;
// their texts are in the newest chats, which are read then. Each file of chat_visitors with a row that is not right is
// exchanged, and new rows come in the order of those chats. Where it is not known what the table was derived from, the visits
// of all files are merged, a range of hashes at a time; the outcome is the same, byte for byte.
//
// No text is held but in the file that is read, so that a table of any number of visitors costs the same for each: every chat
// is read once for its visits and once for the texts of visitors whose newest it is. Of a visitor whose row is to be written
// a bit is held, or 56 bytes if there are several chats. When the memory has no room for all of them, the visits are merged
// again for those whose newest chats are in later files, at some 0.15 µs for each visit.
//
// # Derived files
//
// Beside each file of rows of a parent table and each ledger stands _chatferry/keys/<SHA-256 of the
// file>.keys:
//
//	"chatferry keys 1"     16 bytes
//	entries, deleted rows  8 bytes each, little-endian
//	entries                8 bytes each, sorted: a hash of Stream and key; the lowest bit is 1 for an excluded record
//	CRC-32C of all before  4 bytes, little-endian
//
// and beside each file of chats and of chat_visitors <SHA-256>.visits:
//
//	"chatferry visit2"     16 bytes
//	visitors, 0            8 bytes each
//	hashes                 8 bytes each, sorted: of the visitors' ids
//	CRC-32C of all before  4 bytes
//	visitors               80 bytes each, in the order of hash and id: SHA-256, cut to 16 bytes, of the id and of what the newest
//	                       chat says of the visitor in words; then, 8 bytes each, time of the first chat and of the last,
//	                       and time, Shard and offset of the newest; then, 4 bytes each, chats and the row of the newest; after
//	                       every 64 and after the last the CRC-32C of these, 4 bytes
//
// The visits of files that went stay until chat_visitors reflects that. settled.state says in JSON, between "chatferry state1"
// and its CRC-32C, which files of each Stream were settled together, what chat_visitors was derived from, and
// which files say what the maps of identities say. It names all by their SHA-256, so that it can be out of date but never wrong.
//
// All these are derived, and named by what they are derived from: one that is missing, damaged or left over is made again or
// removed, and none is part of the proof or of the dataset. That is why they are not fsynced.
//
// # What rows do not say
//
// A row does not hold the length of its record. The raw bytes that move in the books, and the raw_len of superseded
// entries, are the Part's average; they are exact in sum as soon as the Part has no row left. Counts and digests are exact.
package settle
