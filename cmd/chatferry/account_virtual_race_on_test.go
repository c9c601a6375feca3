//go:build race

package main

// Under the race detector everything costs many times as much.
const (
	movingSeeds = 4
	longRun     = 4
)
