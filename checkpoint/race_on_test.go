//go:build race

package checkpoint

// raceEnabled tells whether the race detector watches.
const raceEnabled = true
