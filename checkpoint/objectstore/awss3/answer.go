package awss3

import (
	"context"
	"errors"
	"net"

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
	means := meaning(e, err, c.refused)
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
	switch meaning(&objectstore.Error{}, err, nil) {
	case objectstore.ErrUnreachable, objectstore.ErrConflict:
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

func isCanceled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// meaning notes in e what the store answered, and returns what that means; nil if nothing of package objectstore.
func meaning(e *objectstore.Error, err, refused error) error {
	var said smithy.APIError
	if errors.As(err, &said) {
		e.Code, e.Message = said.ErrorCode(), said.ErrorMessage()
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		e.Status = answer.HTTPStatusCode()
		e.Region = answer.Response.Header.Get("X-Amz-Bucket-Region")
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
	return objectstore.Meaning(e.Status, e.Code, refused)
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
