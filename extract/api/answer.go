package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Answer is one whole answer of the API with status 200. Its body was read to its proven end.
type Answer struct {
	Body   []byte // owned by the caller
	Header http.Header
	Date   time.Time // the server's clock; the zero time where it does not say

	Requests  int           // that it took, failed ones included
	Throttled time.Duration // spent waiting for the limiter, Retry-After and back-off
}

// Getter asks the API. Client is one; the readers of the endpoints need no more than that.
type Getter interface {
	// Get asks for a path below the API's root, "incremental/chats". It waits for the limiter and tries again what may
	// succeed later: 429, 5xx, timeouts, broken answers, and answers that check refuses. check may be nil; it is given
	// each whole body and says whether it is what the endpoint answers. An answer that stays refused is an error of
	// KindTemporary that wraps what check said.
	//
	// Other statuses than 200 are a *StatusError: never retried, except 401 once with a new token where there may be one.
	Get(ctx context.Context, path string, query url.Values, check func(body []byte) error) (*Answer, error)
	// Now is the server's time as far as its answers tell.
	Now() time.Time
}

// StatusError is an answer of the API that trying again does not change.
type StatusError struct {
	Status  int
	Path    string
	Code    string // the member "error" of its body
	Message string // the member "description"
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("GET %s: the API answered %d %s", e.Path, e.Status, http.StatusText(e.Status))
	for _, s := range []string{e.Code, e.Message} {
		if s != "" {
			text += ": " + s
		}
	}
	return text
}
