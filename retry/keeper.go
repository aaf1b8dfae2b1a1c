package retry

import (
	"context"
	"time"
)

// keeper hands out sessions, one to a transaction at a time.
type keeper interface {
	// admit waits for the turn of an attempt. Each that returns nil is followed
	// by one leave, whatever comes in between.
	admit(ctx context.Context, t *turn) error
	leave(t *turn, o outcome)
	// take returns a session that is logged in, in its starting state and
	// bound to ctx. One that was opened before r.fresh is not returned. The
	// session that comes with an error is only to be asked
	// what went wrong with it; it may be nil.
	take(ctx context.Context, r request, t *turn) (*session, error)
	// give takes it back, before leave. keep says that the operation has left it
	// in order.
	give(ctx context.Context, s *session, keep bool, t *turn)
	// away is closed when the server, which is away, is there again; nil = it
	// is not known to be away.
	away() <-chan struct{}
	// closed is closed when no more sessions are handed out; nil = its users
	// know it by their context.
	closed() <-chan struct{}
}

// request is what is asked of a session.
type request struct {
	now     time.Time // the present time
	fresh   time.Time // one that was opened no earlier; zero = any
	careful bool      // one that has been looked at: a wrong reply would be taken for a deed
}

// turn is one attempt's place among the others: what it asks of a keeper, and
// what it was granted.
type turn struct {
	now    time.Time // the present time
	place  uint64    // in the order of arrival; 0 = it arrives now
	began  time.Time // of the transaction
	fresh  time.Time // a session that was opened before will not do; zero = any will
	failed time.Time // when the attempt before failed of a server that is away; zero = it did not

	patience time.Duration // its AttemptTimeout; 0 = none

	idle  *session   // granted: a session that was idle
	opens bool       // granted: the right to open one; it counts as being opened until leave
	trial bool       // which is one more than the server is known to bear
	room  []*session // idle ones that have to be ended first
	given *session   // given back: it is idle from leave on

	missed bool // the opening failed of the server
	down   bool // and there is no other session: the server is away
	news   news // for the hooks
}

// outcome is what an attempt has taught a keeper.
type outcome struct {
	back time.Time // when the transaction tries again; zero = it does not
	lost bool      // its session ended by itself
	full error     // the server had no data connection left for it; nil = that was not the matter
}

// news is what has become of the server as a whole, to be told to the hooks by
// the attempt that has seen it.
type news struct {
	limit *Limit
	down  *Down
	up    *Up
}

// crowded is an attempt that was not begun because the server bears no more
// sessions than there are: it waits for one of those, and does not count.
type crowded struct{ err error }

func (c *crowded) Error() string { return c.err.Error() }
func (c *crowded) Unwrap() error { return c.err }

// together is the failure of an opening for which others have waited, too: it is
// theirs, so that they need not meet it each by itself.
type together struct {
	err     error
	failure failure
}

func (t *together) Error() string { return t.err.Error() }
func (t *together) Unwrap() error { return t.err }
