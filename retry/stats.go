package retry

import (
	"sync/atomic"

	"github.com/ftpretry/ftpretry/transient"
)

// classes is the number of transient.Class values.
const classes = int(transient.Network) + 1

// Stats is a snapshot of what a Client has done since it was made, all clients
// that share its connections together.
type Stats struct {
	Attempts   int64                     // attempts begun, first ones included
	Replays    map[transient.Class]int64 // attempts that were replayed, by the class they failed of
	Redials    int64                     // dead sessions replaced at once, not counted as attempts that failed
	Dials      int64                     // control connections begun
	Received   int64                     // bytes received on data connections
	Sent       int64                     // bytes sent on data connections
	MovedTwice int64                     // of these, bytes of attempts that were replayed and not kept
}

// counters are the live form of Stats.
type counters struct {
	attempts, redials, dials atomic.Int64
	received, sent, twice    atomic.Int64
	replays                  [classes]atomic.Int64
}

func (c *counters) snapshot() Stats {
	s := Stats{
		Attempts: c.attempts.Load(), Redials: c.redials.Load(), Dials: c.dials.Load(),
		Received: c.received.Load(), Sent: c.sent.Load(), MovedTwice: c.twice.Load(),
		Replays: make(map[transient.Class]int64),
	}
	for i := range c.replays {
		if n := c.replays[i].Load(); n > 0 {
			s.Replays[transient.Class(i)] = n
		}
	}
	return s
}

// note counts what follows an attempt.
func (c *counters) note(t *transaction, d *decision) {
	switch {
	case d.stop:
		return
	case d.redial:
		c.redials.Add(1)
	default:
		c.replays[d.verdict.Class].Add(1)
	}
	if t.session == nil || t.op.counts {
		return
	}
	moved := t.session.moved()
	kept := t.op.progress - t.progress
	again := max(0, moved.In+moved.Out-kept)
	t.twice += again
	c.twice.Add(again)
}
