// Package news finds out, before a run writes anything, whether an account has something that its dataset does not hold.
//
// It reads what the run would read, by the same readers and the same transformer, and compares what comes with what was
// committed:
//
//	a Stream that is read whole    the digest of its records with that of the last reading, order-free: equal multisets
//	a Stream that grows            each record's SHA-256 with those of the Parts that the last passes over it left
//
// To be wrong in one direction costs a pass that brings nothing; so whatever is in doubt, a record that cannot be
// converted, an answer that may be incomplete, a Stream that is suddenly forbidden, counts as news.
package news
