//go:build !faultinject

package main

import "chatferry/checkpoint/atomicfile"

// injectFaults is where a test build breaks the disk on purpose; this is not one.
func injectFaults(fsys atomicfile.FS) (atomicfile.FS, error) { return fsys, nil }
