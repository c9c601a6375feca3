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
// Neither the writer nor the disk is believed: [hashingSink] remembers the first error of the file for ever, counts and
// hashes what was written, and the finished file is decoded once more, every byte of it. What is read is held against what the Batches held,
// column by column (package chunk), and the minima and maxima in its footer against its values, since a reader that
// believes false ones skips rows in silence.
//
// # Parquet files
//
// Pages are made and read back by package chunk; of arrow/go v17 only the footer is used for that. Whoever reads rows later
// ([RowReader]) has them decoded by arrow's column chunk readers, as any other reader would. Its column writers copy every value several times, drop errors (file.Writer.Close returns nil whatever happened),
// state 0 distinct values, and keep minima and maxima as references into the Batches' memory.
//
// The bytes of a file depend on the values of its Batches and on where each Batch ends, and on nothing else: no time,
// version, epoch or run stands in a file, compression uses one goroutine, and the settings in settings.go are constants
// of the format.
package load
