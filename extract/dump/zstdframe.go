package dump

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdFrame gives a decoder the bytes of exactly one frame, by walking over its block headers. A decoder that reads a
// whole file cannot tell where in it a frame ends, so after a wrong checksum the frames behind would be lost, and bytes
// behind the last frame could not be told from damage in one.
type zstdFrame struct {
	in       *bufio.Reader
	left     int64 // of the section being passed on
	phase    zstdPhase
	checksum bool
}

type zstdPhase int

const (
	zstdHeader zstdPhase = iota
	zstdBlock
	zstdChecksum
	zstdEnd
)

const (
	zstdBlockHeader  = 3
	zstdChecksumSize = 4
	zstdRLE          = 1 // block type: one byte, repeated
)

// start begins at a frame's first byte. in must be able to hold a frame header.
func (f *zstdFrame) start(in *bufio.Reader) { *f = zstdFrame{in: in} }

// ended reports whether the whole frame was given.
func (f *zstdFrame) ended() bool { return f.phase == zstdEnd && f.left == 0 }

// Read implements io.Reader.
func (f *zstdFrame) Read(p []byte) (int, error) {
	for f.left == 0 {
		if f.phase == zstdEnd {
			return 0, io.EOF
		}
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > f.left {
		p = p[:f.left]
	}
	n, err := f.in.Read(p)
	f.left -= int64(n)
	return n, err
}

// next finds the size of the next section.
func (f *zstdFrame) next() error {
	switch f.phase {
	case zstdHeader:
		b, err := f.in.Peek(zstd.HeaderMaxSize)
		if err != nil && err != io.EOF {
			return err
		}
		var h zstd.Header
		if err := h.Decode(b); err != nil {
			return err
		}
		f.left, f.phase, f.checksum = int64(h.HeaderSize), zstdBlock, h.HasCheckSum
		if h.Skippable {
			f.left += int64(h.SkippableSize)
			f.phase = zstdEnd
		}
	case zstdBlock:
		b, err := f.in.Peek(zstdBlockHeader)
		if err != nil {
			return err
		}
		h := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		size := h >> 3
		if h>>1&3 == zstdRLE {
			size = 1
		}
		f.left = zstdBlockHeader + size
		if h&1 != 0 { // the last block
			f.phase = zstdEnd
			if f.checksum {
				f.phase = zstdChecksum
			}
		}
	case zstdChecksum:
		f.left, f.phase = zstdChecksumSize, zstdEnd
	}
	return nil
}
