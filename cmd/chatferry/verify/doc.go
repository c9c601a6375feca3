// Package verify proves from the published files and the logs of a dataset alone that it is whole, and changes nothing.
//
// # How
//
//	logs    checkpoint.Load checks every record: sums, chains, numbers, that ranges follow each other, that replaces
//	        balance, and the heads that runs left. Held against each other are then a Part's files and its books, and the
//	        books of the dataset and those of its last run-done
//	list    every file of the Inventory is there with its size; whatever else is there is known to a log as not yet or
//	        not any longer needed
//	read    every file once: its SHA-256, and out of the same bytes its rows, their records e and their values V
//	books   rows, ledger and quarantine by the Part that each record says it is from, against the books of that Part
//	        after all moves; read = loaded + quarantined + excluded + superseded; what left the quarantine is loaded or
//	        in the ledger
//	source  no record stands twice, and each child row belongs to the parent row of the same record with the same id
//	keys    one row for each key where the last run settled, and one for each visitor
//
// Memory does not grow with the dataset's rows. Records are compared inside a group, the Parts whose records share files:
// a Part is cut and files are joined at fixed sizes, so that a group is bounded, and inside it neither the order of files
// nor that of rows has to be believed. Merging parents and children in reading order would take less, but would prove
// nothing about rows that are out of order. Keys are compared by 128 bits of their SHA-256, in as many passes over the key
// columns as the memory limit asks for.
//
// What is proven of a group depends on its files and on the books of its Parts alone. A verification that was stopped may so
// recall it (Memory), if neither has changed since.
//
// A dataset on which a run works is verified as of the logs when it began: what seems missing or left over is looked for
// again, in the logs as they are at the end.
//
// # What it cannot show
//
// That the source gave all it had; what changed there since; that a conversion means what the source meant (the source
// record can be rebuilt from the rows, which only a look at the source can confirm). Records missing at the very end of a
// log show only where a run that ended has named its head, and those at the end of the dataset's own log look like a run
// that was killed. Whoever rewrites all logs and files together is told from the truth only by a copy kept elsewhere.
package verify
