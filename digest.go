package chatferry

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"

	"chatferry/checkpoint/sums"
)

// SHA256 is a SHA-256 sum that prints and marshals as hex.
type SHA256 [32]byte

// String returns the sum as 64 hex digits.
func (s SHA256) String() string { return hex.EncodeToString(s[:]) }

// MarshalText implements encoding.TextMarshaler.
func (s SHA256) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *SHA256) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(s) {
		return fmt.Errorf("a SHA-256 has 64 hex digits, this has %d", len(b))
	}
	_, err := hex.Decode(s[:], b)
	return err
}

// Digest is a sum of SHA-256 values modulo 2^256. It does not depend on the order of its terms, and Digests of disjoint
// sets add up, so ranges, Shards, workers and restarts can be merged and compared. The zero value is the empty set.
//
// Against accidents 256 bits are ample. Tamper evidence comes from the SHA-256 of each file, not from this sum.
type Digest struct {
	w [4]uint64 // least significant word first
}

// Add adds the SHA-256 sum s.
func (d *Digest) Add(s *[32]byte) {
	var c uint64
	d.w[0], c = bits.Add64(d.w[0], binary.BigEndian.Uint64(s[24:]), 0)
	d.w[1], c = bits.Add64(d.w[1], binary.BigEndian.Uint64(s[16:]), c)
	d.w[2], c = bits.Add64(d.w[2], binary.BigEndian.Uint64(s[8:]), c)
	d.w[3], _ = bits.Add64(d.w[3], binary.BigEndian.Uint64(s[0:]), c)
}

// Merge adds another Digest.
func (d *Digest) Merge(o Digest) {
	var c uint64
	for i := range d.w {
		d.w[i], c = bits.Add64(d.w[i], o.w[i], c)
	}
}

// Sub takes another Digest away.
func (d *Digest) Sub(o Digest) {
	var c uint64
	for i := range d.w {
		d.w[i], c = bits.Sub64(d.w[i], o.w[i], c)
	}
}

// IsZero reports whether d is the empty set's Digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// String returns d as 64 hex digits, most significant first.
func (d Digest) String() string {
	var b [32]byte
	for i, w := range d.w {
		binary.BigEndian.PutUint64(b[24-8*i:], w)
	}
	return hex.EncodeToString(b[:])
}

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(t []byte) error {
	var s SHA256
	if err := s.UnmarshalText(t); err != nil {
		return err
	}
	*d = Digest{}
	d.Add((*[32]byte)(&s))
	return nil
}

// Entry returns the term e by which a record counts in the Digests of the books:
// SHA-256(f("chatferry/1") ‖ f(stream) ‖ f(raw)), where f(x) is the length of x as 8 bytes, big-endian, followed by x,
// and raw is the SHA-256 of the record's bytes as cut.
func Entry(stream Stream, raw *[32]byte) [32]byte {
	var a [128]byte
	return sha256.Sum256(append(appendEntry(a[:0], stream), raw[:]...))
}

// appendEntry appends what stands before raw in the message of an Entry.
func appendEntry(b []byte, stream Stream) []byte {
	b = appendField(b, "chatferry/1")
	b = appendField(b, string(stream))
	return binary.BigEndian.AppendUint64(b, 32)
}

func appendField(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}

// Entries puts the Entry of every record of a Stream into terms; raws are their SHA-256 sums, as many.
func Entries(terms [][32]byte, stream Stream, raws [][32]byte) {
	var a [128]byte
	before := appendEntry(a[:0], stream)
	n := len(before) + 32
	const step = 128
	var lengths [step]int
	room := sums.Room(n)
	sheet := make([]byte, room*min(step, len(raws)))
	for len(raws) > 0 {
		k := min(step, len(raws))
		for i := range k {
			lengths[i] = n
			copy(sheet[room*i:], before)
			copy(sheet[room*i+len(before):], raws[i][:])
		}
		sums.Sheet(terms[:k], sheet, lengths[:k])
		terms, raws = terms[k:], raws[k:]
	}
}
