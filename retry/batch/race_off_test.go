//go:build !race

package batch_test

// nightFiles is how many files a night has.
const nightFiles = 5000
