//go:build race

package settle

// raceEnabled: under the race detector a sample of each sweep is tried.
const raceEnabled = true
