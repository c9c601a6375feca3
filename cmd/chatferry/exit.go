package main

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"chatferry"
)

// The exit codes. They are documented API: a code keeps its number and its meaning for ever.
const (
	exitDone         = 0  // complete, the books close
	exitUnexpected   = 1  // unexpected failure, resumable
	exitUsage        = 2  // usage or configuration
	exitEnvironment  = 3  // credentials, permission, disk, host name
	exitPartial      = 4  // this run added Rejects, or a Stream is missing, forbidden or doubtful
	exitStopped      = 5  // stopped cleanly, resumable
	exitTemporary    = 6  // source unreachable or throttled beyond patience
	exitDiffers      = 7  // verification differs, or the books do not close
	exitIncompatible = 8  // checkpoint or configuration incompatible or corrupt
	exitTooManyBad   = 9  // too many bad records
	exitFenced       = 10 // another run took over
	exitLocked       = 11 // locked by a live run
)

// outcome is what an exit code means: to programs by its name, to people by its sentence.
type outcome struct {
	code    int
	name    string
	meaning string
}

// outcomes lists every exit code, for the help texts and the JSON result.
var outcomes = []outcome{
	{exitDone, "done", "complete, the books close"},
	{exitUnexpected, "unexpected", "unexpected failure, resumable"},
	{exitUsage, "usage", "a flag, an argument or the configuration is wrong"},
	{exitEnvironment, "environment", "credentials, permission, disk or host name"},
	{exitPartial, "partial", "finished, but records went to quarantine, a part is doubtful, or a stream is missing or forbidden"},
	{exitStopped, "stopped", "stopped cleanly, resumable"},
	{exitTemporary, "temporary", "the source is unreachable, or throttles beyond patience"},
	{exitDiffers, "differs", "verification differs, or the books do not close"},
	{exitIncompatible, "incompatible", "checkpoint or configuration incompatible or corrupt"},
	{exitTooManyBad, "too_many_bad", "too many bad records"},
	{exitFenced, "fenced", "another run took over"},
	{exitLocked, "locked", "locked by a live run"},
}

// outcomeName is the stable name of an exit code.
func outcomeName(code int) string {
	for _, o := range outcomes {
		if o.code == code {
			return o.name
		}
	}
	return "unexpected"
}

// exitOfKind is the one map from the meaning of an error to an exit code.
var exitOfKind = map[chatferry.Kind]int{
	chatferry.KindUnexpected:   exitUnexpected,
	chatferry.KindUsage:        exitUsage,
	chatferry.KindEnvironment:  exitEnvironment,
	chatferry.KindStopped:      exitStopped,
	chatferry.KindTemporary:    exitTemporary,
	chatferry.KindDiffers:      exitDiffers,
	chatferry.KindIncompatible: exitIncompatible,
	chatferry.KindTooManyBad:   exitTooManyBad,
	chatferry.KindFenced:       exitFenced,
	chatferry.KindLocked:       exitLocked,
	chatferry.KindUnavailable:  exitPartial,
}

// exitPrecedence says which exit code counts when several errors apply: the first of this list. Usage and a lock come
// first since they end a run before it does anything.
var exitPrecedence = []int{
	exitUsage, exitLocked,
	exitFenced, exitIncompatible, exitDiffers, exitEnvironment, exitTooManyBad, exitUnexpected, exitTemporary, exitStopped,
	exitPartial,
}

// partialError says that a run came to its end, but left something that a person should look at.
type partialError struct{ what string }

func (e *partialError) Error() string { return e.what }

// exitCode maps an error, which may be a tree of joined errors, to the exit code.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	code, _ := gravest(err)
	return code
}

// gravest returns the exit code of a tree of joined errors, and the branch that decides it.
func gravest(err error) (int, error) {
	found := map[int]error{}
	collectExits(err, found)
	for _, code := range exitPrecedence {
		if e, ok := found[code]; ok {
			return code, e
		}
	}
	return exitUnexpected, err
}

// collectExits adds the exit code of every branch of err to found. Inside a branch the outermost Kind counts, since
// whoever set it knew what the cause means there. A branch that was merely cancelled says nothing of its own.
func collectExits(err error, found map[int]error) {
	whole := err
	put := func(code int) {
		if _, ok := found[code]; !ok {
			found[code] = whole
		}
	}
	for err != nil {
		switch e := err.(type) {
		case *chatferry.Error:
			if code, ok := exitOfKind[e.Kind]; ok && e.Kind != chatferry.KindUnexpected {
				put(code)
				return
			}
		case *partialError:
			put(exitPartial)
			return
		case interface{ Unwrap() []error }:
			for _, branch := range e.Unwrap() {
				collectExits(branch, found)
			}
			return
		}
		next := errors.Unwrap(err)
		if next == nil {
			break
		}
		err = next
	}
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		put(exitStopped)
	case diskError(err):
		put(exitEnvironment)
	default:
		put(exitUnexpected)
	}
}

// diskError reports whether a bare cause comes from the machine rather than from chatferry. Most such errors have their
// Kind where they arise; this catches the rest.
func diskError(err error) bool {
	for _, is := range []error{fs.ErrPermission, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}
