//go:build race

package main

// sample is the part of the jobs that the race detector sees, which makes each ten
// times as slow; all are run without it.
const sample = 4
