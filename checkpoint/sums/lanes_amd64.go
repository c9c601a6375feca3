package sums

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// width is the number of messages that are worked on side by side.
const width = 16

// wide says that this processor has what blocks16 needs. Tests turn it off.
var wide = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW

// blocks16 adds n blocks of each of 16 messages to the states, word by word: state[w][l] is word w of message l.
//
//go:noescape
func blocks16(state *[8][width]uint32, blocks *[width]*byte, n int)

var initial = [8]uint32{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

// lanes are the messages that are worked on. Once all lanes have one, they go on until the shortest is done.
type lanes struct {
	state [8][width]uint32
	next  [width]*byte // block of each lane; without a message, that of another lane
	left  [width]int   // bytes from there on
	tail  [width][]byte
	sum   [width]*[Size]byte
	end   [width][2 * block]byte // memory of tails
	busy  uint16                 // has a bit for each lane with a message
	most  int                    // bytes; a longer message is not worth a lane
}

// start begins with messages of so many bytes altogether. One that is a large part of them would be left alone in its lane
// when all others are done, and sixteen lanes with one message are slower than one message by itself.
func (s *lanes) start(total int) {
	if wide {
		s.most = total / 8
	}
}

// add takes a message, or says that it is better summed by itself. The message must not change until finish.
func (s *lanes) add(m []byte, sum *[Size]byte) bool {
	if len(m) >= s.most {
		return false
	}
	l := s.free()
	whole := len(m) / block * block
	end := &s.end[l]
	s.begin(l, m[:whole], pad(end[:], copy(end[:], m[whole:]), len(m)), sum)
	return true
}

// addPadded is add for the first n bytes of b, behind which there is room for the padding.
func (s *lanes) addPadded(b []byte, n int, sum *[Size]byte) bool {
	if n >= s.most {
		return false
	}
	s.begin(s.free(), nil, pad(b, n, n), sum)
	return true
}

// finish completes the sums of all messages.
func (s *lanes) finish() {
	for s.busy != 0 {
		s.step()
	}
	clear(s.next[:]) // they are the caller's
}

// free returns a lane without a message.
func (s *lanes) free() int {
	for s.busy == 1<<width-1 {
		s.step()
	}
	return bits.TrailingZeros16(^s.busy)
}

func (s *lanes) begin(l int, whole, tail []byte, sum *[Size]byte) {
	if len(whole) == 0 {
		whole, tail = tail, nil
	}
	s.next[l], s.left[l], s.tail[l], s.sum[l] = &whole[0], len(whole), tail, sum
	for w, v := range initial {
		s.state[w][l] = v
	}
	s.busy |= 1 << l
}

// step works until a lane is through with its whole blocks or its tail.
func (s *lanes) step() {
	n, any := math.MaxInt, (*byte)(nil)
	for b := s.busy; b != 0; b &= b - 1 {
		if l := bits.TrailingZeros16(b); s.left[l] < n {
			n, any = s.left[l], s.next[l]
		}
	}
	for b := ^s.busy; b != 0; b &= b - 1 {
		s.next[bits.TrailingZeros16(b)] = any
	}
	blocks16(&s.state, &s.next, n/block)
	for b := s.busy; b != 0; b &= b - 1 {
		l := bits.TrailingZeros16(b)
		switch s.left[l] -= n; {
		case s.left[l] > 0:
			s.next[l] = (*byte)(unsafe.Add(unsafe.Pointer(s.next[l]), n))
		case s.tail[l] != nil:
			s.next[l], s.left[l], s.tail[l] = &s.tail[l][0], len(s.tail[l]), nil
		default:
			for w := range s.state {
				binary.BigEndian.PutUint32(s.sum[l][4*w:], s.state[w][l])
			}
			s.sum[l] = nil
			s.busy &^= 1 << l
		}
	}
}
