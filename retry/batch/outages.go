package batch

import (
	"time"

	"github.com/ftpretry/ftpretry/retry"
)

// leastOutage keeps out of the report what is over before anybody could notice:
// a session that is replaced at once.
const leastOutage = time.Second

// outages are the times at which the server let nobody in and there was no
// session, as the client tells them by [retry.Hooks.Down] and Up.
type outages struct {
	began time.Time
	found []Span
	open  bool // the last of found is under way
}

// down notes that the server lets nobody in.
func (o *outages) down(d retry.Down) {
	if o.open || len(o.found) >= mostSpans {
		return
	}
	o.open = true
	o.found = append(o.found, Span{Lane: -1, From: max(0, d.Since.Sub(o.began)), Why: why(d.Verdict, d.Err)})
}

// up notes that it lets somebody in again.
func (o *outages) up(now time.Time) {
	if !o.open {
		return
	}
	o.open = false
	last := &o.found[len(o.found)-1]
	last.To = now.Sub(o.began)
	if last.To-last.From < leastOutage {
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
	if took-o.found[last].From < leastOutage {
		return o.found[:last]
	}
	all := append([]Span(nil), o.found...)
	all[last].To = took
	return all
}
