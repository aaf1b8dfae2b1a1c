// Package policy says how long to wait before a failed FTP transaction is run
// again, and when to stop running it.
//
// A [Policy] is plain data: it can be written in Go, as text
// ("attempts=8 initial=500ms max=30s storage.initial=1m") or as JSON, and its
// zero value is the policy most programs want. A [Schedule] is one
// transaction's way through a policy. A [Budget] bounds what many
// transactions together may add to a server that is already failing.
//
// The package waits for nothing and starts no goroutine: it only says how long.
package policy

import (
	"cmp"
	"maps"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ftpretry/ftpretry/transient"
)

// The defaults: what a field that is left zero stands for.
const (
	DefaultAttempts   = 7
	DefaultInitial    = time.Second
	DefaultMax        = time.Minute
	DefaultMultiplier = 2.0
	DefaultJitter     = 0.5
)

// Policy says how often a transaction is run and how long to wait in between.
// The zero value is the default policy. A Policy is not changed by its use, so
// it may be shared by any number of transactions as long as nobody writes to
// its Classes; see [Policy.Clone].
type Policy struct {
	// Attempts is how many attempts in a row may fail without progress, the
	// first one included. 0 means 7, 1 means no replay, any negative number
	// means no limit. An attempt that moved a transfer on starts the count
	// anew and is counted itself, so that 1 means no replay there too.
	Attempts int

	// Initial is the wait after the first failure; 0 means 1s, or Max where
	// that is shorter. Unless its
	// class sets an Initial of its own, a failure of class Overload waits 5
	// times, Storage 30 times and DataChannel a quarter of it: sessions and
	// disks are given back slowly, a data port is free again at once. Such a
	// wait never exceeds Max.
	Initial time.Duration

	// Max is the longest wait, jitter included; 0 means 1m, or Initial where
	// that is longer. Only a wait the server itself asked for may be longer.
	Max time.Duration

	// Multiplier is what each wait is multiplied by to get the next one, at
	// least 1; 0 means 2.
	Multiplier float64

	// Jitter spreads each wait evenly by this part of it, either way, so that
	// clients that failed together do not come back together. At most 1; 0
	// means 0.5, any negative number means no jitter.
	Jitter float64

	// Elapsed bounds the whole transaction, waits included: no wait begins
	// that would end later than this after the start. Progress does not
	// extend it. 0 means that only the context bounds the transaction.
	Elapsed time.Duration

	// AttemptTimeout bounds one attempt; 0 means no bound. It cannot be set
	// for a class, because the class is known only after the attempt.
	AttemptTimeout time.Duration

	// Classes holds what differs for failures of one class. Fields left zero
	// there are inherited; an inherited Initial or Max gives way to the one
	// the class sets. Attempts and Elapsed of a class say at which count, and
	// how long after the start, a failure of that class ends the transaction.
	// nil means that only the factors described at Initial apply.
	Classes map[transient.Class]Policy

	// BackOff, if set, makes the waits instead of Initial, Max, Multiplier,
	// Jitter and the factors of the classes. It is called at most once per
	// transaction, when the first wait is due, and by a client once for each
	// outage or want of sessions, and must return a new value each time. The
	// client waits for it meanwhile, so that it must not use that client's
	// operations. backoff.Stop ends the transaction, as does a nil BackOff. A
	// class that sets any of those four fields, or a BackOff, waits by its
	// own.
	BackOff func() backoff.BackOff
}

// Clone returns a copy that shares no map with p. Use it to keep a policy that
// somebody else may go on changing.
func (p Policy) Clone() Policy {
	p.Classes = maps.Clone(p.Classes)
	return p
}

// factor is by how much a class's first wait differs from the policy's own.
func factor(class transient.Class) float64 {
	switch class {
	case transient.Overload:
		return 5
	case transient.Storage:
		return 30
	case transient.DataChannel:
		return 0.25
	default:
		return 1
	}
}

// shaped reports whether p itself describes the growth of its waits.
func (p *Policy) shaped() bool {
	return p.Initial != 0 || p.Max != 0 || p.Multiplier != 0 || p.Jitter != 0
}

// horizon is 73 years: no wait needs more, and twice it, which full jitter
// makes, still fits in a time.Duration and in a float64 exactly.
const horizon = time.Duration(1) << 61

// resolve returns the policy for failures of class, with every default filled
// in: no field of the result needs interpretation but the negative ones.
func (p *Policy) resolve(class transient.Class) Policy {
	own := p.Classes[class]
	r := Policy{
		Attempts:   cmp.Or(own.Attempts, p.Attempts, DefaultAttempts),
		Initial:    cmp.Or(own.Initial, p.Initial, DefaultInitial),
		Max:        cmp.Or(own.Max, p.Max, DefaultMax),
		Multiplier: cmp.Or(own.Multiplier, p.Multiplier, DefaultMultiplier),
		Jitter:     cmp.Or(own.Jitter, p.Jitter, DefaultJitter),
		Elapsed:    cmp.Or(own.Elapsed, p.Elapsed),
		BackOff:    own.BackOff,
	}
	if own.BackOff == nil && !own.shaped() {
		r.BackOff = p.BackOff
	}
	if p.Max == 0 && own.Max == 0 {
		r.Max = max(r.Max, p.Initial) // a long Initial was meant
	}
	r.Initial, r.Max = min(r.Initial, horizon), min(r.Max, horizon)
	if own.Initial == 0 {
		// In floating point, because 30 times a long Initial overflows.
		first := min(float64(r.Initial)*factor(class), float64(r.Max))
		r.Initial = max(time.Duration(first), 1)
	}
	if own.Max == 0 {
		r.Max = max(r.Max, r.Initial) // the class's own Initial was meant
	}
	return r
}
