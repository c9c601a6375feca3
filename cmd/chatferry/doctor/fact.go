package doctor

import (
	"errors"
	"net/http"
	"strings"

	"chatferry"
	"chatferry/extract/api"
)

// Why is the reason for which a Fact is not there.
type Why string

// The reasons.
const (
	NotGiven   Why = "not_given"  // the caller did not name it
	NotHeld    Why = "not_held"   // a dump does not have it
	Missing    Why = "missing"    // the account does not have it: 404
	Forbidden  Why = "forbidden"  // the token may not read it: 403
	Failed     Why = "failed"     // no answer that can be used
	Unreadable Why = "unreadable" // records, or a file, in a form that is not known
	Barred     Why = "barred"     // it was not asked, since something before it failed
)

// Gap says what is not there of a Fact.
type Gap struct {
	Asked  string `json:"asked"`
	Why    Why    `json:"why"`
	Reason string `json:"reason"`

	err error
	do  string // how to have it looked at
}

// Fact is something that was looked for.
type Fact[T any] struct {
	Value T
	Known bool // Value is what was seen; with a Gap, a part of it
	Gap   *Gap
}

// seen is a Fact that is there.
func seen[T any](v T) Fact[T] { return Fact[T]{Value: v, Known: true} }

// unseen is a Fact that is not there.
func unseen[T any](asked string, why Why, reason string) Fact[T] {
	return Fact[T]{Gap: &Gap{Asked: asked, Why: why, Reason: reason}}
}

// notGiven is a Fact that the caller did not ask for, with how to.
func notGiven[T any](what, do string) Fact[T] {
	return Fact[T]{Gap: &Gap{Asked: what, Why: NotGiven, Reason: "not given", do: do}}
}

// refused is a Fact that is not there because of an error.
func refused[T any](asked string, err error) Fact[T] { return Fact[T]{Gap: gapOf(asked, err)} }

func gapOf(asked string, err error) *Gap {
	g := &Gap{Asked: asked, Why: whyOf(err), Reason: err.Error(), err: err}
	var absent *chatferry.UnavailableError
	if errors.As(err, &absent) && absent.Err != nil {
		g.Reason = absent.Err.Error()
	}
	g.Reason = strings.TrimPrefix(g.Reason, asked+": ")
	return g
}

func whyOf(err error) Why {
	var status *api.StatusError
	var absent *chatferry.UnavailableError
	switch {
	case errors.As(err, &absent):
		return map[chatferry.Availability]Why{chatferry.Forbidden: Forbidden, chatferry.Missing: Missing}[absent.Why]
	case errors.As(err, &status) && status.Status == http.StatusForbidden:
		return Forbidden
	case errors.As(err, &status) && (status.Status == http.StatusNotFound || status.Status == http.StatusGone):
		return Missing
	case errors.Is(err, errForm):
		return Unreadable
	}
	return Failed
}

// errForm is wrapped by what is said about records and files in a form that is not known.
var errForm = errors.New("it has a form that is not known")
