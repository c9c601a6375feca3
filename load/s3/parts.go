package s3

import (
	"crypto/sha256"
	"fmt"
	"hash"

	"chatferry/checkpoint/objectstore"
)

// Where a file is cut into parts depends on nothing but the offset, so that the parts' sums are known as the bytes are
// written and their number is bounded: the first thousand parts have partBytes each, every further thousand twice as
// much as the one before. Up to 15 GiB all parts but the last are of one size, as some stores demand.
const (
	partBytes     = 16 << 20
	partsOfOneCut = 1000
)

// cut is a part of a file.
type cut struct {
	from, size int64
	sum        [32]byte
}

// cutter finds the parts of what is written to it.
type cutter struct {
	base  int64 // bytes of the first parts
	cuts  []cut // those that are full
	at    int64
	begun cut // the part that is being filled
	hash  hash.Hash
}

func newCutter(base int64) *cutter { return &cutter{base: base, hash: sha256.New()} }

// Write implements io.Writer and takes everything.
func (c *cutter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		room := c.base<<(len(c.cuts)/partsOfOneCut) - c.begun.size
		if room == 0 {
			c.end()
			continue
		}
		piece := p[:min(int64(len(p)), room)]
		c.hash.Write(piece)
		c.begun.size += int64(len(piece))
		c.at += int64(len(piece))
		p = p[len(piece):]
	}
	return n, nil
}

func (c *cutter) end() {
	c.hash.Sum(c.begun.sum[:0])
	c.cuts = append(c.cuts, c.begun)
	c.begun = cut{from: c.at}
	c.hash.Reset()
}

// finish returns the parts of the whole file; one that is empty is one empty part.
func (c *cutter) finish() ([]cut, error) {
	if c.begun.size > 0 || len(c.cuts) == 0 {
		c.end()
	}
	if len(c.cuts) > objectstore.MaxParts {
		return nil, fmt.Errorf("%d bytes are too many for an object", c.at)
	}
	return c.cuts, nil
}

// checksum is what the store answers for an object of these parts.
func checksum(cuts []cut) string {
	sums := make([][32]byte, len(cuts))
	for i, c := range cuts {
		sums[i] = c.sum
	}
	return objectstore.CompositeSHA256(sums...)
}
