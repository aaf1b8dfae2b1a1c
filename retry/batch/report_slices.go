package batch

import (
	"slices"
	"time"
)

// mostSlices is into how many parts a report cuts its run.
const mostSlices = 24

// slice is a part of the run: the timeline in words.
type slice struct {
	From, To time.Duration
	Jobs     int           // that ended in it
	Bytes    int64         // of these
	Again    int           // attempts of these beyond the first
	Bad      int           // of these, bars with a job that failed or is unknown
	Busy     time.Duration // of all workers together, waits included
	Waited   time.Duration // of all workers together
	Away     time.Duration // of outages
}

// steps are lengths that people reckon in.
var steps = []time.Duration{
	time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// slices cuts the run into parts of equal length, the last but for what is left.
func (r *Report) slices() (all []slice, step time.Duration) {
	i := slices.IndexFunc(steps, func(s time.Duration) bool { return r.Took <= mostSlices*s })
	if i < 0 {
		const day = 24 * time.Hour
		step = max((r.Took/mostSlices+day-1)/day, 1) * day
	} else {
		step = steps[i]
	}
	return r.cut(step), step
}

// cut cuts the run into parts of the given length.
func (r *Report) cut(step time.Duration) []slice {
	if r.Took <= 0 || step <= 0 {
		return nil
	}
	all := make([]slice, (r.Took+step-1)/step)
	for i := range all {
		all[i].From, all[i].To = time.Duration(i)*step, min(time.Duration(i+1)*step, r.Took)
	}
	spread := func(from, to time.Duration, add func(*slice, time.Duration)) {
		from, to = max(from, 0), min(to, r.Took)
		for at := from; at < to; {
			s := &all[at/step]
			until := min(to, time.Duration(at/step+1)*step)
			add(s, until-at)
			at = until
		}
	}
	for _, b := range r.Bars {
		spread(b.From, b.To, func(s *slice, d time.Duration) { s.Busy += d })
		s := &all[min(max(b.To, 0)/step, time.Duration(len(all)-1))]
		s.Jobs += b.Jobs
		s.Bytes += b.Bytes
		s.Again += max(0, b.Attempts-b.Jobs)
		if b.State == Failed || b.State == Unknown {
			s.Bad++
		}
	}
	for _, w := range r.Waits {
		spread(w.From, w.To, func(s *slice, d time.Duration) { s.Waited += d })
	}
	for _, o := range r.Outages {
		spread(o.From, o.To, func(s *slice, d time.Duration) { s.Away += d })
	}
	return all
}
