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
// A commit is at once the checkpoint and the commit of the data, so there is no window between the two. Publication can
// be repeated any number of times, by anybody, and therefore needs no record of its own.
//
// # Appending
//
// An append is sure only when it answers with clean success. After any other answer the number is read back: it holds
// our record (by its nonce), so the append is done; or another's, so a newer run owns the log, and nothing is touched;
// or nothing, so the same bytes are sent again.
//
// # Runs
//
// A run begins with run-open in the dataset log, which gives it an epoch that no other run has. Before it opens a Shard
// it looks whether a newer run-open has appeared. Safety rests on that and on the numbers of the records alone, never
// on a clock or on the lock file, which only keeps a second run from wasting effort.
package checkpoint
