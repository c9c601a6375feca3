//go:build !race

package s3dump

const raceEnabled = false
