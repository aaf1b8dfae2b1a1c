//go:build race

package batch

// reported is how many jobs a large report has: fewer under the race detector.
const reported = 100_000
