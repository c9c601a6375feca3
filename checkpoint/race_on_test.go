//go:build race

package checkpoint

// raceEnabled makes the long sweeps shorter: under the race detector every step costs many times as much.
const raceEnabled = true
