//go:build !amd64

package sums

var wide bool
