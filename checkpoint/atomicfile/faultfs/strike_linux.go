package faultfs

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// strike sends this process a signal that stops or ends it. It is sent to the thread itself, which then does nothing more: one
// that is sent to the process is taken by another thread, and meanwhile several operations may go by.
func strike(sig syscall.Signal) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return unix.Tgkill(unix.Getpid(), unix.Gettid(), sig)
}
