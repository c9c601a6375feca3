//go:build !race

package settle

const raceEnabled = false
