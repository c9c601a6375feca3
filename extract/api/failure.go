package api

import (
	"errors"
	"net/http"

	"chatferry"
)

// refusal says what an error means that a Stream's endpoint answered.
func refusal(stream chatferry.Stream, path string, err error) error {
	if why, ok := unavailable(err); ok {
		return &chatferry.UnavailableError{Stream: stream, Why: why, Err: err}
	}
	if ours := (*chatferry.Error)(nil); errors.As(err, &ours) {
		return err
	}
	e := &chatferry.Error{Op: "read", Place: path, Err: err}
	if status := (*StatusError)(nil); errors.As(err, &status) {
		e.Hint = "run the same command again; if it repeats, report it with this sentence"
	}
	return e
}

// unavailable reports whether err says that the account has no such endpoint, or that the token may not read it.
func unavailable(err error) (chatferry.Availability, bool) {
	switch statusOf(err) {
	case http.StatusNotFound, http.StatusGone:
		return chatferry.Missing, true
	case http.StatusForbidden:
		return chatferry.Forbidden, true
	}
	return "", false
}

// statusOf is the status of a refusal; 0 if err is none.
func statusOf(err error) int {
	if e := (*StatusError)(nil); errors.As(err, &e) {
		return e.Status
	}
	return 0
}
