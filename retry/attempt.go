package retry

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ftpretry/ftpretry/transient"
)

// attempt runs the operation once.
func (t *transaction) attempt(ctx context.Context) error {
	t.began, t.progress, t.session, t.served, t.held, t.ran = t.start, t.op.progress, nil, false, false, false
	if t.later {
		t.began = time.Now()
	}
	if t.hooks.Attempt != nil {
		t.hooks.Attempt(ctx, t.describe())
	}
	t.stats.attempts.Add(1)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := t.admit(ctx); err != nil {
		return err
	}
	if t.policy.AttemptTimeout <= 0 && t.policy.Elapsed <= 0 {
		return t.run(ctx, ctx)
	}
	bounded, cancel := t.bound(ctx)
	defer cancel()
	err := t.run(bounded, ctx)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil && replyOf(err) == nil && !callersFault(err) {
		// However the end of the attempt's own context was told, by a function
		// of the caller's for example, it is not the end of the caller's.
		return context.Cause(bounded)
	}
	return err
}

// admit waits for the attempt's turn, no longer than the policy's Elapsed. The
// AttemptTimeout begins after it (test:
// TestTheWaitForAPlaceIsNoPartOfAnAttempt).
func (t *transaction) admit(ctx context.Context) error {
	if t.admitted {
		t.op.turn.fresh, t.op.turn.now, t.served = t.fresh, t.began, true // it has kept its turn
		return nil
	}
	t.op.turn = turn{began: t.start, now: t.began, place: t.place, fresh: t.fresh, failed: t.away, patience: t.policy.AttemptTimeout}
	var end time.Time // zero = none
	if t.policy.Elapsed > 0 {
		var cancel context.CancelFunc
		end, _ = t.policy.Start(t.start).Deadline()
		ctx, cancel = context.WithDeadlineCause(ctx, end, errElapsed)
		defer cancel()
	}
	err := t.sessions.admit(ctx, &t.op.turn)
	t.admitted, t.served = err == nil, err == nil
	if err == nil {
		return nil
	}
	var late *tooLate
	if !errors.As(err, &late) {
		return err
	}
	reason := ErrDeadline
	if !end.IsZero() && !late.until.Before(end) {
		reason = ErrElapsed
	}
	return &final{reason: reason, err: late}
}

// bound is ctx with the ends that the policy sets to an attempt.
func (t *transaction) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	cancels := func() {}
	if limit := t.policy.AttemptTimeout; limit > 0 {
		ctx, cancels = context.WithTimeoutCause(ctx, limit, errAttemptTimeout)
	}
	if end, ok := t.policy.Start(t.start).Deadline(); ok {
		outer := cancels
		bounded, cancel := context.WithDeadlineCause(ctx, end, errElapsed)
		return bounded, func() { cancel(); outer() }
	}
	return ctx, cancels
}

func (t *transaction) run(ctx, callers context.Context) error {
	s, err := t.sessions.take(ctx, request{t.op.turn.now, t.fresh, t.op.effect != ""}, &t.op.turn)
	t.session, t.held, t.ran = s, err == nil, err == nil
	t.tell(callers)
	if err != nil {
		if s != nil {
			err = s.wire.Recover(err)
		}
		return err
	}
	if s.fresh && t.hooks.Connect != nil {
		t.hooks.Connect(callers, Connect{Attempt: t.describe(), Addr: s.addr, TLS: s.tls, Took: s.took})
	}
	s.fresh = false
	s.begin()
	if t.op.transfer && t.hooks.Progress != nil {
		s.watch(&teller{tell: t.hooks.Progress, ctx: callers, session: s, of: t.describe(), began: time.Now()})
	}
	err = s.wire.Recover(t.task.try(ctx, s))
	s.finish()
	m := s.moved()
	t.moved += m.In + m.Out
	t.twice += s.again
	return err
}

// tell tells the hooks what the attempt has seen of the server as a whole.
func (t *transaction) tell(ctx context.Context) {
	if s := t.session; s != nil && s.signed != nil {
		if t.hooks.Login != nil {
			t.hooks.Login(ctx, Login{Attempt: t.describe(), Addr: s.addr, User: s.signed.user, Took: s.signed.took, Err: s.signed.err})
		}
		s.signed = nil
	}
	n := t.op.turn.news
	t.op.turn.news = news{}
	if n.down != nil && t.hooks.Down != nil {
		n.down.Attempt, n.down.Addr = t.describe(), t.session.addr
		t.hooks.Down(ctx, *n.down)
	}
	if n.up != nil && t.hooks.Up != nil {
		n.up.Attempt, n.up.Addr = t.describe(), t.session.addr
		t.hooks.Up(ctx, *n.up)
	}
	if n.limit != nil && t.hooks.Limit != nil {
		n.limit.Attempt = t.describe()
		t.hooks.Limit(ctx, *n.limit)
	}
}

// taught is what a failed attempt has taught of the server.
func (t *transaction) taught(err error, d *decision) (o outcome) {
	if !d.stop && !d.redial {
		o.back = time.Now().Add(d.wait)
	}
	if !t.ran || d.redial {
		return o
	}
	class := d.verdict.Class
	o.lost = class == transient.Network || class == transient.Overload
	if class == transient.Overload && (d.command == "EPSV" || d.command == "PASV") {
		// A 421 there may as well be of the session (RFC 959, section 4.2).
		if r := d.verdict.Reply; r == nil || r.Code != 421 || strings.Contains(strings.ToLower(r.Msg), "passive") {
			o.full = err
		}
	}
	return o
}
