package sims3

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"chatferry/checkpoint/objectstore/awss3"
)

// Serve serves the bucket on loopback until the test ends, and returns what to open it with. The pauses between the
// tries of the client are short.
func (s *Store) Serve(t testing.TB, hook Hook) awss3.Options {
	t.Helper()
	server := httptest.NewServer(s.Handler(hook))
	t.Cleanup(server.Close)
	return awss3.Options{
		Bucket: BucketName, Endpoint: server.URL, Region: "eu-central-1",
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
		Attempts:    4, MaxBackoff: time.Millisecond,
	}
}
