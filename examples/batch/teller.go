package main

import (
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8/cwriter"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// teller tells what happens. Its hooks are called by several goroutines.
type teller interface {
	client() retry.Hooks
	runner() batch.Hooks
	expect(jobs int64)                 // that there will be so many
	leave()                            // that something is left as it is
	remark(format string, args ...any) // something that a person should know
	close()                            // nothing is told after it
}

// teller is the one for these settings: a log, or else bars on a terminal and
// lines elsewhere.
func (s *settings) teller(t terminal) teller {
	if s.json {
		return newLog(t.out, s.verbose)
	}
	board := newBoard(int(s.workers))
	if terminalOf(t.err) && !s.dryRun { // whose lines bars would spoil
		return newBars(t.err, board, s.verbose)
	}
	return newLines(t.err, board, s.verbose)
}

// terminalOf tells whether w is a screen with a cursor that can be moved.
func terminalOf(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && cwriter.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// interval is how often a line is printed: the longer the run, the more seldom,
// so that a night does not fill a mail.
func interval(run time.Duration) time.Duration {
	switch {
	case run < 2*time.Minute:
		return 10 * time.Second
	case run < time.Hour:
		return time.Minute
	}
	return 10 * time.Minute
}
