package batch

import (
	"time"

	"github.com/ftpretry/ftpretry/transient"
)

// leastOutage keeps out of the report what is over before anybody could notice:
// a session that is replaced at once.
const leastOutage = time.Second

// outages finds the times at which no worker could get a session. A worker is
// told of a session by what it does with it alone, so that an outage is what
// lies between two proofs of one: it begins when a worker fails for want of a
// server, or has failed so before, while none is known to have a session, and
// ends when one logs in. Where the next proof is of a session that was there
// before, or where nobody has tried meanwhile, there was no outage.
type outages struct {
	began time.Time
	lanes []laneState
	found []Span
	open  bool // the last of found is under way, as far as is known
	tried bool // and somebody has tried in vain since it began
}

// laneState is what is known of a worker.
type laneState struct {
	holds bool   // it has shown in its present attempt that it has a session
	down  string // what its last attempt failed of, for want of a server; "" = it did not
}

// failed notes that an attempt failed: for want of a server, or of an answer that
// only a session gives. A login that the server answered is neither.
func (o *outages) failed(lane int, now time.Time, v transient.Verdict, err error) {
	switch {
	case v.Class == transient.Network || v.Class == transient.Overload:
		o.lanes[lane] = laneState{down: why(v, err)}
		o.look(now)
		if o.open {
			o.tried = true
			o.found[len(o.found)-1].Why = o.lanes[lane].down
		}
	case v.Reply != nil && v.Class != transient.Security && v.Class != transient.Permanent:
		o.answered(lane, now)
	default:
		o.lanes[lane].holds = false
		o.look(now)
	}
}

// connected notes that an attempt has logged in.
func (o *outages) connected(lane int, now time.Time) {
	o.end(now, true)
	o.lanes[lane] = laneState{holds: true}
}

// alive notes that an attempt does something with its session.
func (o *outages) alive(lane int, now time.Time) {
	o.end(now, false)
	o.lanes[lane] = laneState{holds: true}
}

// answered notes that an attempt had an answer, and gives its session back.
func (o *outages) answered(lane int, now time.Time) {
	o.end(now, false)
	o.lanes[lane] = laneState{}
	o.look(now)
}

// idle notes that a worker has no job, and needs no server.
func (o *outages) idle(lane int, now time.Time) {
	o.lanes[lane] = laneState{}
	o.look(now)
}

// look begins what may turn out to be an outage.
func (o *outages) look(now time.Time) {
	if o.open || len(o.found) >= mostSpans {
		return
	}
	why := ""
	for _, l := range o.lanes {
		if l.holds {
			return
		}
		if l.down != "" {
			why = l.down
		}
	}
	if why != "" {
		o.open, o.tried = true, false
		o.found = append(o.found, Span{Lane: -1, From: now.Sub(o.began), Why: why})
	}
}

// end ends what is under way. It was an outage only if a new session ended it.
func (o *outages) end(now time.Time, isNew bool) {
	if !o.open {
		return
	}
	o.open = false
	last := &o.found[len(o.found)-1]
	last.To = now.Sub(o.began)
	if !isNew || !o.tried || last.To-last.From < leastOutage {
		o.found = o.found[:len(o.found)-1]
	}
}

// all returns the outages of a run that has taken so long by now. One that is
// under way counts up to now.
func (o *outages) all(took time.Duration) []Span {
	if !o.open {
		return o.found
	}
	last := len(o.found) - 1
	if !o.tried || took-o.found[last].From < leastOutage {
		return o.found[:last]
	}
	all := append([]Span(nil), o.found...)
	all[last].To = took
	return all
}
