//go:build !unix

package api

import (
	"io/fs"
	"os"
)

// tryLock says that the file is locked: there are no such locks here.
func tryLock(*os.File) (bool, error) { return true, nil }

// syncFolder does nothing: folders cannot be made durable here.
func syncFolder(string) error { return nil }

// othersMayRead cannot be told from a mode here.
func othersMayRead(fs.FileMode) bool { return false }
