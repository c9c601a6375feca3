package dump

import (
	"bytes"
	"unicode/utf8"

	"chatferry"
)

// format is how records stand in a file.
type format int

const (
	formatLines format = iota
	formatDocuments
	formatCSV
)

// sniffBytes is how much of a file's beginning decides its format.
const sniffBytes = 64 << 10

var byteOrderMark = []byte{0xef, 0xbb, 0xbf}

// sniff tells a file's format by its first sniffBytes bytes, uncompressed, or by all of them if it has fewer.
//
// What begins with a brace may be NDJSON, an API page, or objects written over several lines. It is NDJSON if the first
// line holds a whole object. If the first line is open at its end, it is either a broken line of NDJSON, which must cost
// nothing but itself, or the beginning of an object that goes on; the next line tells.
func sniff(s chatferry.Stream, head []byte) format {
	if s.CSV() {
		return formatCSV
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, byteOrderMark), " \t\r\n")
	if len(head) == 0 {
		return formatLines
	}
	switch head[0] {
	case '[':
		return formatDocuments
	case '{':
	default:
		return formatLines
	}
	k := keyScan{stream: s}
	if verdict, _ := k.walk(head); verdict == keyPage {
		return formatDocuments
	}
	line, rest, more := bytes.Cut(head, []byte{'\n'})
	if n, ok := whole(line); ok {
		if bytes.HasPrefix(bytes.TrimLeft(line[n:], " \t\r"), []byte{'{'}) {
			return formatDocuments // objects behind one another on one line
		}
		return formatLines
	}
	if more && goesOn(line, rest) {
		return formatDocuments
	}
	return formatLines
}

// goesOn reports whether an object that is open at the end of line goes on in the lines that follow.
func goesOn(line, rest []byte) bool {
	var s scanner
	if s.scan(line); s.inText {
		return false // a string cannot hold a line end
	}
	line = line[:trimmed(line)]
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(rest) == 0 {
		return false
	}
	next := rest[0]
	switch line[len(line)-1] {
	case '{':
		return next == '"' || next == '}'
	case ',', '[', ':':
		if !beginsValue(next) && next != ']' {
			return false
		}
	default:
		return next == ',' || next == '}' || next == ']'
	}
	// A whole object on the second line without a comma, and another on the third: these are lines of NDJSON.
	second, third, _ := bytes.Cut(rest, []byte{'\n'})
	n, ok := whole(second)
	alone := ok && next == '{' && trimmed(second) == n
	return !(alone && bytes.HasPrefix(bytes.TrimLeft(third, " \t\r\n"), []byte{'{'}))
}

// looksText reports whether the first bytes of a file may be JSON or CSV: they are UTF-8 without control characters.
func looksText(head []byte) bool {
	head = head[:min(len(head), 512)]
	for i := 0; i < len(head); {
		c, n := utf8.DecodeRune(head[i:])
		if c == utf8.RuneError && n == 1 && utf8.FullRune(head[i:]) || c < ' ' && !isWhite(byte(c)) {
			return false
		}
		i += n
	}
	return true
}

// misnamed says what is wrong with a file that has the extension of a compression without being compressed. A file that
// was unpacked on its way and kept its name is in order.
func misnamed(ext string, head []byte) string {
	switch {
	case len(head) == 0:
		return "the file is empty, which no " + ext + " file is"
	case !looksText(head), len(head) < len(zstdMagic) && bytes.HasPrefix(zstdMagic, head):
		return "the file is named " + ext + ", but does not begin like one"
	}
	return ""
}
