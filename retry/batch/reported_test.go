//go:build !race

package batch

// reported is how many jobs a large report has.
const reported = 1_000_000
