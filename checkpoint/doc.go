// Package checkpoint keeps the logs that say what a dataset holds, and carries out the protocol by which a run can be
// killed at any instant, or overtaken by another run, without losing or doubling a record.
//
// There is one log for each Shard and one for the dataset. A record is created under the next number if that number is
// free, is chained to the one before by its hash, and is never rewritten or removed. format.md describes every record.
//
// # One Shard
//
//	open:   make the log's names durable; its highest number is its end
//	        append epoch-open: from now on the append of any older run finds its number taken
//	        publish again what may be committed but not published
//	        finish removing what was reopened
//	        remove staged files of older epochs that no commit names
//	commit: (the files are durable in staging) append commit; publish each file
//	done:   remove what is left in staging; append done
//
// # The dataset
//
//	replace: (the files to add are durable in staging) append replace; publish each added file; append replace-done;
//	         remove each retired file; append removed
//	begin:   append run-open; publish what a replace in progress adds, and append replace-done, or, if staged files are
//	         gone, replace-undone; remove what ended replaces left, and append removed;
//	         remove files that older epochs staged for replaces that were never announced
//
// Inventory and books change with replace-done. Until then every retired file is there, and from then on every added one,
// so whoever globs the tables sees every row at every instant, and some rows twice while a replace works. A replace
// touches only Parts that are known to be published, and what it touched is never reopened; what it retired is never
// published again. No safety rests on the time until which retired files are kept.
//
// A commit is at once the checkpoint and the commit of the data, so there is no window between the two. Publication can
// be repeated any number of times, by anybody, and therefore needs no record of its own.
//
// # Appending
//
// An append is sure only when it answers with clean success. After any other answer the number is read back: it holds
// our record (by its nonce), so the append is done; or another's, so a newer run owns the log, and nothing is touched;
// or nothing, so the same bytes are sent again.
//
// # Buckets
//
// In a bucket (ObjectLogs) a record is put if its name is free, and what is staged is an upload to the final name that is
// completed to publish it. Who sends a request again cannot tell its own earlier success from another's; so there, too,
// only reading tells. An upload does not bear the epoch of its run, but the store's clock tells when it was begun, and when
// a record was written:
//
//	open:   remove uploads that were begun a quarter of an hour before the epoch-open, unless a commit names them
//	done:   append done; remove all that are left: older runs can commit no more, newer ones never open the Shard
//	begin:  remove uploads for replaces that were begun a quarter of an hour before the run-open
//
// # Runs
//
// A run begins with run-open in the dataset log, which gives it an epoch that no other run has. Before it opens a Shard
// it looks whether a newer run-open has appeared. Safety rests on that and on the numbers of the records alone, never
// on a clock or on the lock (Lock, ObjectLock), which only keeps a second run from wasting effort. The clock of a store
// decides only about uploads that nobody can commit any more.
package checkpoint
