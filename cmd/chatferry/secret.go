package main

import "fmt"

// Secret is a text that is never printed: not by any verb of fmt, not in JSON, YAML or a log.
type Secret string

const redacted = "***"

// String hides the secret; an empty one stays empty, so that one can see whether it is set.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format implements fmt.Formatter, since %q, %x and %#v do not ask String.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText implements encoding.TextMarshaler, for JSON and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Set implements value.
func (s *Secret) Set(text string) error {
	*s = Secret(text)
	return nil
}
