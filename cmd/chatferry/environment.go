package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"golang.org/x/term"

	"chatferry/checkpoint/atomicfile"
)

// environment is everything the program takes from the process it runs in, so that tests can run the whole program.
type environment struct {
	program        string // its name, as it was called
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(name string) string
	environ        func() []string
	// isTerminal reports whether a person reads or writes the stream, one of stdin, stdout and stderr.
	isTerminal func(stream any) bool
	// size returns the columns and lines of the terminal behind stderr.
	size func() (columns, lines int)
	now  func() time.Time
	// transport carries requests to accounts; nil is the network.
	transport http.RoundTripper
	// listen makes the listener at which a run can be watched; nil is the network.
	listen func(ctx context.Context, address string) (net.Listener, error)
	// disk wraps the root of a dataset on disk; nil leaves it as it is.
	disk func(atomicfile.FS) (atomicfile.FS, error)
	// die ends the process by a signal, as if it had never been caught.
	die func(os.Signal)
}

// processEnvironment is the environment of this process.
func processEnvironment() *environment {
	return &environment{
		program: os.Args[0], args: os.Args[1:],
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv:  os.Getenv,
		environ: os.Environ,
		isTerminal: func(stream any) bool {
			f, ok := stream.(*os.File)
			return ok && term.IsTerminal(int(f.Fd()))
		},
		size: func() (int, int) {
			columns, lines, err := term.GetSize(int(os.Stderr.Fd()))
			if err != nil || columns <= 0 || lines <= 0 {
				return 80, 24
			}
			return columns, lines
		},
		now:  time.Now,
		disk: injectFaults,
		die:  dieBy,
	}
}

// exitSignalled is 128, to which a shell adds the number of the signal that ended a process.
const exitSignalled = 128

// dieBy restores what the signal does by default and sends it to this process, so that the parent sees a death by
// that signal.
func dieBy(sig os.Signal) {
	resetSignal(sig)
	if s, ok := sig.(syscall.Signal); ok {
		_ = syscall.Kill(os.Getpid(), s)
		time.Sleep(time.Second) // the signal is delivered before this ends
		os.Exit(exitSignalled + int(s))
	}
}
