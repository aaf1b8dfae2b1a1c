package batch

import "time"

// drawing is the timeline as the script of the page reads it: numbers one after
// the other, which take a fifth of the space of objects. Times are microseconds
// since the run began.
type drawing struct {
	Start   int64    `json:"start"` // milliseconds since 1970, by the clock of the run's own time zone
	Took    int64    `json:"took"`
	Days    bool     `json:"days"` // the run has more than one
	Lanes   int      `json:"lanes"`
	States  []string `json:"states"`
	Bars    []int64  `json:"bars"`    // lane, from, to, jobs, bytes, state, attempts
	Names   []string `json:"names"`   // of the bars
	Waits   []int64  `json:"waits"`   // lane, from, to, index in Reasons
	Outages []int64  `json:"outages"` // from, to, index in Reasons
	Reasons []string `json:"reasons"`
}

// mostLanes is how many workers are drawn.
const mostLanes = 2048

func (r *Report) drawing() drawing {
	_, offset := r.Started.Zone()
	d := drawing{
		Start: r.Started.UnixMilli() + int64(offset)*1000, Took: r.Took.Microseconds(), Lanes: min(max(r.Workers, 1), mostLanes), States: states[:],
		Days: r.clock(0) != r.Started.Format(time.TimeOnly),
		Bars: make([]int64, 0, 7*len(r.Bars)), Names: make([]string, 0, len(r.Bars)),
		Waits: make([]int64, 0, 4*len(r.Waits)), Outages: make([]int64, 0, 3*len(r.Outages)), Reasons: []string{},
	}
	for _, b := range r.Bars {
		if b.Lane < 0 || b.Lane >= d.Lanes {
			continue // which no run of ours has written
		}
		d.Bars = append(d.Bars, int64(b.Lane), b.From.Microseconds(), b.To.Microseconds(), int64(b.Jobs), b.Bytes, int64(b.State), int64(b.Attempts))
		d.Names = append(d.Names, legible(b.Name))
	}
	place := make(map[string]int64)
	reason := func(why string) int64 {
		i, known := place[why]
		if !known {
			i = int64(len(d.Reasons))
			place[why] = i
			d.Reasons = append(d.Reasons, legible(why))
		}
		return i
	}
	for _, w := range r.Waits {
		d.Waits = append(d.Waits, int64(w.Lane), w.From.Microseconds(), w.To.Microseconds(), reason(w.Why))
	}
	for _, o := range r.Outages {
		d.Outages = append(d.Outages, o.From.Microseconds(), o.To.Microseconds(), reason(o.Why))
	}
	return d
}
