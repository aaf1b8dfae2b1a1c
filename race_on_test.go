//go:build race

package ftpretry_test

// sample is the part of the enumerations that is run: under the race detector,
// which makes them ten times as slow, every twelfth case. Which ones differs from
// operation to operation, and all are run without it.
const sample = 12
