package api

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chatferry"
)

// The Positions of this package name no host and no path, so that an account that moves to another origin is read on.
// They are fields joined by colons, the first of which names the form; text is percent-encoded, and the last number is
// how many records of the Shard stand before it.
//
//	i1:<time>:<id>:<n>:<hashes>      incremental: start_time in the export's unit, start_id, and what was given of that instant
//	w1:<answer>:<n>                  whole: the ordinal of the next answer
//	s1:<id>:<n>                      since_id: the next since_id
//	l1:<e|c><cursor>:<n>             list: c and the cursor of the next page, or e: the end was reached
//	q1:<kind>:<from>:<to>:<id>:<n>   search: what is searched for, the window, and the last id of it that was given
//
// hashes is the base64 of 8 bytes for each record; to is 0 where no window is open.
const mostPosition = 1 << 18

// parts takes a Position apart that has so many fields behind the form.
func parts(pos chatferry.Position, form string, n int) ([]string, bool) {
	if len(pos) > mostPosition {
		return nil, false
	}
	list := strings.Split(string(pos), ":")
	return list[1:], len(list) == n+1 && list[0] == form
}

func join(form string, fields ...string) chatferry.Position {
	return chatferry.Position(form + ":" + strings.Join(fields, ":"))
}

// badPosition is the error for a Position that this package did not make.
func badPosition(pos chatferry.Position, endpoint string) error {
	text := string(pos)
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "resume", Place: endpoint,
		Err:  fmt.Errorf("%q is not a position in it", text),
		Hint: "the dataset's log was not written by this version; resume with the version that began the dataset",
	}
}

// readNumber reads a number that is not negative, as strconv writes it.
func readNumber(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
}

func numeral(n int64) string { return strconv.FormatInt(n, 10) }

// plainText percent-encodes whatever is not a letter, a digit or one of ._~-
func plainText(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("._~-", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// readText is the reverse of plainText.
func readText(text string) (string, bool) {
	s, err := url.PathUnescape(text)
	return s, err == nil && plainText(s) == text
}

// cursor is where an export goes on.
type cursor[E epoch] struct {
	at E
	id string
}

// exportPlace is the place in an incremental export.
type exportPlace[E epoch] struct {
	cursor[E]
	n    int64
	seen boundary
}

func (p *exportPlace[E]) position() chatferry.Position {
	return join("i1", numeral(int64(p.at)), plainText(p.id), numeral(p.n), p.seen.String())
}

// parseExport reads a Position of an incremental export.
func parseExport[E epoch](pos chatferry.Position) (p exportPlace[E], ok bool) {
	f, ok := parts(pos, "i1", 4)
	if !ok {
		return p, false
	}
	at, ok1 := readNumber(f[0])
	id, ok2 := readText(f[1])
	n, ok3 := readNumber(f[2])
	seen, ok4 := parseBoundary(f[3])
	p = exportPlace[E]{cursor[E]{E(at), id}, n, seen}
	return p, ok1 && ok2 && ok3 && ok4 && at < mostEpoch && p.position() == pos
}

// boundary is what was given of the instant that the next page begins with, which most exports serve again: a hash for
// each record, in the order in which they were given.
type boundary []uint64

// boundaryMost bounds a boundary. It holds a page: a server that cannot page inside an instant serves the instant's first
// page again and again, and to notice that, all of it has to be known. One that can does not serve an instant again.
const boundaryMost = 8192

func (b boundary) String() string {
	bytes := make([]byte, 0, 8*len(b))
	for _, h := range b {
		bytes = binary.BigEndian.AppendUint64(bytes, h)
	}
	return base64.RawURLEncoding.EncodeToString(bytes)
}

func parseBoundary(text string) (boundary, bool) {
	bytes, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(bytes)%8 != 0 || len(bytes) > 8*boundaryMost {
		return nil, false
	}
	var b boundary
	for i := 0; i < len(bytes); i += 8 {
		b = append(b, binary.BigEndian.Uint64(bytes[i:]))
	}
	return b, true
}

// wholePlace is the place in a Stream that is read in whole answers.
type wholePlace struct{ answer, n int64 }

func (p wholePlace) position() chatferry.Position { return join("w1", numeral(p.answer), numeral(p.n)) }

func parseWhole(pos chatferry.Position) (p wholePlace, ok bool) {
	f, ok := parts(pos, "w1", 2)
	if !ok {
		return p, false
	}
	var ok1, ok2 bool
	p.answer, ok1 = readNumber(f[0])
	p.n, ok2 = readNumber(f[1])
	return p, ok1 && ok2
}

// sincePlace is the place in a list by since_id.
type sincePlace struct{ since, n int64 }

func (p sincePlace) position() chatferry.Position { return join("s1", numeral(p.since), numeral(p.n)) }

func parseSince(pos chatferry.Position) (p sincePlace, ok bool) {
	f, ok := parts(pos, "s1", 2)
	if !ok {
		return p, false
	}
	var ok1, ok2 bool
	p.since, ok1 = readNumber(f[0])
	p.n, ok2 = readNumber(f[1])
	return p, ok1 && ok2
}

// listPlace is the place in the list of chats. The empty cursor is its beginning.
type listPlace struct {
	cursor string
	end    bool
	n      int64
}

func (p listPlace) position() chatferry.Position {
	if p.end {
		return join("l1", "e", numeral(p.n))
	}
	return join("l1", "c"+plainText(p.cursor), numeral(p.n))
}

func parseList(pos chatferry.Position) (p listPlace, ok bool) {
	f, ok := parts(pos, "l1", 2)
	if !ok || f[0] == "" || f[0][0] != 'c' && f[0] != "e" {
		return p, false
	}
	p.end = f[0] == "e"
	var ok1, ok2 bool
	p.cursor, ok1 = readText(f[0][1:])
	p.n, ok2 = readNumber(f[1])
	return p, ok1 && ok2
}

// searchPlace is the place in a search: what is searched for, the window [from, to), and the last id given of it.
type searchPlace struct {
	kind     int // index of chatTypes
	from, to int64
	id       string
	n        int64
}

func (p searchPlace) position() chatferry.Position {
	return join("q1", numeral(int64(p.kind)), numeral(p.from), numeral(p.to), plainText(p.id), numeral(p.n))
}

func parseSearch(pos chatferry.Position) (p searchPlace, ok bool) {
	f, ok := parts(pos, "q1", 5)
	if !ok {
		return p, false
	}
	kind, ok1 := readNumber(f[0])
	from, ok2 := readNumber(f[1])
	to, ok3 := readNumber(f[2])
	id, ok4 := readText(f[3])
	n, ok5 := readNumber(f[4])
	p = searchPlace{int(kind), from, to, id, n}
	ok = ok1 && ok2 && ok3 && ok4 && ok5 && kind <= int64(len(chatTypes)) && max(from, to) < mostSearch
	return p, ok && (to == 0 && id == "" || to > from)
}

// mostSearch is the first second that a naive time of four-digit years cannot name.
var mostSearch = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
