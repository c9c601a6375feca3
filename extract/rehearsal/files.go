package rehearsal

import (
	"encoding/binary"
	"strings"
)

// The files that visitors sent.
var (
	fileNames = [...]string{"receipt.pdf", "IMG_2041.JPG", "Foto São Paulo.png", "スクリーンショット.png"}
	fileTypes = [...]string{"application/pdf", "image/jpeg", "image/png", "image/png"}
)

// Domains behind those of all quirks.
const (
	domFile domain = 1<<20 + iota
	domUpgrade
	domSupport
)

// A file's name holds what its bytes follow from: nine digits of a seed, one for its type, five for its size, and two
// that no other name has.
const (
	fileSeedDigits = 9
	fileSizeDigits = 5
	fileNameDigits = fileSeedDigits + 1 + fileSizeDigits + 2
)

func (a *Account) appendFileName(b []byte, seed uint64, kind int, size int64) []byte {
	from := len(b)
	b = appendBase62(b, seed, fileSeedDigits)
	b = appendBase62(b, uint64(kind), 1)
	b = appendBase62(b, uint64(size), fileSizeDigits)
	h := a.seed
	for _, c := range b[from:] {
		h = mix(h ^ uint64(c))
	}
	return appendBase62(b, h, 2)
}

// File returns the bytes of the attachment with this name, and their media type; false if the account has none such.
func (a *Account) File(name string) (content []byte, mediaType string, ok bool) {
	if len(name) != fileNameDigits {
		return nil, "", false
	}
	seed, seedOK := parseBase62(name[:fileSeedDigits])
	kind, kindOK := parseBase62(name[fileSeedDigits : fileSeedDigits+1])
	size, sizeOK := parseBase62(name[fileSeedDigits+1 : fileSeedDigits+1+fileSizeDigits])
	if !seedOK || !kindOK || !sizeOK || kind >= uint64(len(fileTypes)) ||
		string(a.appendFileName(nil, seed, int(kind), int64(size))) != name {
		return nil, "", false
	}
	r := rng{a.hash(domFile, int64(seed))}
	content = make([]byte, 0, size+8)
	for uint64(len(content)) < size {
		content = binary.LittleEndian.AppendUint64(content, r.next())
	}
	return content[:size], fileTypes[kind], true
}

// parseBase62 is the reverse of appendBase62.
func parseBase62(s string) (v uint64, ok bool) {
	for i := range len(s) {
		digit := strings.IndexByte(base62, s[i])
		if digit < 0 {
			return 0, false
		}
		v = v*62 + uint64(digit)
	}
	return v, true
}
