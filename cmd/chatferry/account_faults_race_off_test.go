//go:build !race

package main

// faultStride is the distance between the faults that are tried by default.
const faultStride = 1
