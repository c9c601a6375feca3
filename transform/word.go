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

// store puts a word at i, as load returns it. It must be that 0 <= i and i+8 <= len(b).
func store(b []byte, i int, w uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))[:], w)
}

// view returns bytes as a string. They must not change while it is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
