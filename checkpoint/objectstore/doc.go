// Package objectstore is the few calls that chatferry makes of an S3-compatible store, and what their answers mean. It
// names no library: awss3 carries the calls out, sims3 is a store in memory that fails on purpose, realserver starts a
// real one for tests.
//
// # Ambiguous answers
//
// A call that changes something may have been applied although it failed: its answer was lost, or the store said 500 and
// did the work. A Bucket sends a request again while that may help, so every refusal may come from one's own earlier
// success: ErrExist from PutIfAbsent, ErrChanged from PutIfMatch, ErrExist or ErrNoUpload from Complete. After any answer
// of such a call but a clean success only reading tells what is there, and nothing may be removed on its strength.
// ErrAmbiguous marks the errors that say so themselves.
//
// # Checksums
//
// Every body is sent with its SHA-256, which the store compares before it accepts the bytes. An object put at once
// answers PlainSHA256 of its bytes, one completed from parts CompositeSHA256 of the parts' sums: both are known before
// the object exists, and both prove all of its bytes, the second as a tree of two levels. A store that keeps no
// checksums answers "".
package objectstore
