// Compare runs ten operations into every fault that can meet any of their
// commands, with the client that a programmer writes today around
// github.com/jlaffaye/ftp and backoff.Retry, with a careful one, and with
// ftpretry; and writes what became of each to docs/compare.md and
// docs/compare.svg:
//
//	go run ./internal/compare
//
// It needs no network: the server runs in memory, in virtual time.
//
// With -others it compares curl, lftp, secsy/goftp, rclone and ftpretry instead, in real time
// and in front of real servers, and writes docs/field.md. .ci/compare-clients
// installs what that needs.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func main() {
	dir := flag.String("dir", "docs", "where compare.md and compare.svg, or field.md, are written; it must exist")
	cases := flag.Bool("cases", false, "print every case that did not end well")
	others := flag.String("others", "", "servers to run curl, lftp, goftp and rclone against: retrytest, vsftpd, proftpd, pure-ftpd, pyftpdlib (comma-separated)")
	flag.StringVar(&only, "programs", "", "with -others: only these of the programs (comma-separated)")
	nth := flag.Int("nth", 1, "with -others: only every nth fault")
	within := flag.Duration("within", 2*time.Hour, "with -others: give up after this")
	// Virtual time is only to be had from within a test, so that this program
	// is one.
	testing.Init()
	flag.Parse()
	testing.Main(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "compare", F: func(t *testing.T) {
		if *others != "" {
			compareOthers(t, strings.Split(*others, ","), max(*nth, 1), *within, *dir, *cases)
			return
		}
		began := time.Now()
		results := enumerate(t, jobs(), clients())
		if t.Failed() {
			return
		}
		if *cases {
			for _, r := range results {
				if r.outcome > fine {
					fmt.Println(r)
				}
			}
		}
		if err := write(*dir, tally(results)); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%d runs in %s; wrote %s and %s\n", len(results), time.Since(began).Round(100*time.Millisecond),
			filepath.Join(*dir, "compare.md"), filepath.Join(*dir, "compare.svg"))
	}}}, nil, nil)
}

// only are the programs to be compared; "" for all there are.
var only string

// compareOthers is replaced where there are real servers.
var compareOthers = func(t *testing.T, _ []string, _ int, _ time.Duration, _ string, _ bool) {
	t.Fatal("real servers run on Linux only")
}

func write(dir string, s score) error {
	if err := os.WriteFile(filepath.Join(dir, "compare.md"), []byte(s.markdown()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "compare.svg"), []byte(s.svg()), 0o644)
}
