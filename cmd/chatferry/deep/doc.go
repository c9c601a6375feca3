// Package deep holds a dataset against the source that it was made of, a dump or an account, and changes nothing. It comes after package verify,
// which proves from the files and logs that a dataset is what was written; this one proves that what was written is what
// the source says.
//
// # A dump
//
// What the dataset holds and what the source has are read apart, group by group (the Parts whose records share files, as in
// package verify, so that a group is bounded), and compared by where each record was read, its Shard and offset:
//
//	rows        every record is rebuilt from the columns and _extra of all its tables, and parsed by encoding/json; of its
//	            value a fingerprint is kept, and of its bytes the SHA-256 that the row names. Then each typed column is held
//	            against the field that it is named after
//	aside       the records of the ledger and of the quarantine, with their SHA-256
//	source      the same range of the dump, cut into records by package dump and decoded by encoding/json or encoding/csv: a
//	            record must be one of the above, with the same SHA-256 and, of a row, the same value. What is left over
//	            then, the source has not. A row that a rule changed on its way out of quarantine has the SHA-256 of
//	            the source and the values of the rule: it is counted, not compared
//	tell        of what differs, the rows are read once more, to name the fields
//
// A Part that was moved into other files, or joined with others, keeps the columns that say where its rows were read, so
// that neither the order of files nor that of rows is believed. Child rows are found by the place of their chat. Memory does
// not grow with the dataset: it is 64 bytes or so for each record of a group, and a slice of its rows. A Shard is read
// from its beginning on, so that a compressed file is decompressed once; what shares neither Shards nor files is compared
// side by side.
//
// Values are equal if they are as JSON values: numbers exactly, however they are written; halves of surrogate pairs, which
// encoding/json itself would make alike, as they are. Which column belongs to which field is said here once more, apart from
// package transform: a pair of columns that is mixed up on the way in, and again on the way back, gives the record back and
// is found all the same. A record in quarantine for not being JSON, not being UTF-8 or not being an object must be so.
//
// At last the files are cut into records once more, by encoding/json, encoding/csv and at line ends, and counted and summed
// up by Shard: what package dump passes over in silence stands in no dataset, and shows here alone. Of files that are damaged
// this cannot be told, since no library has a rule for what is a record in them.
//
// What is shared with the code that made the dataset: where the records of damaged files begin and end, how a record is
// rebuilt from its rows, and the removal of secrets in front of the hash.
//
// # An account
//
// An account cannot be read twice at the price of once, so it is asked two things that the export has no part in:
//
//	counts   chats by their own time, by search: by month, by day where a month does not agree, and where a day does not, by
//	         their ids. The search counts conversations of Message, which the ledger has, and no deleted chats
//	refetch  some chats by their ids, chosen by chance, compared value by value
//
// What was made, changed or deleted since the dataset was read is told and is no difference. Where the account counts as many
// as are held, a chat that was exchanged for another is not seen; the more chats are asked for again, the rarer that must be.
package deep
