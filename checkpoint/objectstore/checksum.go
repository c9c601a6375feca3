package objectstore

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// PlainSHA256 is the Checksum of an object that was put at once, from the SHA-256 of its bytes.
func PlainSHA256(sum [32]byte) string {
	return "sha256:" + base64.StdEncoding.EncodeToString(sum[:])
}

// CompositeSHA256 is the Checksum of an object that was completed from parts with these sums, in order.
func CompositeSHA256(parts ...[32]byte) string {
	h := sha256.New()
	for _, sum := range parts {
		h.Write(sum[:])
	}
	return fmt.Sprintf("%s-%d", PlainSHA256([32]byte(h.Sum(nil))), len(parts))
}
