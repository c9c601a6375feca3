//go:build race

package endtoend

// raceEnabled makes the sweeps take a seeded sample and the proofs some of their accounts: under the race detector
// everything costs many times as much.
const raceEnabled = true
