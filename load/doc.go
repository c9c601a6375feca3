// Package load turns Batches into Parts: Parquet files of rows, a ledger and a quarantine, built in staging, read back,
// and made durable before a Checkpoint may name them.
//
// # How a Part is built
//
//	Begin                     nothing is created yet; a table's file is opened by its first rows
//	Write(Batch) …            rows go to row groups, Rejects to quarantine, LedgerEntries to the ledger
//	Seal, for every file:     finish it, check the sink's error and count,
//	                          read it back: size, SHA-256, rows per row group, every value, the statistics,
//	                          make its bytes durable
//	Seal, once:               make the names in staging durable
//
// Nothing that a Part holds is visible to readers of the dataset before its store publishes it.
//
// # Why files are read back
//
// The Parquet writer of arrow/go v17 drops errors: file.Writer.Close returns nil whatever happened, row groups that are
// closed on the way to the next one lose theirs, WriteBatchSpaced ignores a failed page. So this package believes none of
// its answers: [hashingSink] remembers the first error of the file for ever, counts and hashes what was written, row
// groups are closed by hand, the footer is written by this package, and the finished file is decoded once more and
// compared with the values that the Batches held.
//
// # Parquet files
//
// The bytes of a file depend on the values of its Batches and on where each Batch ends, and on nothing else: no time,
// version, epoch or run stands in a file, compression uses one goroutine, and the settings in settings.go are constants
// of the format. Dictionaries never fall back to plain encoding in the middle of a column, because v17 writes the list
// of a column's encodings in random order when they do.
//
// String data of a Batch must not be overwritten after its release: v17's statistics refer to it until the row group is
// written. The read-back compares statistics with the values, so a breach is an error and not a file that hides rows.
package load
