package s3_test

import (
	"fmt"
	"testing"
	"time"

	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/checkpoint/objectstore/sims3"
	"chatferry/load"
	"chatferry/load/s3"
	"chatferry/load/storetest"
)

// newStore returns a Store that does not wait before it tries again.
func newStore(t testing.TB, root objectstore.Bucket, temp string) *s3.Store {
	t.Helper()
	store, err := s3.New(root, temp)
	if err != nil {
		t.Fatal(err)
	}
	store.SetPause(time.Nanosecond)
	return store
}

func TestS3KeepsTheContract(t *testing.T) {
	t.Run("simulated", func(t *testing.T) {
		storetest.RunUploads(t, func(t *testing.T) load.Store { return newStore(t, sims3.New().Client(nil), t.TempDir()) })
	})
	t.Run("versitygw", func(t *testing.T) {
		server, n := realserver.Start(t), 0
		storetest.RunUploads(t, func(t *testing.T) load.Store {
			n++
			return newStore(t, server.Open(t, fmt.Sprintf("dataset/%d", n)), t.TempDir())
		})
	})
}
