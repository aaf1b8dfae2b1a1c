//go:build race

package batch_test

// nightFiles is fewer under the race detector, which makes the night five times
// as slow; the whole of it is run without.
const nightFiles = 1000

// damages is how many damaged journals are opened.
const damages = 100

// killedTimes is how often a run is killed, where nobody says that it is to be
// more.
const killedTimes = 5
