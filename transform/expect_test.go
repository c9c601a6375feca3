package transform

import (
	"bytes"
	"testing"

	"chatferry"
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
		for i := range size + 2 { // the quote and the colon too
			for by := 1; by < 256; by++ {
				other := bytes.Clone(text)
				other[1+i] ^= byte(by)
				if m, _ := n.begin.follower(other, 0); m != nil {
					t.Errorf("a name of %d bytes that differs in byte %d is taken for the other", size, i)
				}
			}
		}
		for end := range size + 3 { // cut before the colon
			if m, _ := n.begin.follower(text[:end:end], 0); m != nil {
				t.Errorf("a name of %d bytes is seen in the first %d bytes", size, end)
			}
		}
	}
}

// TestTextOfAnySize: a string arrives whole, however long it is, whatever room its column has and whatever stands behind it.
func TestTextOfAnySize(t *testing.T) {
	d := &New(chatferry.Chats, Options{}).decoder
	tb := d.tables[0]
	m := tb.root.find([]byte("message"))
	col := &tb.cols[m.column()]
	for size := range 70 {
		text := bytes.ToValidUTF8(bytes.Repeat([]byte("abcdefg é~"), 8)[:size], []byte("x"))
		for _, room := range []int{0, 1, 15, 31, 32, 33, 100, 200} {
			for _, behind := range []int{0, 3, 40} {
				d.reset(append(append([]byte(`"`), text...), append([]byte(`"`), bytes.Repeat([]byte(`\`), behind)...)...))
				tb.prepare()
				col.data = make([]byte, 0, room)
				if next := d.text(tb, tb.root, m, 0); next != len(text)+2 || !bytes.Equal(col.text(0), text) {
					t.Fatalf("%q, room %d: %q up to %d", d.b, room, col.text(0), next)
				}
			}
		}
	}
}
