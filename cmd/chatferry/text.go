package main

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"chatferry/cmd/chatferry/progress"
)

// shellQuote writes words as a command that a POSIX shell reads back as those words.
func shellQuote(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsFunc(w, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r))
		}) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// printable escapes what would move the cursor of a terminal, change its colours, or is not UTF-8.
func printable(s string) string {
	clean := true
	for i, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// aboutBytes writes a number of bytes for a person.
func aboutBytes(n int64) string { return progress.Bytes(n) }

// isOrAre is the verb for so many things.
func isOrAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// countOf writes "1 record" or "3,000 records".
func countOf(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return progress.Count(n) + " " + noun
}
