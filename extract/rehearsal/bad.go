package rehearsal

import (
	"bytes"
	"unicode/utf8"

	"chatferry"
)

// badKind is a way for a record to be broken.
type badKind int

const (
	badTruncated badKind = iota + 1
	badUTF8
	badDuplicateKey
	badNoID
	badNullID
	badIDType
	badDepth
	badNotObject
	badEscape
	badKinds = iota
)

// badCodes says what each must be quarantined as.
var badCodes = map[badKind]chatferry.Code{
	badTruncated:    chatferry.CodeSyntax, // the line ends, but not its file
	badUTF8:         chatferry.CodeUTF8,
	badDuplicateKey: chatferry.CodeDuplicateKey,
	badNoID:         chatferry.CodeMissingKey,
	badNullID:       chatferry.CodeMissingKey,
	badIDType:       chatferry.CodeKeyType,
	badDepth:        chatferry.CodeDepth,
	badNotObject:    chatferry.CodeNotObject,
	badEscape:       chatferry.CodeSyntax,
}

// badDepthLevels is more than any decoder should follow.
const badDepthLevels = 3000

// badFrom is the number of chats from which on every badKind occurs.
const badFrom = 500

// breakChats decides which chats are broken: one of each kind, spread over the account, and others at random, so that
// together they are the share asked for.
func (a *Account) breakChats() {
	a.bad = make(map[int64]badKind)
	if a.o.Bad < 0 {
		return
	}
	if a.o.Chats >= badFrom {
		for k := badKind(1); k <= badKinds; k++ {
			a.bad[int64(k)*a.o.Chats/(badKinds+1)] = k
		}
	}
	a.randomBad = max(0, a.o.Bad-float64(len(a.bad))/float64(max(1, a.o.Chats)))
}

// badKindOf returns how chat i is broken, or 0.
func (a *Account) badKindOf(i int64) badKind {
	if k := a.bad[i]; k != 0 || a.randomBad == 0 || i >= a.o.Chats {
		return k
	}
	if a.share(domBad, i, a.randomBad) {
		return 1 + badKind(a.hash(domBad, ^i)%badKinds)
	}
	return 0
}

// spoil breaks a good record whose first member is the key, which ends before its first comma: {"id":"…",…
func spoil(b []byte, kind badKind) []byte {
	comma := bytes.IndexByte(b, ',')
	switch kind {
	case badTruncated:
		b = b[:len(b)*2/3]
		// Cut between characters, or it would be bad in two ways, and not behind a space, which no record ends with.
		for len(b) > 0 && (b[len(b)-1] >= utf8.RuneSelf || b[len(b)-1] == ' ') {
			b = b[:len(b)-1]
		}
		return b
	case badUTF8:
		return insert(b, comma, `,"note":"caf`+"\xe9"+`"`) // Latin-1
	case badDuplicateKey:
		return insert(b, comma, `,"typ\u0065":"chat","type":"chat"`)
	case badNoID:
		return append(b[:1], b[comma+1:]...)
	case badNullID:
		return append([]byte(`{"id":null`), b[comma:]...)
	case badIDType:
		return append([]byte(`{"id":{"$oid":"5cb8e53ff"}`), b[comma:]...)
	case badDepth:
		deep := append(bytes.Repeat([]byte(`[`), badDepthLevels), bytes.Repeat([]byte(`]`), badDepthLevels)...)
		return insert(b, comma, `,"deep":`+string(deep))
	case badNotObject:
		return []byte(`"rate limit exceeded, retry later"`)
	default:
		return insert(b, comma, `,"note":"C:\users\xfer"`)
	}
}

func insert(b []byte, at int, text string) []byte {
	tail := append([]byte(text), b[at:]...)
	return append(b[:at], tail...)
}
