package api

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// redacted stands wherever a Secret is printed.
const redacted = "***"

// Secret is a text that is never printed: not by any verb of fmt, not in JSON or a log, nor as a field of something that
// is printed. It holds its text behind a pointer, since fmt prints unexported fields without asking their methods.
type Secret struct{ text *string }

// NewSecret keeps a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal gives the text to whoever has to send it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.text == nil }

// Equal reports whether two Secrets have the same text.
func (s Secret) Equal(t Secret) bool { return s.Reveal() == t.Reveal() }

// String hides the text; an empty Secret stays empty, so that one can see whether it is set.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return redacted
}

// GoString hides the text.
func (s Secret) GoString() string { return s.String() }

// Format implements fmt.Formatter, since %q and %x do not ask String.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText implements encoding.TextMarshaler, for JSON, YAML and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// address finds what looks like an e-mail address, plain or percent-encoded.
var address = regexp.MustCompile(`(?i)[^\s"'<>(),;=&?/]+(?:@|%40)[^\s"'<>(),;=&?/]+`)

// longestQuote is how many letters of a server's sentence an error quotes.
const longestQuote = 300

// quote makes a sentence of the server, or of the network, fit for an error: one line of bounded length without control
// characters, e-mail addresses or any of the given texts.
func quote(sentence string, hide ...string) string {
	for _, h := range hide {
		if len(h) > 2 {
			sentence = strings.NewReplacer(h, redacted, url.QueryEscape(h), redacted).Replace(sentence)
		}
	}
	sentence = address.ReplaceAllString(sentence, redacted)
	var b strings.Builder
	letters := 0
	for _, r := range strings.Join(strings.Fields(sentence), " ") {
		if !unicode.IsPrint(r) {
			r = '?'
		}
		if letters++; letters > longestQuote {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
