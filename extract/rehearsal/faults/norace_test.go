//go:build !race

package faults

const sampled = 1
