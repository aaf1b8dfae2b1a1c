package retry

import (
	"sync/atomic"
	"time"

	"github.com/ftpretry/ftpretry/transient"
)

// classes is the number of transient.Class values.
const classes = int(transient.Network) + 1

// Stats is a snapshot of what a Client has done since it was made, all clients
// that share its connections together.
type Stats struct {
	Attempts   int64                     // attempts begun, first ones included
	Failed     map[transient.Class]int64 // attempts that failed, by the class they failed of, those that were not replayed included
	Replays    map[transient.Class]int64 // attempts that were replayed, by the class they failed of
	Redials    int64                     // dead sessions replaced at once, and attempts that found no room for one more; they do not count as failed
	Dials      int64                     // control connections begun
	Received   int64                     // bytes received on data connections
	Sent       int64                     // bytes sent on data connections
	MovedTwice int64                     // of these, bytes of attempts that were replayed and not kept

	Busy    int           // sessions in use, being opened, or being ended for their age
	Idle    int           // sessions that are open and not in use
	Limit   int           // sessions that are used at the most: Config.MaxConns, or what the server was found to bear
	Waiting int           // operations that wait for a session now
	Queued  time.Duration // waited for a session, by all operations together
	Waits   int64         // waits between attempts
	Waited  time.Duration // of these, how long, by all operations together
	Refused int64         // sessions that could not be opened
	Budget  float64       // replays that Config.Budget pays for now; +Inf without one
}

// counters are the live form of Stats.
type counters struct {
	attempts, redials, dials atomic.Int64
	refused                  atomic.Int64
	received, sent, twice    atomic.Int64
	waits, waited, queued    atomic.Int64 // waited and queued in nanoseconds
	replays, failed          [classes]atomic.Int64
}

func (c *counters) snapshot() Stats {
	s := Stats{
		Attempts: c.attempts.Load(), Redials: c.redials.Load(), Dials: c.dials.Load(),
		Received: c.received.Load(), Sent: c.sent.Load(), MovedTwice: c.twice.Load(),
		Refused: c.refused.Load(), Queued: time.Duration(c.queued.Load()),
		Waits: c.waits.Load(), Waited: time.Duration(c.waited.Load()),
		Replays: byClass(&c.replays), Failed: byClass(&c.failed),
	}
	return s
}

func byClass(counts *[classes]atomic.Int64) map[transient.Class]int64 {
	m := make(map[transient.Class]int64)
	for i := range counts {
		if n := counts[i].Load(); n > 0 {
			m[transient.Class(i)] = n
		}
	}
	return m
}

// note counts what follows an attempt.
func (c *counters) note(t *transaction, d *decision) {
	if class := int(d.verdict.Class); !d.redial && class >= 0 && class < classes { // a classifier of the caller's may make up classes
		c.failed[class].Add(1)
	}
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
