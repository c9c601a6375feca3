//go:build !race

package endtoend

const sweepUnderRace = false
