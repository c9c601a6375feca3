// Package dump reads dumps of a legacy account: folders of NDJSON, JSON arrays, saved API pages and analytics CSV
// files, plain, gzip or zstd.
//
// [List] finds the files of a dump and says of each whose Stream it holds, [Listing.Plan] cuts them into Shards, and
// [Source] reads a Shard as Pages.
//
// # What it promises
//
//   - Every byte of a file is part of a record, of a Reject, or of what stands between records: white space, the
//     brackets and commas of an array, the members of an API page that are no records, the header of a CSV file.
//   - A Page depends on the bytes of the files and on the Position where it begins, never on how the bytes arrive. A
//     Shard opened at any Page's After gives the same Pages again.
//   - A file is read as it was listed or not at all: another size, time or ETag than in the Shard is an error.
//   - Damage costs what is damaged. A bad line costs itself; behind a break in an array or page the rest of that file
//     is one Reject; what a damaged gzip or zstd stream still gives is read, and the file is named in a Doubt.
//   - Memory is bounded by the length limit of a record, whatever the input holds.
//
// # What cannot be seen
//
// A file that was cut at the end of a line, of a gzip member or of a zstd frame looks complete. Without a list of what
// the dump should hold the completeness of its files is therefore unknown, and [Found.Completeness] says so. A JSON
// array or API page that is not closed does show, and gives a Doubt. Damage to a zstd frame without a checksum may go
// unseen as well; the command zstd writes checksums unless told not to.
//
// # Formats
//
// Compression is told by the first bytes of a file, not by its name. So is the format:
//
//	NDJSON     one value a line. Blank lines, CRLF and a byte order mark at the file's start are tolerated.
//	documents  JSON values one after another, with or without white space between them. A top-level array is unwrapped;
//	           so is an object that holds an array under the name of its Stream ("chats": [ … ]), a map of chats under
//	           "docs", bans under "visitor" and "ip_address", or routing settings under "data". Any other value is a
//	           record itself, so objects may be written over several lines.
//	CSV        for the analytics Streams: a header row, then one record a row; quoted fields may hold line ends.
//
// A chat that is null under "docs" no longer exists in the account. It becomes a Reject that holds its id, so that the
// person who asked for it learns of it.
package dump
