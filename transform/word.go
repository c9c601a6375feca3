package transform

import (
	"encoding/binary"
	"unsafe"
)

// The three functions here are all that is unsafe in this package. They check nothing: the caller has compared the index with
// the length already, and the compiler would do so once more for every eight bytes.

// load returns the eight bytes at i as a word, the first byte the lowest. It must be that 0 <= i and i+8 <= len(b).
func load(b []byte, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))[:])
}

// copySize is how many bytes copyShort copies: most strings have fewer.
const copySize = 64

// copyShort copies copySize bytes from src[from:] to dst[to:]. It must be that 0 <= to and to+copySize <= cap(dst), and that
// 0 <= from and from+copySize <= len(src).
func copyShort(dst []byte, to int, src []byte, from int) {
	type part = [16]byte // as many as go by way of one register: a copy of more would be a call
	there := (*[4]part)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(src)), from))
	here := (*[4]part)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(dst)), to))
	here[0] = there[0]
	here[1] = there[1]
	here[2] = there[2]
	here[3] = there[3]
}

// view returns bytes as a string. They must not change while it is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
