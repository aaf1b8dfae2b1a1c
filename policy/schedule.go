package policy

import (
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ftpretry/ftpretry/transient"
)

// Stop says whether a transaction goes on after a failed attempt, and if not,
// what ended it.
type Stop int

// The answers of [Schedule.Next].
const (
	Continue     Stop = iota // wait, then run the next attempt
	StopAttempts             // as many attempts without progress as the policy allows
	StopElapsed              // the wait would end later than the policy's Elapsed allows
	StopBackOff              // the policy's own BackOff said backoff.Stop
)

var stopNames = [...]string{"continue", "attempts", "elapsed", "backoff"}

// String returns a word for logs: "continue", "attempts", "elapsed", "backoff".
func (s Stop) String() string {
	if s < 0 || int(s) >= len(stopNames) {
		return "invalid"
	}
	return stopNames[s]
}

// Schedule is one transaction's way through its policy: it counts the attempts
// and makes the waits. Each class has waits of its own, which grow with the
// failures of that class in this transaction, so that a cut data connection
// after three refused logins is not punished for them; progress resets them
// all. Nothing is shared with other schedules. A Schedule belongs to one
// goroutine; its zero value is the default policy begun at the zero time, so
// get one from [Policy.Start].
type Schedule struct {
	policy   Policy
	start    time.Time
	attempts int
	total    int
	// waits is nil until something fails: most transactions never need it.
	// The policy's own BackOff, which serves all classes that have none of
	// their own, is kept under Unknown.
	waits map[transient.Class]backoff.BackOff
}

// Start begins one transaction's schedule at now. The policy must be valid.
func (p Policy) Start(now time.Time) *Schedule {
	return &Schedule{policy: p, start: now}
}

// Next is told of a failed attempt and says how long to wait before the next
// one, or why there is none. class is what the attempt failed of; progressed
// says that it moved the transfer on, so that counting and waits start anew;
// hint is the wait the server itself asked for, 0 if none: a floor, which may
// exceed Max. The wait is 0 unless Continue is returned.
func (s *Schedule) Next(now time.Time, class transient.Class, progressed bool, hint time.Duration) (time.Duration, Stop) {
	if progressed {
		s.attempts = 0
		for _, b := range s.waits {
			b.Reset()
		}
	}
	s.attempts++
	s.total++

	p := s.policy.resolve(class)
	if p.Attempts > 0 && s.attempts >= p.Attempts {
		return 0, StopAttempts
	}
	wait := s.backOff(class, &p).NextBackOff()
	if wait == backoff.Stop {
		return 0, StopBackOff
	}
	if p.BackOff == nil {
		wait = fold(wait, p.Max)
	}
	wait = max(wait, hint, 0)
	// Written as a difference: the sum overflows for an Elapsed of "for ever".
	if p.Elapsed > 0 && wait > p.Elapsed-max(now.Sub(s.start), 0) {
		return 0, StopElapsed
	}
	return wait, Continue
}

// Attempts is the number of attempts that failed since the last progress, the
// last one included; 0 before the first failure.
func (s *Schedule) Attempts() int { return s.attempts }

// Total is the number of attempts of the transaction that failed so far.
func (s *Schedule) Total() int { return s.total }

// Deadline is the latest moment at which an attempt can still begin, and false
// if the policy sets none. A class that allows more time than the policy moves
// it, since any failure may turn out to be of that class.
func (s *Schedule) Deadline() (time.Time, bool) {
	longest := s.policy.Elapsed
	if longest == 0 {
		return time.Time{}, false
	}
	for _, own := range s.policy.Classes {
		longest = max(longest, own.Elapsed)
	}
	return s.start.Add(longest), true
}

// backOff returns what makes the waits of class under p, its resolved policy.
func (s *Schedule) backOff(class transient.Class, p *Policy) backoff.BackOff {
	if p.BackOff != nil && s.policy.Classes[class].BackOff == nil {
		class = transient.Unknown
	}
	if b, ok := s.waits[class]; ok {
		return b
	}
	if s.waits == nil {
		s.waits = make(map[transient.Class]backoff.BackOff)
	}
	b := p.newBackOff()
	s.waits[class] = b
	return b
}

func (p *Policy) newBackOff() backoff.BackOff {
	if p.BackOff != nil {
		b := p.BackOff()
		if b == nil {
			return &backoff.StopBackOff{}
		}
		b.Reset() // an ExponentialBackOff must not be used before
		return b
	}
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(p.Initial),
		backoff.WithMaxInterval(p.Max),
		backoff.WithMultiplier(p.Multiplier),
		backoff.WithRandomizationFactor(max(p.Jitter, 0)),
		backoff.WithMaxElapsedTime(0), // its clock starts at the first failure, ours at the transaction's start
	)
}

// fold keeps a wait that jitter carried beyond the longest one within it, by
// reflecting it. Cutting it off instead would send half of all clients back
// after exactly the same time.
func fold(wait, longest time.Duration) time.Duration {
	if wait > longest {
		return 2*longest - wait
	}
	return wait
}
