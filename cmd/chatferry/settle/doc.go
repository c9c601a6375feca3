// Package settle makes a dataset hold one row for each key, at its newest version.
//
// A record comes again whenever it is touched: within a run, in the sweeps after it, in later runs, in overlapping dumps.
// Each time it becomes a row of the Part that it was read with. Settling finds keys with several rows and takes all but
// the newest out: a row goes only if a committed one, a row or an excluded record of the ledger, with the same key is
// greater in (version, Shard, offset). It stands in the ledger from then on, as superseded, and the books move with it.
//
// # How
//
//	find     merge the key files of a Stream; a hash that occurs twice is a candidate
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
// Then, where frequent runs have left many small files, compact joins them, and chat_visitors is derived from the chats if
// these have changed.
//
// # Key files
//
// Beside each file of rows of a parent table and each ledger stands _chatferry/keys/<SHA-256 of the file>.keys:
//
//	"chatferry keys 1"     16 bytes
//	entries, deleted rows  8 bytes each, little-endian
//	entries                8 bytes each, sorted: a hash of Stream and key; the lowest bit is 1 for an excluded record
//	CRC-32C of all before  4 bytes, little-endian
//
// They are derived, and named by what they are derived from: one that is missing, damaged or left over is made again or
// removed, and none is part of the proof or of the dataset. That is why they are not fsynced.
//
// # What rows do not say
//
// A row does not hold the length of its record. The raw bytes that move in the books, and the raw_len of superseded
// entries, are the Part's average; they are exact in sum as soon as the Part has no row left. Counts and digests are exact.
package settle
