//go:build !race

package main

// How much the tests in virtual time do by default.
const (
	movingSeeds = 40
	longRun     = 30 // hours
)
