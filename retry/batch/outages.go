package batch

import "time"

// outages finds the times at which no worker could get a session: from when the
// last of those that have a job failed of the network or of an overloaded
// server, to when the first was logged in again.
type outages struct {
	began time.Time
	lanes []laneState
	found []Span
	open  bool // the last of found is under way
}

// laneState is what is known of a worker.
type laneState struct {
	busy bool   // it has a job
	down string // what its last attempt failed of, for want of a server; "" = it did not
}

func (o *outages) busy(lane int, yes bool, now time.Time) {
	o.lanes[lane].busy = yes
	if !yes {
		o.look(now)
	}
}

func (o *outages) down(lane int, now time.Time, why string) {
	o.lanes[lane].down = why
	o.look(now)
}

func (o *outages) up(lane int, now time.Time) {
	o.lanes[lane].down = ""
	if o.open {
		o.open = false
		o.found[len(o.found)-1].To = now.Sub(o.began)
	}
}

// look begins an outage where all that have a job are without a session.
func (o *outages) look(now time.Time) {
	if o.open || len(o.found) >= mostSpans {
		return
	}
	why := ""
	for _, l := range o.lanes {
		if !l.busy {
			continue
		}
		if l.down == "" {
			return
		}
		why = l.down
	}
	if why != "" {
		o.open = true
		o.found = append(o.found, Span{Lane: -1, From: now.Sub(o.began), Why: why})
	}
}

// close ends what is under way with the run.
func (o *outages) close(took time.Duration) []Span {
	if o.open {
		o.found[len(o.found)-1].To = took
	}
	return o.found
}
