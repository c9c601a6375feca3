package buckettest_test

import (
	"path"
	"strconv"
	"testing"

	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/awss3"
	"chatferry/checkpoint/objectstore/buckettest"
	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/checkpoint/objectstore/sims3"
)

func small() *sims3.Store {
	s := sims3.New()
	s.PageSize = 7
	return s
}

func TestSimulated(t *testing.T) {
	buckettest.Run(t, func(*testing.T) objectstore.Bucket { return small().Client(nil) })
}

func TestSimulatedOverHTTP(t *testing.T) {
	for _, prefix := range []string{"", "a prefix/of two"} {
		t.Run("prefix="+strconv.FormatBool(prefix != ""), func(t *testing.T) {
			buckettest.Run(t, func(t *testing.T) objectstore.Bucket {
				o := small().Serve(t, nil)
				o.Prefix = prefix
				b, err := awss3.Open(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				return b
			})
		})
	}
}

func TestReal(t *testing.T) {
	server := realserver.Start(t)
	n := 0
	buckettest.Run(t, func(t *testing.T) objectstore.Bucket {
		n++
		return server.Open(t, path.Join("datasets", strconv.Itoa(n)))
	})
}
