// Package certificate says in one small file what a run has left: which logs a dataset had and where they ended, what
// became of every record, which files it consisted of, what is proven of it and what cannot be.
//
// # Form
//
// A certificate is canonical JSON (RFC 8785): one line without an end, its members in one order. It is a function of the logs up
// to the run-done that it is about, and of the quarantine files that they list: whoever makes it again, at any time, on any
// machine, gets the same bytes. So a certificate that is missing can be made later, and one that was edited is found by
// making it again. Another meaning or another member needs another Format.
//
// A signature is 64 bytes in a file of its own, Ed25519 over exactly the bytes of the certificate, so that any program that
// knows Ed25519 checks it.
//
// # What it is for
//
// The logs of a dataset cannot show that their own end was cut off: what is left looks like a run that was killed. Nor can
// they show that all of them were written anew. A certificate that is kept elsewhere shows both, since it names the last record of
// every log by its SHA-256. Signed, it shows who vouches for it.
//
// A certificate holds names of streams, tables and source files, codes, counts, digests and times, and no value of any record.
// Of the source it holds how much there was and by what it is known again, neither a path nor a secret.
package certificate
