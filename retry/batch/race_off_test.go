//go:build !race

package batch_test

// nightFiles is how many files a night has.
const nightFiles = 5000

// killedTimes is how often a run is killed in the test of that.
const killedTimes = 50
