package main

import (
	"math"
	"path/filepath"
	"strconv"
)

// command writes a call of this program as a shell reads it.
func (e *environment) command(words ...string) string {
	return shellQuote(append([]string{e.program}, words...)...)
}

// resumeCommand is the command that goes on after a run over root ended with code, or "" if none would help. read and
// quarantined are the counts over all runs.
func (e *environment) resumeCommand(root string, code int, read, quarantined int64) string {
	if !isS3(root) {
		if abs, err := filepath.Abs(root); err == nil {
			root = abs
		}
	}
	switch code {
	case exitUnexpected, exitEnvironment, exitStopped, exitTemporary:
		return e.command("resume", root)
	case exitTooManyBad:
		return e.command("resume", root, "--max-bad-records", enough(read, quarantined))
	}
	return ""
}

// enough is a share that bears what is in quarantine, and as much again.
func enough(read, quarantined int64) string {
	if read <= 0 {
		return "100%"
	}
	share := math.Ceil(2 * 100 * float64(quarantined) / float64(read))
	return strconv.Itoa(int(min(100, max(1, share)))) + "%"
}
