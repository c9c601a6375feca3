package transform

import (
	"strings"
	"testing"
)

// TestKeyTexts: names have one text if and only if they are the same JSON string, half surrogate pairs included.
func TestKeyTexts(t *testing.T) {
	same := [][]string{
		{`a`, `\u0061`, `\u0061`},
		{`é`, `\u00e9`, `\u00E9`},
		{`😀`, `\ud83d\ude00`, `\uD83D\uDE00`},
		{`\ud83d`},
		{`\ud83e`},
		{`\ude00`},
		{`\ud83d\ud83d`},
		{`\ude00\ud83d`},
		{`\ud83d\u0061`},
		{`\u0061\ude00`},
		{`\u0841\ude00`},
		{`\ud83d😀`, `\ud83d\ud83d\ude00`},
		{`�`, `\ufffd`},
		{`"`[:0]},
		{`\"`, `\u0022`},
		{`\\`, `\u005c`},
		{`\/`, `/`},
		{`\b`, `\u0008`},
		{`\f`, `\u000c`},
		{`\n`, `\u000A`},
		{`\r`, `\u000d`},
		{`\t`, `\u0009`},
		{`\u0000`},
		{`\u0800`, `ࠀ`},
		{`\ud83dude00`},
		{`\ud83d\\ude00`},
	}
	seen := map[string]string{}
	for _, group := range same {
		first := string(appendKey(nil, []byte(group[0])))
		for _, name := range group {
			if got := string(appendKey(nil, []byte(name))); got != first {
				t.Errorf("%s is %q, but %s is %q", name, got, group[0], first)
			}
		}
		if other, taken := seen[first]; taken {
			t.Errorf("%s and %s are both %q", group[0], other, first)
		}
		seen[first] = group[0]
	}
}

// TestPlainEnd: the first byte that ends plain text is found at every place and alignment.
func TestPlainEnd(t *testing.T) {
	for n := range 40 {
		for _, plain := range []string{"a", " ", "!", "#", "[", "]", "\x7f", "\x80", "\xff", "é", "\u2028"} {
			text := strings.Repeat(plain, n)
			for c := range 256 {
				want := len(text)
				stops := c < 0x20 || c == '"' || c == '\\'
				if !stops {
					want++
				}
				if got := plainEnd([]byte(text+string([]byte{byte(c)})), 0); got != want {
					t.Fatalf("%q and byte %#x: %d, want %d", text, c, got, want)
				}
				if stops {
					if got := plainEnd([]byte(text+string([]byte{byte(c)})+"plain text\x00\"\\"), 0); got != want {
						t.Fatalf("%q, byte %#x and more: %d, want %d", text, c, got, want)
					}
				}
			}
		}
	}
}
