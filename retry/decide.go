package retry

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ftpretry/ftpretry/internal/wire"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

// decision is what follows an attempt.
type decision struct {
	stop    bool
	reason  error // why, where stop
	wait    time.Duration
	redial  bool // at once, without counting the attempt
	crowded bool // as redial, but first there must be a session to be had
	away    bool // the server is away: the wait ends when it is back
	unsent  bool // the attempt has sent nothing: another one adds nothing to the traffic
	barred  bool // there was no session to be had, for good
	verdict transient.Verdict
	command string
}

// keeps reports whether the session of the last attempt can serve others: it was
// refused something, in step, by a server that is well otherwise.
func (d *decision) keeps() bool {
	return d.verdict.Class == transient.Permanent && (d.verdict.Reply == nil || d.verdict.Reply.Code > 500)
}

// decide says what follows an attempt that ended with err. The order matters:
// what the caller did outranks what the server said, which outranks what the
// network did.
func (t *transaction) decide(ctx context.Context, err error) decision {
	d := decision{stop: true}
	var x wire.Exchange
	if t.session != nil {
		x = t.session.wire.Exchange()
	}
	d.command = x.Command
	t.advanced = t.op.progress > t.best
	t.best = max(t.best, t.op.progress)
	t.noteOutcome(x, err)
	var (
		caller *wire.CallerError
		given  *backoff.PermanentError
		stated *final
		lie    *mismatch
		full   *crowded
		shared *together
	)
	switch {
	case errors.As(err, &caller):
		d.reason, d.verdict = ErrPermanent, callerVerdict
		return d
	case ctx.Err() != nil:
		d.reason, d.verdict = context.Cause(ctx), t.classify(x, err)
		return d
	case errors.Is(err, errElapsed):
		d.reason, d.verdict = ErrElapsed, t.classify(x, err)
		return d
	case errors.As(err, &full):
		d.stop, d.redial, d.crowded, d.verdict = false, true, true, t.classify(x, err)
		return d
	case errors.As(err, &shared):
		d.verdict, d.command, d.away, d.unsent = shared.failure.verdict, shared.failure.command, true, true
	case errors.As(err, &stated):
		d.reason, d.verdict = stated.reason, t.classify(x, err)
		return d
	case errors.As(err, &given):
		d.reason, d.verdict = ErrPermanent, givenVerdict
		return d
	case errors.As(err, &lie):
		d.verdict = mismatchVerdict
		reason := cmp.Or(lie.reason, ErrIncomplete)
		if t.lied == reason && !t.advanced {
			d.reason = reason
			return d
		}
		t.lied = reason
	default:
		if t.advanced {
			t.lied = nil
		}
		d.verdict = t.classify(x, err)
	}
	if t.stale(x, d.verdict) {
		d.stop, d.redial = false, true
		return d
	}
	if !d.verdict.Transient() || t.same.hopeless(x, &d.verdict, t.advanced) {
		d.reason, d.barred = ErrPermanent, !t.ran
		return d
	}
	if t.op.again != nil {
		if reason := t.op.again(); reason != nil {
			d.reason = reason
			return d
		}
	}
	return t.plan(ctx, d)
}

// outside is err of an attempt that had no session.
func (d *decision) outside(err error) error {
	if (failure{verdict: d.verdict, command: d.command}).atLogin() {
		return &final{reason: ErrLogin, err: err}
	}
	return &final{reason: ErrNoSession, err: err}
}

// plan asks the policy for the wait, and the context whether there is time
// for it.
func (t *transaction) plan(ctx context.Context, d decision) decision {
	if t.schedule == nil {
		t.schedule = t.policy.Start(t.start)
	}
	now := time.Now()
	wait, stop := t.schedule.Next(now, d.verdict.Class, t.advanced, d.verdict.Wait)
	switch stop {
	case policy.Continue:
	case policy.StopElapsed:
		d.reason = ErrElapsed
		return d
	default:
		d.reason = ErrAttempts
		return d
	}
	if deadline, ok := ctx.Deadline(); ok && !now.Add(wait).Before(deadline) {
		d.reason = ErrDeadline
		return d
	}
	if !d.unsent && !t.budget.Spend() {
		d.reason = ErrBudget
		return d
	}
	d.stop, d.wait, d.away = false, wait, t.op.turn.down || d.away
	return d
}

