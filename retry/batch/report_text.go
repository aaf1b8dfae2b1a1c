package batch

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

const (
	columns    = 80
	mostOfTodo = 20 // jobs named for each thing to do; the page and the JSON form have all
)

// WriteText writes the report for a terminal or a mail: 80 columns, what is left
// to be done first. Names and replies are shown with what does not print spelt
// out. The error is that of w.
func (r *Report) WriteText(w io.Writer) error {
	p := &printer{digest: r.digest()}
	p.head()
	p.problems()
	p.figures()
	p.night()
	p.files("Took longest", r.Slowest, func(e Entry) string { return lasting(e.Took) })
	p.files("Tried most often", r.Replayed, func(e Entry) string { return of(e.Attempts, "attempt") })
	p.notes()
	_, err := w.Write(p.buf.Bytes())
	return err
}

// printer writes a digest as text.
type printer struct {
	*digest
	buf bytes.Buffer
}

func (p *printer) line(text string) {
	p.buf.WriteString(strings.TrimRight(text, " "))
	p.buf.WriteByte('\n')
}

// title begins a part.
func (p *printer) title(text string) {
	p.line("")
	p.line(strings.ToUpper(text))
}

// par writes text that is broken into lines, the first one after first, the
// others after as many blanks.
func (p *printer) par(first, text string) {
	for _, line := range wrap(text, columns-len(first)) {
		p.line(first + line)
		first = strings.Repeat(" ", len(first))
	}
}

// wrap breaks text into lines of at most width characters: between words, or
// within one that is longer than a line.
func wrap(text string, width int) (lines []string) {
	var line []rune
	for _, word := range strings.Fields(text) {
		w := []rune(word)
		if len(line) > 0 && len(line)+1+len(w) <= width {
			line = append(append(line, ' '), w...)
			continue
		}
		if len(line) > 0 {
			lines = append(lines, string(line))
		}
		for ; len(w) > width; w = w[width:] {
			lines = append(lines, string(w[:width]))
		}
		line = w
	}
	return append(lines, string(line))
}

func (p *printer) head() {
	p.par("", p.Headline)
	p.line("")
	p.par("  server  ", legible(p.Server))
	p.par("  run     ", fmt.Sprintf("%s, %s, %s", p.Started.Format("Mon 2 Jan 2006 15:04:05 MST"), lasting(p.Took), of(p.Workers, "worker")))
	for _, a := range p.Alerts {
		p.line("")
		p.par("! ", a)
	}
}

func (p *printer) problems() {
	if len(p.Todo) == 0 {
		return
	}
	p.title("What to do")
	for i, t := range p.Todo {
		p.par(fmt.Sprintf("%2d. ", i+1), t.Next+" ("+of(len(t.Jobs), "job")+")")
		for j, e := range t.Jobs {
			if j == mostOfTodo {
				p.line("      ... and " + count(len(t.Jobs)-j) + " more")
				break
			}
			p.par("    - ", e.Kind.String()+" "+e.title())
			when := "at " + p.clock(e.Began)
			if e.Attempts > 0 {
				when = of(e.Attempts, "attempt") + ", " + when
			}
			p.par("      ", fmt.Sprintf("%s: %s (%s)", e.State, legible(e.Error), when))
		}
	}
}

func (p *printer) figures() {
	p.title("The run in numbers")
	j := p.Jobs
	p.par("  jobs     ", fmt.Sprintf("%s: %s done, %s done earlier, %s failed, %s unknown, %s not run",
		count(j.Total), count(j.Done), count(j.Skipped), count(j.Failed), count(j.Unknown), count(j.NotRun)))
	p.par("  content  ", fmt.Sprintf("%s up, %s down; %s moved twice%s",
		amount(p.Uploaded), amount(p.Downloaded), amount(p.MovedTwice), inBrackets(p.TwiceShare())))
	p.par("  attempts ", count(p.Attempts)+", of operations; "+of(p.Dials, "connection"))
	for _, r := range p.Replays {
		p.par("           ", fmt.Sprintf("%s again: %s", count(r.Times), r.Means))
	}
	p.par("  waits    ", fmt.Sprintf("%s, of all workers together%s", lasting(p.Waited), inBrackets(p.WaitShare())))
	for _, c := range p.Waits {
		p.par("           ", fmt.Sprintf("%s in %s: %s", lasting(c.Together), of(c.Times, "wait"), c.Why))
	}
	if len(p.Outages) == 0 {
		p.par("  outages  ", "none")
		return
	}
	p.par("  outages  ", fmt.Sprintf("%s, %s together; the longest %s at %s: %s", count(len(p.Outages)), lasting(p.AwayFor),
		lasting(p.Away.To-p.Away.From), p.clock(p.Away.From), legible(p.Away.Why)))
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// night draws the run as one line.
func (p *printer) night() {
	const width = columns - 4
	all := p.cut(max(1, (p.Took+width-1)/width))
	if len(all) == 0 || len(p.Report.Bars) == 0 {
		return
	}
	p.title("The run from left to right")
	line := make([]byte, len(all))
	for i, s := range all {
		line[i] = s.mark()
	}
	p.line("  |" + string(line) + "|")
	from, to := p.clock(0), p.clock(p.Took)
	p.line("  " + from + strings.Repeat(" ", max(1, len(line)+2-len(from)-len(to))) + to)
	p.line("  # working  w mostly waiting  ! no session to be had  X problems  . idle")
}

// mark is a part of the run as one character.
func (s slice) mark() byte {
	length := s.To - s.From
	switch {
	case s.Bad > 0:
		return 'X'
	case s.Away > length/2:
		return '!'
	case s.Waited > s.Busy/2:
		return 'w'
	case s.Busy > 0:
		return '#'
	}
	return '.'
}

func (p *printer) files(title string, list []Entry, what func(Entry) string) {
	if len(list) == 0 {
		return
	}
	p.title(title)
	for _, e := range list {
		p.par(fmt.Sprintf("  %12s  ", what(e)), e.Kind.String()+" "+e.title())
	}
}

func (p *printer) notes() {
	if len(p.Notes) == 0 {
		return
	}
	p.title("Done, but")
	for _, n := range p.Noted() {
		p.par(fmt.Sprintf("  %12s  ", of(n.Times, "job")), n.Why)
	}
}
