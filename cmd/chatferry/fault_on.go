//go:build faultinject

package main

import (
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// injectFaults breaks the disk as CHATFERRY_FAULT says, so that tests can kill, freeze or fail the real program at each
// operation that changes the disk.
func injectFaults(fsys atomicfile.FS) (atomicfile.FS, error) { return faultfs.FromEnv(fsys) }
