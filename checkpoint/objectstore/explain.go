package objectstore

import (
	"errors"
	"strings"

	"chatferry"
)

// Explain wraps an error of a Bucket for a person: what was being done, where, and what to do about it. Its Kind is
// KindTemporary where another try may succeed, else KindEnvironment, unless err has one already. Explain of nil is nil.
func Explain(op, place string, err error) error {
	if err == nil {
		return nil
	}
	kind := chatferry.KindOf(err)
	if kind == chatferry.KindUnexpected {
		kind = chatferry.KindEnvironment
		if temporary(err) {
			kind = chatferry.KindTemporary
		}
	}
	return &chatferry.Error{Kind: kind, Op: op, Place: place, Err: err, Hint: hint(err)}
}

func temporary(err error) bool {
	for _, passes := range []error{ErrUnreachable, ErrAmbiguous, ErrConflict, ErrDamaged} {
		if errors.Is(err, passes) {
			return true
		}
	}
	return false
}

func hint(err error) string {
	var e *Error
	errors.As(err, &e)
	switch {
	case chatferry.HintOf(err) != "":
		return chatferry.HintOf(err)
	case errors.Is(err, ErrDenied):
		return denied(e)
	case errors.Is(err, ErrCredentials):
		return "set credentials that are valid now (AWS_PROFILE, or AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY), then resume"
	case errors.Is(err, ErrNoBucket):
		return "create the bucket, or correct its name or the endpoint; chatferry makes no buckets"
	case errors.Is(err, ErrArchived):
		return "restore the object from the archive (s3:RestoreObject), then resume"
	case errors.Is(err, ErrRegion):
		if e != nil && e.Region != "" {
			return "set AWS_REGION to " + e.Region + ", then resume"
		}
		return "set AWS_REGION to the region of the bucket, then resume"
	case errors.Is(err, ErrClock):
		return "set the clock of this machine, then resume"
	case errors.Is(err, ErrHost):
		return "correct the endpoint or the region, or look to name resolution, then resume"
	case temporary(err):
		return "nothing that was committed is lost; resume when the store answers again"
	default:
		return "nothing that was committed is lost; remove the cause, then resume"
	}
}

// permissions names what a policy must allow for a call, where that is not the call's own name.
var permissions = map[string]string{
	"CreateMultipartUpload":   "s3:PutObject",
	"UploadPart":              "s3:PutObject",
	"CompleteMultipartUpload": "s3:PutObject",
	"HeadObject":              "s3:GetObject",
	"ListObjectsV2":           "s3:ListBucket",
	"ListMultipartUploads":    "s3:ListBucketMultipartUploads",
	"ListParts":               "s3:ListMultipartUploadParts",
}

// denied says which action must be allowed.
func denied(e *Error) string {
	if e == nil {
		return "allow these credentials to read and write the bucket, then resume"
	}
	if strings.Contains(e.Message, "kms:") {
		return "allow these credentials kms:GenerateDataKey and kms:Decrypt on the bucket's key, then resume"
	}
	action, ok := permissions[e.Op]
	if !ok {
		action = "s3:" + e.Op
	}
	if action == "s3:GetObject" {
		// Without s3:ListBucket, S3 answers 403 for what does not exist.
		action = "s3:GetObject and s3:ListBucket"
	}
	return "allow these credentials " + action + " on the bucket and what is in it, then resume"
}
