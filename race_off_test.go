//go:build !race

package ftpretry_test

// sample is the part of the enumerations that is run: all of it.
const sample = 1
