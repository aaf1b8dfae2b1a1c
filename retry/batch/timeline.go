package batch

import (
	"slices"
	"time"
)

// timeline keeps the bars of a report below mostBars, however many jobs there
// are: it draws jobs that follow each other in a lane as one, the longer the
// more there are of them.
type timeline struct {
	lanes [][]Bar
	count int
	grain time.Duration // bars that together are no longer than this are one; 0 = none are
	rough bool          // those with trouble too
}

func (l *timeline) add(res Result, started time.Time) {
	from := res.Began.Sub(started)
	l.put(Bar{Lane: res.Worker, From: from, To: from + res.Took, Jobs: 1, Bytes: res.Bytes, State: res.State, Attempts: res.Attempts, Name: named(res.Remote)})
	for l.count > max(mostBars, len(l.lanes)) { // a lane has one at least
		l.coarsen()
	}
}

// put adds a bar at the end of its lane.
func (l *timeline) put(b Bar) {
	lane := l.lanes[b.Lane]
	if n := len(lane); n > 0 && l.one(lane[n-1], b) {
		lane[n-1] = join(lane[n-1], b)
		return
	}
	l.lanes[b.Lane] = append(lane, b)
	l.count++
}

// one reports whether two bars are drawn as one.
func (l *timeline) one(a, b Bar) bool {
	return l.grain > 0 && b.To-a.From <= l.grain && (l.rough || a.smooth() && b.smooth())
}

// smooth reports that nothing went wrong.
func (b Bar) smooth() bool { return b.State == Done && b.Attempts == b.Jobs }

func join(a, b Bar) Bar {
	a.To = b.To
	a.Jobs += b.Jobs
	a.Bytes += b.Bytes
	a.Attempts += b.Attempts
	if severity[b.State] > severity[a.State] {
		a.State = b.State
	}
	return a
}

// severity orders states from the best to the worst.
var severity = map[State]int{Done: 0, Skipped: 1, NotRun: 2, Unknown: 3, Failed: 4}

// coarsen halves the bars, or nearly so, and joins those with trouble only where
// the others alone are not enough.
func (l *timeline) coarsen() {
	before := l.count
	var end time.Duration
	for _, lane := range l.lanes {
		if n := len(lane); n > 0 {
			end = max(end, lane[n-1].To)
		}
	}
	l.grain = max(2*l.grain, end*time.Duration(len(l.lanes))/(mostBars/2), 1)
	old := l.lanes
	l.lanes, l.count = make([][]Bar, len(old)), 0
	for _, lane := range old {
		for _, b := range lane {
			l.put(b)
		}
	}
	l.rough = l.rough || l.count > before*3/4
}

// all returns the bars by lane and time.
func (l *timeline) all() []Bar { return slices.Concat(l.lanes...) }
