//go:build race

package faults

// sampled: of each 6 walks one.
const sampled = 6
