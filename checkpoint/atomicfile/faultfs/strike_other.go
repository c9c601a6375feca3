//go:build unix && !linux

package faultfs

import (
	"os"
	"syscall"
)

// strike sends this process a signal that stops or ends it, an instant later.
func strike(sig syscall.Signal) error { return syscall.Kill(os.Getpid(), sig) }
