package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ftpretry/ftpretry/internal/faultlist"
)

// meanings say what each outcome means to whoever ran the job, worst last.
var meanings = [outcomes]string{
	unmet:        "this client never sends the command that the fault waits for",
	fine:         "done, and said so",
	failed:       "an error, and the job is not done",
	falseFailure: "an error, although the job is done",
	hang:         "had not returned after an hour of virtual time",
	duplicate:    "appended bytes that it had appended before",
	falseSuccess: "no error, and wrong or missing bytes, or a wrong listing",
}

// shown are the outcomes in the order of the report: the good one, then what
// costs somebody something, the worst first.
var shown = []outcome{fine, falseSuccess, duplicate, hang, falseFailure, failed, unmet}

// bad are those that the picture's headline counts.
var bad = []outcome{falseSuccess, duplicate, hang, falseFailure, failed}

// said is one kind of bad end in a sentence: "1 hang", "2 hangs".
func (o outcome) said(n int) string {
	switch {
	case n == 1:
		return "1 " + o.String()
	case o == falseSuccess:
		return fmt.Sprintf("%d false successes", n)
	case o == failed:
		return fmt.Sprintf("%d failed", n)
	}
	return fmt.Sprintf("%d %ss", n, o)
}

// summary is what went wrong, in a few words.
func summary(count [outcomes]int) string {
	var parts []string
	for _, o := range bad {
		if count[o] > 0 {
			parts = append(parts, o.said(count[o]))
		}
	}
	if len(parts) == 0 {
		return "all ok"
	}
	return strings.Join(parts, ", ")
}

// markdown is the report. Nothing in it depends on the machine or the moment.
func (s score) markdown() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# What one fault makes of a job")
	p("")
	p("Made by `go run ./internal/compare`. Do not edit.")
	p("")
	p("%d operations are run into every fault that can meet any command they send: **%d faults**, one at a time, each on", len(s.jobs), s.trials)
	p("a fresh server with the same tree, and every client meets the same ones. The server is `retry/retrytest` in memory,")
	p("and time is virtual. Afterwards the server's tree, and what was read, are compared with what they must be.")
	p("")
	p("![Heat map of the outcomes, commands by faults](compare.svg)")
	p("")
	p("| outcome | | %s |", strings.Join(s.clients, " | "))
	p("|---|---|%s", strings.Repeat("--:|", len(s.clients)))
	for _, o := range shown {
		row := fmt.Sprintf("| %s | %s |", o, meanings[o])
		for _, c := range s.clients {
			row += fmt.Sprintf(" %d |", s.total[c][o])
		}
		p("%s", row)
	}
	row := "| longest run | of those that returned, in virtual time |"
	for _, c := range s.clients {
		row += fmt.Sprintf(" %s |", s.longest[c].Round(time.Second))
	}
	p("%s", row)
	p("")
	p("## The clients")
	p("")
	p("- **naive**: `ftp.Dial` with a timeout, `Login`, the operation, `Quit`; all of it in `backoff.Retry` with its default")
	p("  policy, again after any error, %d attempts. Every attempt reads its upload from the beginning and collects its", attempts)
	p("  download in an empty buffer; an error of closing the download counts, though many programs drop it.")
	p("- **careful**: the same, and no read and no write of any connection may take longer than %s, and a 5xx is final.", ioTimeout)
	p("- **ftpretry**: `retry.New` with an address, a user and a password, otherwise the defaults (%d attempts too).", attempts)
	p("")
	p("Waits are without jitter, so that every run of this gives the same report. The code of the clients is in")
	p("`internal/compare/clients.go` and `internal/compare/jobs.go`.")
	p("")
	p("## By operation")
	p("")
	p("| operation | faults | %s |", strings.Join(s.clients, " | "))
	p("|---|--:|%s", strings.Repeat("---|", len(s.clients)))
	for _, j := range s.jobs {
		row, n := "", 0
		for _, c := range s.clients {
			count := s.perJob[[2]string{c, j}]
			n = 0
			for _, k := range count {
				n += k
			}
			row += " " + summary(count) + " |"
		}
		p("| %s | %d |%s", j, n, row)
	}
	p("")
	p("## Examples")
	p("")
	p("The first of each kind; `go run ./internal/compare -cases` prints all.")
	p("")
	for _, c := range s.clients {
		for _, o := range bad {
			if r, ok := s.example[c][o]; ok {
				p("- %s", r)
			}
		}
	}
	p("")
	p("## The faults")
	p("")
	p("At any command:")
	p("")
	list(p, faultlist.Command())
	p("")
	p("At a command that moves data, after 0, 1, 1000, half, all but one and all bytes of a file of %d, or after 0, 1, 7", len(body))
	p("and 1000 bytes of a listing:")
	p("")
	list(p, faultlist.Data(0))
	p("")
	p("Left out is the one that no client can tell from a healthy server: an empty listing that the server calls complete.")
	return b.String()
}

func list(p func(string, ...any), faults []faultlist.Entry) {
	for _, f := range faults {
		p("- %s", f.Name)
	}
}
