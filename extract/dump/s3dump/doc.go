// Package s3dump reads dumps that lie in an S3-compatible store: below a prefix of a bucket, or in one object.
//
// # What it promises
//
//   - An object is one version of a file. It is known by its size and ETag, every request for its bytes names the ETag,
//     and the store refuses when the object has another one by then. Bytes of two versions are never mixed.
//   - A connection that breaks or falls silent costs time, not bytes: reading goes on at the very byte where it stopped.
//     It gives up after a number of tries in a row that brought no byte.
//   - Nothing is read ahead. An open object holds what its connection holds, a few KiB.
//   - What is left out of a listing is left out with a reason, as on a disk; names that begin with a dot are not.
//
// # What it needs
//
// s3:ListBucket for the prefix, and s3:GetObject for what lies below it. It changes nothing.
package s3dump
