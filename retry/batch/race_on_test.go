//go:build race

package batch_test

// nightFiles is fewer under the race detector, which makes the night five times
// as slow; the whole of it is run without.
const nightFiles = 1000

// killedTimes is how often a run is killed in the test of that.
const killedTimes = 8
