//go:build race

package endtoend

// sweepUnderRace makes the sweeps take a seeded sample: under the race detector every run costs many times as much.
const sweepUnderRace = true
