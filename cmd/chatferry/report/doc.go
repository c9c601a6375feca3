// Package report tells what became of a migration, for the person who ran it and for whoever asks whether everything is
// there: as one HTML page that stands alone, as Markdown, or as JSON.
//
// [New] takes every figure from the fold of the logs, so that a report can be made while a run works and after it, of a
// folder and of a bucket alike. [Report.CountMonths] adds what the logs do not hold, the chats of each month, by one scan of
// two columns. Nothing here decides what became of a run: that, and the commands to go on with, come in with [Facts].
//
// A report holds names of streams, tables and files, codes, counts and times. It never holds a value of a record, and of the
// source only its URI without credentials. The page loads nothing: neither script nor font nor image, and its policy forbids it
// to.
package report
