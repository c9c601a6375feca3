// Package endtoend holds the tests that need every stage: the real program, killed, frozen and fed with garbage; the
// Pipeline over a disk that fails at each of its operations; and the proof that nothing of a record is lost.
package endtoend
