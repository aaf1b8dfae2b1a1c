//go:build !race

package batch_test

// nightFiles is how many files a night has.
const nightFiles = 5000

// damages is how many damaged journals are opened.
const damages = 400

// killedTimes is how often a run is killed, where nobody says that it is to be
// more.
const killedTimes = 12
