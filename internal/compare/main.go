// Compare runs ten operations into every fault that can meet any of their
// commands, with the client that a programmer writes today around
// github.com/jlaffaye/ftp and backoff.Retry, with a careful one, and with
// ftpretry; and writes what became of each to docs/compare.md and
// docs/compare.svg:
//
//	go run ./internal/compare
//
// It needs no network: the server runs in memory, in virtual time.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func main() {
	dir := flag.String("dir", "docs", "where compare.md and compare.svg are written; it must exist")
	cases := flag.Bool("cases", false, "print every case that did not end well")
	// Virtual time is only to be had from within a test, so that this program
	// is one.
	testing.Init()
	flag.Parse()
	testing.Main(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "compare", F: func(t *testing.T) {
		began := time.Now()
		results := enumerate(t, jobs())
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

func write(dir string, s score) error {
	if err := os.WriteFile(filepath.Join(dir, "compare.md"), []byte(s.markdown()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "compare.svg"), []byte(s.svg()), 0o644)
}
