package retry

import (
	"time"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

// pace is how long nobody tries to open a session after a failure: by the waits
// of the pool's own policy. How often and how long something is tried is each
// transaction's own matter, so that a pace ends only with what it paces.
type pace struct {
	schedule *policy.Schedule
	asked    bool          // it is being asked
	last     time.Duration // what it has said
	least    time.Duration // what is polite by now, whatever it says
}

// polite is the least that is waited after a first refusal which costs no
// attempt: it doubles up to policy.DefaultMax.
const polite = 20 * time.Millisecond

func newPace(own policy.Policy, at time.Time) *pace {
	own = own.Clone()
	own.Attempts, own.Elapsed, own.Jitter = -1, 0, -1
	for class, c := range own.Classes {
		c.Attempts, c.Elapsed, c.Jitter = 0, 0, 0
		own.Classes[class] = c
	}
	return &pace{schedule: own.Start(at), last: policy.DefaultInitial, least: polite / 2}
}

// busy reports whether the pace is being asked: then nobody tries either.
func (c *pace) busy() bool { return c != nil && c.asked }

// pause asks the pace at slot, beginning one where there is none, for the next
// wait. The answer may come from a BackOff of the caller's, so mu, which the
// caller of pause holds, is given up meanwhile; and it comes to one at a time:
// ok = false says that somebody else is asking, or that the pace has become
// void.
func (p *pool) pause(slot **pace, at time.Time, class transient.Class) (wait time.Duration, ok bool) {
	own := *slot
	if own == nil {
		own = newPace(p.endpoint.cfg.Policy, at)
		*slot = own
	}
	if own.asked {
		return 0, false
	}
	own.asked = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		own.asked = false
		ok = *slot == own
	}()
	wait, stop := own.schedule.Next(at, class, false, 0)
	own.least = min(2*own.least, policy.DefaultMax)
	if stop == policy.Continue {
		own.last = wait
	}
	return own.last, true // a BackOff that says no more is not asked to hurry
}
