package chatferry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind says what an error means for the run. It is set where the fact is known and read in one place, where the
// program maps it to its exit code.
type Kind int

// The Kinds. The zero Kind is an unexpected failure.
const (
	KindUnexpected   Kind = iota
	KindUsage             // a flag, argument or configuration is wrong
	KindEnvironment       // credentials, permission, disk, host name
	KindStopped           // stopped on request, resumable
	KindTemporary         // the source cannot be reached, or throttles beyond patience
	KindDiffers           // verification differs, or the books do not close
	KindIncompatible      // checkpoint or configuration incompatible or corrupt
	KindTooManyBad        // more Rejects than allowed
	KindFenced            // another run took over
	KindLocked            // a live run holds the dataset
	KindUnavailable       // the source does not give a Stream, all others were carried
)

// Error is an error that a person will read: what was being done, where, why it went wrong, and what to do.
type Error struct {
	Kind  Kind
	Op    string // what was being done: "open log"
	Place string // the file, record, Shard or flag
	Err   error
	Hint  string // what to do, without a full stop; may be empty
}

// Error gives the sentence without the hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Place != "" {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(e.Place)
	}
	if e.Err != nil {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a kind with a hint.
func Errorf(kind Kind, hint, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...), Hint: hint}
}

// KindOf returns the Kind of the outermost Error in err's chain that has one.
func KindOf(err error) Kind {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return KindUnexpected
		}
		if e.Kind != KindUnexpected {
			return e.Kind
		}
		err = e.Err
	}
	return KindUnexpected
}

// HintOf returns the outermost hint in err's chain.
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// severity ranks the Kinds for when several errors apply: the first of this list is the one to tell.
var severity = []Kind{
	KindFenced, KindIncompatible, KindDiffers, KindEnvironment, KindTooManyBad, KindUnexpected, KindTemporary,
	KindStopped, KindUnavailable,
}

// Worse returns the error that matters more to the run; a where both matter the same. Either may be nil.
func Worse(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case rank(b) < rank(a):
		return b
	}
	return a
}

// rank is the place in severity. What is told before a run starts (usage, a held lock) comes before everything.
func rank(err error) int { return slices.Index(severity, KindOf(err)) }

// Availability says why a source does not give a Stream.
type Availability string

// The Availabilities of a Stream that is not given. Neither is ever taken for an empty Stream.
const (
	Missing   Availability = "missing"   // the account has no such endpoint
	Forbidden Availability = "forbidden" // the token may not read it
)

// UnavailableError is what a Reader returns when the source does not give its Stream. The Shard stays open, so that a
// later run tries again; the run goes on with the others.
type UnavailableError struct {
	Stream Stream
	Why    Availability
	Err    error // what the source answered
}

// Error says which Stream is not given, and why.
func (e *UnavailableError) Error() string { return fmt.Sprintf("%s is %s: %v", e.Stream, e.Why, e.Err) }

// Unwrap returns the source's answer.
func (e *UnavailableError) Unwrap() error { return e.Err }

// UnavailableStreams is the error of a Pipeline that carried everything but these Streams.
type UnavailableStreams map[Stream]*UnavailableError

// Error names the Streams.
func (u UnavailableStreams) Error() string {
	var words []string
	for _, s := range Streams() {
		if e, ok := u[s]; ok {
			words = append(words, string(s)+" is "+string(e.Why))
		}
	}
	return strings.Join(words, ", ")
}
