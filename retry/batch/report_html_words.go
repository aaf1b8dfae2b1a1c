package batch

import (
	"html/template"
	"strings"
	"time"
)

const (
	mostShown   = 5   // jobs of one thing to do that are seen without unfolding
	mostOutages = 200 // rows of their table; the timeline has all
)

// pageWords are the words of the page's template.
var pageWords = template.FuncMap{
	"amount": amount, "count": count, "lasting": lasting, "legible": legible, "of": of, "title": Entry.title,
	"capital": func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
	"head":    func(jobs []Entry) []Entry { return jobs[:min(len(jobs), mostShown)] },
	"tail":    func(jobs []Entry) []Entry { return jobs[min(len(jobs), mostShown):] },
	"first":   func(spans []Span) []Span { return spans[:min(len(spans), mostOutages)] },
	"length":  func(s Span) time.Duration { return s.To - s.From },
	"problems": func(p page, jobs []Entry) any {
		return struct {
			Of   *digest
			Jobs []Entry
		}{p.digest, jobs}
	},
}

// Clock is a moment of the run.
func (d *digest) Clock(since time.Duration) string { return d.clock(since) }

// Noted are the notes, of most jobs first.
func (d *digest) Noted() []cause { return d.noted() }

// Joined tells that some bars stand for more than one job.
func (d *digest) Joined() bool {
	for _, b := range d.Report.Bars {
		if b.Jobs > 1 {
			return true
		}
	}
	return false
}

// JobsDone are those of earlier runs too.
func (d *digest) JobsDone() int64 { return d.Jobs.Done + d.Jobs.Skipped }

// Moved is the content of both directions.
func (d *digest) Moved() int64 { return d.Uploaded + d.Downloaded }

// Again is how many attempts were replayed.
func (d *digest) Again() (all int64) {
	for _, r := range d.Replays {
		all += r.Times
	}
	return all
}

// WaitShare is how much of the workers' time was spent in waits.
func (d *digest) WaitShare() string {
	return percent(d.Waited.Seconds(), d.Took.Seconds()*float64(d.Workers))
}

// TwiceShare is how much of the content was moved twice.
func (d *digest) TwiceShare() string { return percent(float64(d.MovedTwice), float64(d.Moved())) }

// part is a part of the strip of jobs by state, in percent.
type part struct {
	Class    string
	X, Width float64
}

// Parts are the jobs by state. What went wrong is seen, however little it is.
func (d *digest) Parts() (all []part) {
	const least = 1.5
	j := d.Jobs
	x := 0.0
	for _, p := range []struct {
		class string
		n     int64
	}{{"failed", j.Failed}, {"unknown", j.Unknown}, {"notrun", j.NotRun}, {"skipped", j.Skipped}, {"done", j.Done}} {
		if p.n == 0 {
			continue
		}
		width := min(max(least, 100*float64(p.n)/float64(j.Total)), 100-x)
		all = append(all, part{p.class, x, width})
		x += width
	}
	return all
}
