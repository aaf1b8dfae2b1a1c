// Batch moves many files to or from an FTP server, carries on after whatever
// goes wrong, and says in the end what came of each.
//
//	go run ./examples/batch mirror-up -addr ftp.example.com -user u ./outbox /in
//	go run ./examples/batch mirror-down -addr ftp.example.com -user u /out ./inbox
//	go run ./examples/batch run -addr ftp.example.com -user u -journal night.db jobs.csv
//	go run ./examples/batch report night.db
//	go run ./examples/batch -demo
//
// The password is in FTP_PASSWORD, in a file named by -password-file, or in a netrc
// file (-netrc).
// `batch COMMAND -h` tells of every setting.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// The exit statuses.
const (
	allDone     = 0
	someFailed  = 1 // or their outcome is unknown, or they had no turn
	wrongUsage  = 2 // nothing was begun: the command line, a setting or the job list is not in order
	interrupted = 3 // by SIGINT or SIGTERM
)

// terminal is where the program talks to its user.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	os.Exit(run(terminal{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]))
}

// run is main, and returns the exit status.
func run(t terminal, args []string) int {
	if len(args) == 0 {
		usage(t.err)
		return wrongUsage
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		usage(t.out)
		return allDone
	}
	for _, c := range commands {
		if c.name == args[0] || "-"+c.name == args[0] {
			return t.ended(c.run(t, c, args[1:]))
		}
	}
	return t.ended(0, misuse("%q is no command: batch -h lists them", args[0]))
}

// ended prints what kept a command from beginning, if anything did.
func (t terminal) ended(status int, err error) int {
	switch {
	case err == nil:
		return status
	case errors.Is(err, flag.ErrHelp):
		return allDone
	}
	fmt.Fprintln(t.err, "batch:", strings.TrimPrefix(err.Error(), "batch: "))
	return wrongUsage
}

// misuse is an error of the person who has called the program.
func misuse(format string, args ...any) error { return fmt.Errorf(format, args...) }
