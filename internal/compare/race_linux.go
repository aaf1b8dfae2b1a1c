package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// heat is what became of the programs' puts and gets at one server.
type heat struct {
	server string
	trials int
	count  map[string]*[outcomes]int // by program and errand
	bad    []result                  // what did not end well
}

func init() { compareOthers = race }

// race lets the programs put and get in front of each of the servers, all
// servers at once, and writes what became of it to field.md in dir. It tries
// every nth fault, and gives up when that takes longer than within.
func race(t *testing.T, servers []string, nth int, within time.Duration, dir string, cases bool) {
	t.Setenv("FTPRETRY_REAL", "1")
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	heats, failures := make([]heat, len(servers)), make([]error, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		f := newField(t, server)
		all.Go(func() { heats[i], failures[i] = f.heat(ctx, server, nth) })
	}
	all.Wait()
	for _, h := range heats {
		for _, r := range h.bad {
			if cases {
				fmt.Printf("%s: %s\n", h.server, r)
			}
		}
	}
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "field.md")
	if err := os.WriteFile(name, []byte(fieldReport(heats, nth)), 0o644); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("wrote %s\n", name)
}

// heat lets every program run both errands at one server.
func (f *field) heat(ctx context.Context, server string, nth int) (heat, error) {
	h := heat{server: server, count: map[string]*[outcomes]int{}}
	for _, p := range programs() {
		for _, e := range []errand{put, get} {
			results, err := f.enumerate(ctx, p, e, nth)
			if err != nil {
				return h, fmt.Errorf("%s: %w", server, err)
			}
			h.add(p.name+" "+string(e), results)
		}
	}
	return h, nil
}

func (h *heat) add(column string, results []result) {
	h.trials += len(results)
	h.count[column] = new([outcomes]int)
	for _, r := range results {
		h.count[column][r.outcome]++
		if r.outcome > fine {
			h.bad = append(h.bad, r)
		}
	}
}

// columns are the programs' errands, in the order of the tables.
func columns() (names []string) {
	for _, p := range programs() {
		names = append(names, p.name+" put", p.name+" get")
	}
	return names
}

// fieldReport is docs/field.md: the sum of all servers, then each.
func fieldReport(heats []heat, nth int) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	sum := heat{count: map[string]*[outcomes]int{}}
	for _, h := range heats {
		sum.trials += h.trials
		for column, count := range h.count {
			if sum.count[column] == nil {
				sum.count[column] = new([outcomes]int)
			}
			for o, n := range count {
				sum.count[column][o] += n
			}
		}
	}
	p("# What one fault makes of a put and a get")
	p("")
	p("Made by `bash .ci/compare-clients`. Do not edit.")
	p("")
	p("Programs that people use to move files over FTP put and get one file of %d bytes through the fault proxy of", len(body))
	p("`retry/retrytest`, in front of real servers, each with the settings that it has for trying again. Every program is run")
	if nth == 1 {
		p("into every fault that can meet any command that it sends, one at a time: %d runs. Afterwards the file that arrived", sum.trials)
	} else {
		p("into one in %d of the faults that can meet any command that it sends, one at a time: %d runs. Afterwards the file that arrived", nth, sum.trials)
	}
	p("is compared with the one that was sent: what the program says is held against what it has done.")
	p("")
	sum.table(p)
	p("")
	p("- false success: the program ended well, and the file is missing or has the wrong bytes")
	p("- hang: it had not ended after %s", given)
	p("- false failure: it ended with an error, and the file is whole")
	p("- failed: it ended with an error, and the file is not there or not whole")
	p("- not sent: it did not send the command again that the fault waited for")
	p("")
	p("The programs and their settings, which make all of them wait for a silent server equally long and try about equally often:")
	p("")
	for _, program := range programs() {
		p("- %s: %s", program.version(), program.how)
	}
	for _, h := range heats {
		p("")
		p("## %s", h.server)
		p("")
		p("%d runs.", h.trials)
		p("")
		h.table(p)
	}
	return b.String()
}

// table has a row for each outcome and a column for each program and errand.
func (h heat) table(p func(string, ...any)) {
	p("| outcome | %s |", strings.Join(columns(), " | "))
	p("|---|%s", strings.Repeat("--:|", len(columns())))
	for _, o := range shown {
		if o == duplicate {
			continue // nothing is appended here
		}
		row := fmt.Sprintf("| %s |", o)
		for _, name := range columns() {
			row += fmt.Sprintf(" %d |", h.count[name][o])
		}
		p("%s", row)
	}
}
