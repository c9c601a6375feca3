package realserver

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// emptySum is the SHA-256 of no bytes.
const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// sign signs a request without a body.
func (s *Server) sign(ctx context.Context, req *http.Request) error {
	req.Header.Set("X-Amz-Content-Sha256", emptySum)
	keys := aws.Credentials{AccessKeyID: s.AccessKey, SecretAccessKey: s.SecretKey}
	return v4.NewSigner().SignHTTP(ctx, keys, req, emptySum, "s3", Region, time.Now())
}
