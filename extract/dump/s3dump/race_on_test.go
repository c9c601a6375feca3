//go:build race

package s3dump

// raceEnabled makes the sweep leave requests out: under the race detector everything costs many times as much.
const raceEnabled = true
