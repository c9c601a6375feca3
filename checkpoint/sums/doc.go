// Package sums takes the SHA-256 of many messages: of all records of a page, or of all rows of a table. It imports nothing
// of the program, and the root package may import it.
//
// One message after the other, a processor with instructions for SHA-256 waits most of the time for the round before. So
// where there is AVX-512, 16 messages are worked on side by side, each in its 32 bits of wide registers, which is more than
// twice as fast. Elsewhere, and for messages that have no company, crypto/sha256 does the work. The sums are the same.
package sums
