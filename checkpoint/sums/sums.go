package sums

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// Size is that of a sum.
const Size = sha256.Size

// block is what SHA-256 works on: a message is padded to whole blocks.
const block = sha256.BlockSize

// Each puts the SHA-256 of every message into sums, which must be as many.
func Each(sums [][Size]byte, messages [][]byte) {
	if len(sums) != len(messages) {
		panic("as many sums as messages")
	}
	total := 0
	for _, m := range messages {
		total += len(m)
	}
	side := pool.Get().(*lanes)
	defer pool.Put(side)
	side.start(total)
	for i, m := range messages {
		if !side.add(m, &sums[i]) {
			sums[i] = sha256.Sum256(m)
		}
	}
	side.finish()
}

// Room is how many bytes a message of n bytes takes in a Sheet. Slack of them at least are behind it.
func Room(n int) int { return (n + Slack + block - 1) / block * block }

// Slack is the number of bytes behind a message in a Sheet that may hold anything, so that messages can be laid out with
// writes of a fixed size.
const Slack = 32

// padding is the least that SHA-256 adds to a message: a one bit and the length in 8 bytes.
const padding = 1 + 8

// Sheet puts the SHA-256 of messages that lie in one piece of memory into sums. Message i begins behind the Room of those
// before it and has lengths[i] bytes. What is behind a message within its Room is overwritten.
func Sheet(sums [][Size]byte, sheet []byte, lengths []int) {
	total := 0
	for _, n := range lengths {
		total += n
	}
	side := pool.Get().(*lanes)
	defer pool.Put(side)
	side.start(total)
	for i, n := range lengths {
		room := Room(n)
		if !side.addPadded(sheet[:room:room], n, &sums[i]) {
			sums[i] = sha256.Sum256(sheet[:n])
		}
		sheet = sheet[room:]
	}
	side.finish()
}

var pool = sync.Pool{New: func() any { return new(lanes) }}

// pad writes the padding behind the n bytes of a message of which the last stand in b, and returns its blocks.
func pad(b []byte, last, n int) []byte {
	end := (last + padding + block - 1) / block * block
	b = b[:end]
	b[last] = 0x80
	clear(b[last+1 : end-8])
	binary.BigEndian.PutUint64(b[end-8:], uint64(n)<<3)
	return b
}
