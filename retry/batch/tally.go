package batch

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ftpretry/ftpretry/transient"
)

// The limits of a report.
const (
	mostProblems = 1000
	mostRanked   = 10
	mostBars     = 20_000
	mostSpans    = 10_000
	mostNotes    = 20
	mostText     = 300 // bytes of a name, an error, a note or a reason
)

// tally makes the report as the run goes on. It is safe for concurrent use.
type tally struct {
	mu      sync.Mutex
	rep     Report
	outages outages
	bars    timeline
}

func newTally(workers int, began time.Time, server string) *tally {
	return &tally{
		rep:     Report{Server: server, Started: began, Workers: workers, Replays: make(map[string]int64), Notes: make(map[string]int64)},
		outages: outages{began: began},
		bars:    timeline{lanes: make([][]Bar, workers)},
	}
}

func (t *tally) attempt() {
	t.mu.Lock()
	t.rep.Attempts++
	t.mu.Unlock()
}

func (t *tally) replay(class transient.Class) {
	t.mu.Lock()
	t.rep.Replays[class.String()]++
	t.mu.Unlock()
}

func (t *tally) waited(s Span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rep.Waited += s.To - s.From
	if len(t.rep.Waits) < mostSpans {
		t.rep.Waits = append(t.rep.Waits, s)
	}
}

// sessions notes something about the workers' sessions.
func (t *tally) sessions(note func(*outages)) {
	t.mu.Lock()
	note(&t.outages)
	t.mu.Unlock()
}

// add counts a job that has ended.
func (t *tally) add(res Result) {
	if res.Note != "" {
		t.note(res.Note)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &t.rep
	r.Jobs.add(res.State)
	r.MovedTwice += res.MovedTwice
	switch res.Kind {
	case Upload:
		r.Uploaded += res.Bytes
	case Download:
		r.Downloaded += res.Bytes
	}
	if (res.State == Failed || res.State == Unknown) && len(r.Problems) < mostProblems {
		r.Problems = append(r.Problems, res.entry(r.Started))
	}
	if res.Worker < 0 {
		return
	}
	rank(&r.Slowest, res, r.Started, func(a, b Entry) int { return cmp.Compare(b.Took, a.Took) })
	if res.Attempts > 1 {
		rank(&r.Replayed, res, r.Started, func(a, b Entry) int { return cmp.Compare(b.Attempts, a.Attempts) })
	}
	t.bars.add(res, r.Started)
}

// rank puts res among the first in the order of less.
func rank(list *[]Entry, res Result, started time.Time, order func(a, b Entry) int) {
	e := Entry{Took: res.Took, Attempts: res.Attempts}
	if n := len(*list); n == mostRanked && order(e, (*list)[n-1]) >= 0 {
		return
	}
	*list = append(*list, res.entry(started))
	slices.SortStableFunc(*list, order)
	*list = (*list)[:min(len(*list), mostRanked)]
}

// counts returns the report without its lists, as far as it has come.
func (t *tally) counts(dials int64, took time.Duration) *Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rep
	r.Dials, r.Took = dials, took
	r.Replays, r.Notes = maps.Clone(r.Replays), maps.Clone(r.Notes)
	r.setLists(&Report{})
	return &r
}

// whole returns the report as far as it has come.
func (t *tally) whole(dials int64, took time.Duration) *Report {
	r := t.counts(dials, took)
	t.mu.Lock()
	defer t.mu.Unlock()
	lists := t.rep
	lists.Outages, lists.Bars = t.outages.all(took), t.bars.all()
	r.setLists(&lists)
	return r
}

// setLists gives r copies of the lists of another report.
func (r *Report) setLists(of *Report) {
	r.Problems, r.Slowest, r.Replayed = slices.Clone(of.Problems), slices.Clone(of.Slowest), slices.Clone(of.Replayed)
	r.Bars, r.Waits, r.Outages = slices.Clone(of.Bars), slices.Clone(of.Waits), slices.Clone(of.Outages)
}

// note counts what did not work and is no failure of a job.
func (t *tally) note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.rep.Notes; n[text] > 0 || len(n) < mostNotes {
		n[text]++
	}
}

// entry is the job as a report shows it.
func (r Result) entry(started time.Time) Entry {
	e := Entry{
		Kind: r.Kind, Remote: named(r.Remote), Local: named(r.Local), To: named(r.To), State: r.State,
		Attempts: r.Attempts, Bytes: r.Bytes, MovedTwice: r.MovedTwice, Took: r.Took, Waited: r.Waited,
	}
	if e.Kind < 0 || int(e.Kind) >= len(kinds) {
		e.Kind = 0
	}
	if r.Err != nil {
		e.Error = brief(r.Err.Error())
		e.Next = r.Next()
	}
	if !r.Began.IsZero() {
		e.Began = r.Began.Sub(started)
	}
	return e
}

func (c *Counts) add(s State) {
	c.Total++
	switch s {
	case Done:
		c.Done++
	case Skipped:
		c.Skipped++
	case Failed:
		c.Failed++
	case Unknown:
		c.Unknown++
	default:
		c.NotRun++
	}
}

// brief keeps a text that a server had a part in from filling the report.
func brief(s string) string { return named(strings.Join(strings.Fields(s), " ")) }

// named keeps a name from filling the report: what is too long loses its middle.
// What is no text is spelt out, because JSON would lose it.
func named(s string) string {
	if !utf8.ValidString(s) {
		s = spelt(s, func(rune) bool { return true })
	}
	if len(s) <= mostText {
		return s
	}
	return strings.ToValidUTF8(s[:mostText*2/3], "") + " ... " + strings.ToValidUTF8(s[len(s)-mostText/3:], "")
}
