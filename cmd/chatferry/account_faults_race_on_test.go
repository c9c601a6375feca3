//go:build race

package main

// faultStride is the distance between the faults that are tried by default. Under the race detector each costs many times
// as much.
const faultStride = 8
