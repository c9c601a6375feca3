//go:build unix

package faultfs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"chatferry/checkpoint/atomicfile"
)

// Variable is the environment variable that FromEnv reads.
const Variable = "CHATFERRY_FAULT"

var errnos = map[string]syscall.Errno{
	"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC, "EROFS": syscall.EROFS, "EACCES": syscall.EACCES,
}

// FromEnv wraps the FS of a real process with the fault that CHATFERRY_FAULT asks for. Operations that change the disk
// are counted from 1 over the whole process:
//
//	kill:N         SIGKILL to itself just before operation N
//	stop:N         SIGSTOP to itself just before operation N, once
//	fail:N:ERR     operation N fails with ERR: EIO, ENOSPC, EROFS or EACCES
//	failfrom:N:ERR every operation from N on fails with ERR
//	count:FILE     the number of operations so far is written to FILE at each
//
// It is meant for builds that are made for testing. A value that it cannot read is an error, so that no test passes
// because its fault was misspelt.
func FromEnv(fsys atomicfile.FS) (atomicfile.FS, error) {
	value := os.Getenv(Variable)
	if value == "" {
		return fsys, nil
	}
	act, err := parse(value)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", Variable, value, err)
	}
	return Counted(fsys, func(n int, _, _ string) error { return act(n) }), nil
}

func parse(value string) (func(n int) error, error) {
	verb, rest, _ := strings.Cut(value, ":")
	if verb == "count" {
		return func(n int) error { return os.WriteFile(rest, []byte(strconv.Itoa(n)+"\n"), 0o600) }, nil
	}
	number, name, _ := strings.Cut(rest, ":")
	at, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	errno, known := errnos[name]
	switch {
	case verb == "kill":
		return signalAt(at, syscall.SIGKILL), nil
	case verb == "stop":
		return signalAt(at, syscall.SIGSTOP), nil
	case (verb == "fail" || verb == "failfrom") && known:
		return func(n int) error {
			if n == at || n > at && verb == "failfrom" {
				return errno
			}
			return nil
		}, nil
	}
	return nil, fmt.Errorf("no such fault")
}

func signalAt(at int, sig syscall.Signal) func(int) error {
	return func(n int) error {
		if n != at {
			return nil
		}
		if err := strike(sig); err != nil {
			return err
		}
		if sig == syscall.SIGKILL {
			select {} // the signal may need an instant to arrive, and nothing may be done in it
		}
		return nil
	}
}
