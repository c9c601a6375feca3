package sums

import (
	"encoding/binary"

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
	next  [width]*byte // block of each lane
	lane  [width]lane
	idle  *byte
	busy  int // lanes with a message
	most  int // bytes; a longer message is not worth a lane
}

type lane struct {
	blocks []byte // that are left
	tail   []byte // the blocks behind those
	sum    *[Size]byte
	end    [2 * block]byte // memory of a tail
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
	at := s.free()
	l := &s.lane[at]
	whole := len(m) / block * block
	last := copy(l.end[:], m[whole:])
	s.begin(at, m[:whole], pad(l.end[:], last, len(m)), sum)
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
	for s.busy > 0 {
		s.step()
	}
}

// free returns a lane without a message.
func (s *lanes) free() int {
	if s.busy == width {
		s.step()
	}
	for i := range s.lane {
		if s.lane[i].sum == nil {
			return i
		}
	}
	panic("no lane became free")
}

func (s *lanes) begin(at int, whole, tail []byte, sum *[Size]byte) {
	l := &s.lane[at]
	l.blocks, l.tail, l.sum = whole, tail, sum
	if len(whole) == 0 {
		l.blocks, l.tail = tail, nil
	}
	for w, v := range initial {
		s.state[w][at] = v
	}
	s.busy++
}

// step works until at least one message is done.
func (s *lanes) step() {
	for before := s.busy; s.busy == before; {
		n := 0
		for i := range s.lane {
			l := &s.lane[i]
			if l.sum != nil && (n == 0 || len(l.blocks) < n) {
				n = len(l.blocks)
				s.idle = &l.blocks[0]
			}
		}
		for i := range s.lane {
			if l := &s.lane[i]; l.sum != nil {
				s.next[i] = &l.blocks[0]
			} else {
				s.next[i] = s.idle // any memory that is as long
			}
		}
		blocks16(&s.state, &s.next, n/block)
		for i := range s.lane {
			if l := &s.lane[i]; l.sum != nil {
				s.advance(i, l, n)
			}
		}
	}
}

// advance takes n bytes off a lane's message, and its sum if they were the last.
func (s *lanes) advance(at int, l *lane, n int) {
	l.blocks = l.blocks[n:]
	if len(l.blocks) > 0 {
		return
	}
	if l.tail != nil {
		l.blocks, l.tail = l.tail, nil
		return
	}
	for w := range s.state {
		binary.BigEndian.PutUint32(l.sum[4*w:], s.state[w][at])
	}
	l.sum, l.blocks = nil, nil
	s.busy--
}