// noteOutcome remembers that the operation's own command may have been
// executed.
func (t *transaction) noteOutcome(x wire.Exchange, err error) {
	if t.session == nil {
		return
	}
	if reply := replyOf(err); reply != nil && reply.Code < 400 {
		t.session.wire.Break(err)
	}
	if t.op.effect == "" || x.Command != t.op.effect {
		return
	}
	// A 421 on a session that was idle may have been pushed before the command,
	// and the command executed by a server that does not hang up (pyftpdlib).
	pushed := x.First && t.session.reused && x.Code == 421
	if pushed || doubtful(x, err, t.op.effect) {
		t.op.unknown = true
	}
}

// doubtful reports whether command, which failed with err, may have been
// executed all the same. Its reply never came; or is out of step with the
// commands, as one below 400 that comes as an error is; or says that an action
// was begun and broken off (451), which for a transfer it was if there was a
// preliminary reply; or is a 421, which says something of the connection, not of
// the command (RFC 959, section 4.2; test:
// TestA421MayComeAfterTheCommandWasExecuted).
func doubtful(x wire.Exchange, err error, command string) bool {
	if x.Command != command {
		return false
	}
	reply := replyOf(err)
	switch {
	case x.Unknown():
		return true
	case command == "APPE" && x.Begun:
		return true // how much it has added is nobody's guess
	case reply == nil:
		return false
	case reply.Code == 451 || reply.Code == 421:
		return x.Begun || command != "STOR" && command != "APPE"
	}
	return reply.Code < 400
}

// stale reports whether the attempt met nothing but the end of a session that
// had been idle: it is made again at once and not counted.
func (t *transaction) stale(x wire.Exchange, v transient.Verdict) bool {
	if t.session == nil || !t.session.reused || !x.First || x.Begun || t.advanced {
		return false // a transfer that was begun was begun by a live session, whose port was asked for ahead
	}
	if v.Reply != nil {
		// Pushed while it was idle, where that could not be seen before.
		return v.Reply.Code == 421 && t.session.rested
	}
	return v.Class == transient.Network
}

// classify asks the classifier, and puts the attempt's own timeout right: it
// is a context's error, but not the caller's.
func (t *transaction) classify(x wire.Exchange, err error) transient.Verdict {
	return classify(t.classifier, x, err)
}

// classify asks a classifier about the failure of an exchange.
func classify(c transient.Classifier, x wire.Exchange, err error) transient.Verdict {
	if errors.Is(err, errElapsed) {
		return transient.Verdict{Class: transient.Network, Rule: "policy's Elapsed was over during the attempt"}
	}
	if errors.Is(err, errAttemptTimeout) {
		return transient.Verdict{Class: transient.Network, Rule: "attempt took longer than the policy's AttemptTimeout"}
	}
	f := transient.Failure{Command: x.Command, Path: x.Path, Err: err}
	v := c.Classify(f)
	// ProFTPD answers a handshake that the network broke off in the words of
	// its demand for session reuse: 425 Operation not permitted. Only a
	// handshake that came to its end can have failed of that.
	var broken *wire.HandshakeError
	if v.Reply != nil && v.Reply.Code == 425 && !v.Transient() && errors.As(err, &broken) {
		f.Err = broken.Err
		if symptom := c.Classify(f); symptom.Class == transient.Network {
			symptom.Class, symptom.Reply = transient.DataChannel, v.Reply
			return symptom
		}
	}
	return v
}
