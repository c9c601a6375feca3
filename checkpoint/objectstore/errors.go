package objectstore

import (
	"errors"
	"fmt"
	"io/fs"
)

// What an answer says about the object or upload. They are found with errors.Is; see the package comment for what may be
// concluded from each.
var (
	ErrNotExist = fmt.Errorf("no such object: %w", fs.ErrNotExist)
	ErrExist    = fmt.Errorf("the name is taken: %w", fs.ErrExist)
	ErrChanged  = errors.New("the object has changed")
	ErrConflict = errors.New("another writer is at work on this name")
	ErrNoUpload = errors.New("no such upload")
	ErrArchived = errors.New("the object is archived")
	// ErrDamaged: the sum that was sent is not that of the bytes that arrived. No object was made; a part may have been.
	ErrDamaged = errors.New("the bytes that arrived are not those that were sent")
	// ErrAmbiguous: nobody knows whether the call was applied.
	ErrAmbiguous = errors.New("it may have been applied or not")
)

// What an answer says about the way to the store. They are found with errors.Is, and Explain says what to do about each.
var (
	ErrDenied      = errors.New("not allowed")
	ErrCredentials = errors.New("the credentials are not valid")
	ErrNoBucket    = errors.New("no such bucket")
	ErrRegion      = errors.New("the bucket is in another region")
	ErrClock       = errors.New("the clock of this machine is wrong")
	ErrHost        = errors.New("no such host")
	// ErrUnreachable: the store did not answer, or said that it is busy or broken, until patience ran out.
	ErrUnreachable = errors.New("the store cannot be reached")
)

// Error is an answer that is not success.
type Error struct {
	Op      string  // the call as S3 spells it: "PutObject"
	Place   string  // s3://bucket/name
	Means   []error // of the errors above, for errors.Is; nothing if the answer has no meaning here
	Status  int     // of HTTP; 0 if there was no answer
	Code    string  // the store's code, "NoSuchKey"; "" if there was none
	Message string  // the store's words
	Region  string  // with ErrRegion, where the bucket is, if the store said so
	Err     error   // the cause
}

// Error gives one sentence: the call, the place, what it means and what the store said.
func (e *Error) Error() string {
	text := e.Op + " " + e.Place
	for _, means := range e.Means {
		text += ": " + means.Error()
	}
	switch {
	case e.Code != "" && e.Message != "":
		text += fmt.Sprintf(": %s: %s", e.Code, e.Message)
	case e.Code != "":
		text += ": " + e.Code
	case e.Status != 0:
		text += fmt.Sprintf(": status %d", e.Status)
	case e.Err != nil:
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns what the answer means, and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return e.Means
	}
	return append([]error{e.Err}, e.Means...)
}
