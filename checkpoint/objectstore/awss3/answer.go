package awss3

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"chatferry/checkpoint/objectstore"
)

// call names a request for its error.
type call struct {
	op      string
	changes bool  // the store or what it holds
	refused error // what the answer 412 means
}

// fail says what an error of the SDK means.
func (b *Bucket) fail(c call, name string, err error) error {
	if err == nil {
		return nil
	}
	e := &objectstore.Error{Op: c.op, Place: b.URI(name), Err: err}
	means := meaning(e, err)
	if means == errRefused {
		means = c.refused
	}
	if means != nil {
		e.Means = append(e.Means, means)
	}
	// An answer of the store other than these says that nothing was done.
	if c.changes && (means == objectstore.ErrUnreachable || isCanceled(err)) {
		e.Means = append(e.Means, objectstore.ErrAmbiguous)
	}
	return e
}

// isRetryable completes what the SDK thinks worth another try.
func isRetryable(err error) aws.Ternary {
	switch meaning(&objectstore.Error{}, err) {
	case objectstore.ErrUnreachable, objectstore.ErrConflict:
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

func isCanceled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// errRefused stands for an answer whose meaning depends on the call.
var errRefused = errors.New("refused")

// codes are the codes whose meaning their status does not tell.
var codes = map[string]error{
	"NoSuchKey":                    objectstore.ErrNotExist,
	"NotFound":                     objectstore.ErrNotExist,
	"NoSuchUpload":                 objectstore.ErrNoUpload,
	"NoSuchBucket":                 objectstore.ErrNoBucket,
	"PreconditionFailed":           errRefused,
	"ConditionalRequestConflict":   objectstore.ErrConflict,
	"OperationAborted":             objectstore.ErrConflict,
	"InvalidAccessKeyId":           objectstore.ErrCredentials,
	"SignatureDoesNotMatch":        objectstore.ErrCredentials,
	"ExpiredToken":                 objectstore.ErrCredentials,
	"ExpiredTokenException":        objectstore.ErrCredentials,
	"InvalidToken":                 objectstore.ErrCredentials,
	"TokenRefreshRequired":         objectstore.ErrCredentials,
	"InvalidClientTokenId":         objectstore.ErrCredentials,
	"RequestTimeTooSkewed":         objectstore.ErrClock,
	"PermanentRedirect":            objectstore.ErrRegion,
	"TemporaryRedirect":            objectstore.ErrRegion,
	"AuthorizationHeaderMalformed": objectstore.ErrRegion,
	"SlowDown":                     objectstore.ErrUnreachable,
	"ServiceUnavailable":           objectstore.ErrUnreachable,
	"InternalError":                objectstore.ErrUnreachable,
	"RequestTimeout":               objectstore.ErrUnreachable,
	"XAmzContentSHA256Mismatch":    objectstore.ErrDamaged,
	"BadDigest":                    objectstore.ErrDamaged,
}

// meaning notes in e what the store answered, and returns what that means; nil if nothing of this package.
func meaning(e *objectstore.Error, err error) error {
	var said smithy.APIError
	if errors.As(err, &said) {
		e.Code, e.Message = said.ErrorCode(), said.ErrorMessage()
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		e.Status = answer.HTTPStatusCode()
		e.Region = answer.Response.Header.Get("X-Amz-Bucket-Region")
	}
	if means, ok := codes[e.Code]; ok {
		return means
	}
	var name *net.DNSError
	var keys *credentialsError
	switch {
	case errors.As(err, &keys) && !keys.temporary():
		return objectstore.ErrCredentials
	case isCanceled(err):
		return nil
	case errors.As(err, &name) && name.IsNotFound:
		return objectstore.ErrHost
	}
	switch e.Status {
	case 0, http.StatusOK, http.StatusNoContent, http.StatusPartialContent:
		// No answer, or one that breaks off, or one that cannot be read.
		return objectstore.ErrUnreachable
	case http.StatusNotFound:
		return objectstore.ErrNotExist
	case http.StatusPreconditionFailed:
		return errRefused
	case http.StatusConflict:
		return objectstore.ErrConflict
	case http.StatusUnauthorized, http.StatusForbidden:
		return objectstore.ErrDenied
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return objectstore.ErrRegion
	case http.StatusTooManyRequests:
		return objectstore.ErrUnreachable
	}
	if e.Status >= 500 && e.Status != http.StatusNotImplemented {
		return objectstore.ErrUnreachable
	}
	return nil
}

// taggedCredentials marks the errors of the provider that finds the credentials, which the SDK reports like any other.
type taggedCredentials struct{ aws.CredentialsProvider }

func (t taggedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := t.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return c, &credentialsError{err}
	}
	return c, nil
}

// credentialsError says that no credentials were found, or that who gives them could not be asked.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// temporary reports whether another try may find them: somebody was asked, and did not answer or was busy.
func (e *credentialsError) temporary() bool {
	var answer *smithyhttp.ResponseError
	if errors.As(e.err, &answer) {
		return answer.HTTPStatusCode() >= 500
	}
	var broken net.Error
	return errors.As(e.err, &broken)
}
