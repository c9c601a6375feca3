package objectstore

import "net/http"

// codes are the codes of S3 whose meaning their status does not tell.
var codes = map[string]error{
	"NoSuchKey":                    ErrNotExist,
	"NotFound":                     ErrNotExist,
	"NoSuchUpload":                 ErrNoUpload,
	"NoSuchBucket":                 ErrNoBucket,
	"InvalidObjectState":           ErrArchived,
	"ConditionalRequestConflict":   ErrConflict,
	"OperationAborted":             ErrConflict,
	"BadDigest":                    ErrDamaged,
	"XAmzContentSHA256Mismatch":    ErrDamaged,
	"InvalidAccessKeyId":           ErrCredentials,
	"SignatureDoesNotMatch":        ErrCredentials,
	"ExpiredToken":                 ErrCredentials,
	"ExpiredTokenException":        ErrCredentials,
	"InvalidToken":                 ErrCredentials,
	"TokenRefreshRequired":         ErrCredentials,
	"InvalidClientTokenId":         ErrCredentials,
	"XAdminUserNotFound":           ErrCredentials, // of versitygw, with 404
	"RequestTimeTooSkewed":         ErrClock,
	"PermanentRedirect":            ErrRegion,
	"TemporaryRedirect":            ErrRegion,
	"AuthorizationHeaderMalformed": ErrRegion,
	"SlowDown":                     ErrUnreachable,
	"ServiceUnavailable":           ErrUnreachable,
	"InternalError":                ErrUnreachable,
	"RequestTimeout":               ErrUnreachable,
}

// Meaning says what an answer that is not success means, by its status and code; status 0 stands for no answer. The
// meaning of 412 depends on the call: it is refused. Nil means that the answer has no meaning here.
func Meaning(status int, code string, refused error) error {
	if means, ok := codes[code]; ok {
		return means
	}
	switch status {
	case 0, http.StatusOK, http.StatusNoContent, http.StatusPartialContent:
		// No answer, or one that breaks off, or one that cannot be read.
		return ErrUnreachable
	case http.StatusNotFound:
		return ErrNotExist
	case http.StatusPreconditionFailed:
		return refused
	case http.StatusConflict:
		return ErrConflict
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrDenied
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return ErrRegion
	case http.StatusTooManyRequests:
		return ErrUnreachable
	}
	if status >= 500 && status != http.StatusNotImplemented {
		return ErrUnreachable
	}
	return nil
}
