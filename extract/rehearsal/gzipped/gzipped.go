// Package gzipped is how the rehearsal's servers compress an answer: as the client allows, and in memory.
package gzipped

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// Accepted reports whether the client of a request takes gzip.
func Accepted(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.ReplaceAll(weight, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// Bytes returns b compressed. The caller owns the result.
func Bytes(b []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one of the package's own
	}
	// Writing to memory does not fail.
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}
