// Package bench measures how fast a dump becomes a dataset: each stage alone, on the same records, and the whole.
//
// It drives the very stages that a run uses, over a seeded account written to disk, so that a figure means the same on
// every machine. README.md of this folder says how to read the figures.
package bench
