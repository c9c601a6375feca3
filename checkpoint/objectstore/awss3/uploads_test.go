package awss3_test

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/sims3"
)

// A store that takes whatever bytes arrive may say which sum they have.
func TestPartOfAnotherSum(t *testing.T) {
	sum, other := sha256.Sum256([]byte("rows")), sha256.Sum256([]byte("Rows"))
	for _, c := range []struct {
		said string
		want error
	}{
		{objectstore.PlainSHA256(sum), nil},
		{objectstore.PlainSHA256(other), objectstore.ErrDamaged},
		{"", nil},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"etag"`)
			if said, ok := strings.CutPrefix(c.said, "sha256:"); ok {
				w.Header().Set("X-Amz-Checksum-Sha256", said)
			}
		}))
		o := sims3.New().Serve(t, nil)
		o.Endpoint = server.URL
		b := open(t, o)
		u := objectstore.Upload{Name: "name", ID: "id"}
		_, err := b.UploadPart(t.Context(), u, 1, strings.NewReader("rows"), 4, sum)
		if !errors.Is(err, c.want) {
			t.Errorf("the store answered the sum %q: %v", c.said, err)
		}
		server.Close()
	}
}
