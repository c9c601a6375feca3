package transform

import (
	"bytes"
	"testing"
)

// TestExpectedNames: names are told apart at every length, however much of them is alike.
func TestExpectedNames(t *testing.T) {
	for size := 1; size < 40; size++ {
		name := bytes.Repeat([]byte("a"), size)
		fields := []field{str(string(name))}
		n := (&layout{}).node("", fields)
		n.begin.learn(&n.members[0])
		text := append(append([]byte(`"`), name...), `": 5        `...)
		if m, value := n.begin.follower(text, 0); m != &n.members[0] || text[value] != '5' {
			t.Errorf("a name of %d bytes is not seen", size)
		}
		for i := range size + 1 {
			other := bytes.Clone(text)
			other[1+i]++
			if m, _ := n.begin.follower(other, 0); m != nil {
				t.Errorf("a name of %d bytes that differs in byte %d is taken for the other", size, i)
			}
		}
		for end := range size + 3 { // cut before the colon
			if m, _ := n.begin.follower(text[:end:end], 0); m != nil {
				t.Errorf("a name of %d bytes is seen in the first %d bytes", size, end)
			}
		}
	}
}

// TestCopyPlain: what is copied is the text up to the first byte that is not plain.
func TestCopyPlain(t *testing.T) {
	d := decoder{}
	for size := range 70 {
		text := bytes.Repeat([]byte("abcdefg é~"), 8)[:size]
		text = bytes.ToValidUTF8(text, []byte("x"))
		for _, room := range []int{0, 1, 15, 16, 31, 100} {
			for _, behind := range []int{0, 3, 40} {
				d.reset(append(append([]byte(`"`), text...), append([]byte(`"`), bytes.Repeat([]byte(`\`), behind)...)...))
				dst := make([]byte, 0, room)
				n, ascii := copyPlain(dst[:room], d.b[1:])
				if n > len(text) || !bytes.Equal(dst[:n], text[:n]) || ascii && bytes.IndexFunc(text[:n], func(r rune) bool { return r >= 0x80 }) >= 0 {
					t.Fatalf("%q, room %d: %d bytes, ASCII %t", d.b, room, n, ascii)
				}
				if next, _ := d.appendString(&dst, 1); next != len(text)+2 || !bytes.Equal(dst, text) || d.notUTF8 {
					t.Fatalf("%q, room %d: %q up to %d", d.b, room, dst, next)
				}
			}
		}
	}
}
