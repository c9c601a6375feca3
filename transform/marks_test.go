package transform

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// markers are the ways to mark a record: that of this machine, and the one without its help.
var markers = map[string]func(marks []uint64, b []byte, tail *[markBytes]byte) bool{"machine": markBlocks, "words": markWords}

// checkMarks holds what is found in b against a look at every byte. The memory behind b holds something else.
func checkMarks(t *testing.T, b []byte) {
	t.Helper()
	room := append(bytes.Clone(b), "\xff\"\\ \x00\x80"...)
	blocks := len(b) / markBytes
	var tail [markBytes]byte
	copy(tail[:], b[blocks*markBytes:])
	for name, mark := range markers {
		marks := make([]uint64, blocks+1)
		if valid := mark(marks, room[:len(b)], &tail); valid != utf8.Valid(b) {
			t.Fatalf("%s: %q is taken for UTF-8: %v", name, b, valid)
		}
		for i := range len(marks) * markBytes {
			stops := i >= len(b) || b[i] < 0x20 || b[i] == '"' || b[i] == '\\'
			if got := marks[i/markBytes]>>(i%markBytes)&1 == 1; got != stops {
				t.Fatalf("%s: byte %d of %q is marked: %v", name, i, b, got)
			}
		}
	}
	var r marked
	r.mark(b)
	for i := range len(b) + 1 {
		want := plainEnd(b, i)
		if got := r.plainEnd(i); got != want {
			t.Fatalf("the plain text from byte %d of %q ends at %d, not at %d", i, b, got, want)
		}
	}
}

// TestMarks: every byte, and every beginning of a rune with every byte behind it, is told for what it is, at every place of
// a block and across the border of two.
func TestMarks(t *testing.T) {
	for at := range 2 * markBytes {
		for c := range 256 {
			b := []byte(strings.Repeat("a", at) + string([]byte{byte(c)}) + strings.Repeat(" ", at%7))
			checkMarks(t, b)
		}
	}
	places := []int{0, 1, 13, 29, 30, 31, 32, 60, 61, 62, 63, 64, 100}
	ends := []string{"", "a", "\x80", "\xbf", "\x80\x80", "\xbf\xbf", "\x80\x80\x80", "é"}
	for first := 0xC0; first < 256; first++ {
		for second := range 256 {
			for i, end := range ends {
				at := places[(first+second+i)%len(places)]
				checkMarks(t, []byte(strings.Repeat("a", at)+string([]byte{byte(first), byte(second)})+end))
			}
		}
	}
	for at := range 70 { // what is whole, and what is not, where a block and a record end
		for _, text := range []string{"é", "€", "😀", "\U0010ffff", "\ud7ff", "\ue000"} {
			for cut := range len(text) + 1 {
				checkMarks(t, []byte(strings.Repeat("a", at)+text[:cut]))
				checkMarks(t, []byte(strings.Repeat("a", at)+text[:cut]+strings.Repeat("b", 140)))
				checkMarks(t, []byte(strings.Repeat("é", at)+text[cut:]))
			}
		}
	}
}

// TestMarksOfAnything is TestMarks for text made of pieces at random.
func TestMarksOfAnything(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	for range 3000 {
		var b []byte
		for n := r.IntN(400); len(b) < n; {
			if r.IntN(3) == 0 {
				b = append(b, strings.Repeat("plain ", r.IntN(30))...)
			}
			b = append(b, pieces[r.IntN(len(pieces))]...)
			b = append(b, strings.Repeat("ñ語😀", r.IntN(8))...)
			if r.IntN(20) == 0 {
				b = append(b, byte(r.IntN(256)))
			}
		}
		checkMarks(t, b)
	}
}

func BenchmarkMarks(b *testing.B) {
	for name, mark := range markers {
		b.Run("by="+name, func(b *testing.B) {
			record := []byte(generated(1, 1)[0])
			marks := make([]uint64, len(record)/markBytes+1)
			var tail [markBytes]byte
			copy(tail[:], record[len(record)/markBytes*markBytes:])
			b.SetBytes(int64(len(record)))
			for b.Loop() {
				mark(marks, record, &tail)
			}
		})
	}
}
