package retry

import (
	"context"
	"errors"
	"time"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

// task is one thing a caller asked for.
type task interface {
	// try is one attempt, on a session that is logged in and in its starting
	// state. The task keeps what an attempt must know of earlier ones.
	try(ctx context.Context, s *session) error
	about() *operation
}

// operation is what the loop must know of a task, and the task itself where run
// is set.
type operation struct {
	verb, path string
	run        func(ctx context.Context, s *session) error
	// invalid is why it cannot be sent at all.
	invalid error
	// again reports why there can be no other attempt; nil = there always can.
	again func() error
	// transfer: Hooks.Progress is told of it. total is the whole, 0 where it
	// is not known.
	transfer bool
	total    int64
	// progress is what the transfer has brought to its goal so far. An attempt
	// that makes it more than it has ever been starts the count of attempts
	// anew; one that has to start over does not.
	progress int64
	// effect is the command that changes something on the server, so that
	// running it twice is not the same as once; "" = none does.
	effect string
	// counts: the task itself counts what was moved in vain.
	counts bool
	// unknown: an attempt may have been executed although it failed.
	unknown bool
}

func (op *operation) try(ctx context.Context, s *session) error { return op.run(ctx, s) }
func (op *operation) about() *operation                         { return op }

// runner runs operations: what Client and Conn have in common.
type runner struct {
	sessions   keeper
	policy     policy.Policy
	classifier transient.Classifier
	hooks      Hooks
	stats      *counters
	mistake    error // of the policy; no operation can run with it
}

// keeper hands out sessions, one to a transaction at a time.
type keeper interface {
	// admit waits for the turn of the operation. Each that returns nil is
	// followed by one leave, whatever comes in between.
	admit(ctx context.Context) error
	leave()
	// take returns a session that is logged in, in its starting state and
	// bound to ctx. One that was in use before is not returned when fresh is
	// asked for. The session that comes with an error is only to be asked
	// what went wrong with it; it may be nil.
	take(ctx context.Context, r request) (*session, error)
	// give takes it back. keep says that the operation has left it in order.
	give(ctx context.Context, s *session, keep bool)
}

// request is what is asked of a session.
type request struct {
	now     time.Time // the present time
	fresh   bool      // a new one
	careful bool      // one that has been looked at: a wrong reply would be taken for a deed
}

// do runs op until it succeeds or there is a reason to stop. It is the one
// loop of this module that runs anything a second time.
func (r *runner) do(ctx context.Context, task task) error {
	op := task.about()
	t := transaction{runner: r, task: task, op: op, start: time.Now(), number: 1, best: op.progress}
	if err := r.usable(ctx, op); err != nil {
		t.number = 0
		return t.end(ctx, err, decision{reason: ErrPermanent, verdict: invalidVerdict})
	}
	defer t.abandon()
	for {
		err := t.attempt(ctx)
		if err == nil {
			return t.succeed(ctx)
		}
		next := t.decide(ctx, err)
		t.fail(ctx, err, &next)
		if next.stop {
			return t.end(ctx, err, next)
		}
		if cause := t.pause(ctx, next); cause != nil {
			next.reason = cause
			return t.end(ctx, err, next)
		}
	}
}

// transaction is one run of do.
type transaction struct {
	*runner
	task   task
	op     *operation
	start  time.Time
	number int // of the attempt, from 1

	session  *session // of the attempt; nil where there was none
	admitted bool     // it must leave
	held     bool     // its session must be given back
	began    time.Time
	fresh    bool // the next attempt needs a new session
	schedule *policy.Schedule
	progress int64 // before the attempt
	best     int64 // the most that it has been
	advanced bool  // the last attempt has made it more
	lied     error // what came of a mismatch before, with no progress since; nil = none
	moved    int64 // by all attempts
	twice    int64 // of it, what was not kept
	same     sameness
}

// attempt runs the operation once.
func (t *transaction) attempt(ctx context.Context) error {
	t.began, t.progress, t.session, t.held = t.start, t.op.progress, nil, false
	if t.schedule != nil || t.fresh {
		t.began = time.Now()
	}
	if t.hooks.Attempt != nil {
		t.hooks.Attempt(ctx, t.describe())
	}
	t.stats.attempts.Add(1)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := t.sessions.admit(ctx); err != nil {
		return err
	}
	t.admitted = true
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
	s, err := t.sessions.take(ctx, request{t.began, t.fresh, t.op.effect != ""})
	t.session, t.held = s, err == nil
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

// abandon gives back what a panic, in a function of the caller's, would keep.
func (t *transaction) abandon() {
	if t.held {
		t.session.wire.Close()
		t.sessions.give(context.Background(), t.session, false)
	}
	if t.admitted {
		t.sessions.leave()
	}
}

// succeed ends the transaction well.
func (t *transaction) succeed(ctx context.Context) error {
	t.giveBack(ctx, true)
	if t.hooks.Done != nil {
		t.hooks.Done(ctx, Done{Op: t.op.verb, Path: t.op.path, Attempts: t.number, Elapsed: time.Since(t.start), Moved: t.moved, MovedTwice: t.twice})
	}
	return nil
}

// fail ends an attempt that failed with err. Its session is given back before
// any wait, so that it holds no place on the server, and kept only where it
// brought a permanent refusal in step.
func (t *transaction) fail(ctx context.Context, err error, d *decision) {
	t.stats.note(t, d)
	t.giveBack(ctx, d.stop && d.keeps())
	if t.hooks.Failed != nil {
		t.hooks.Failed(ctx, Failed{Attempt: t.describe(), Command: d.command, Verdict: d.verdict, Err: err, Took: time.Since(t.began)})
	}
}

// giveBack ends the use of the attempt's session.
func (t *transaction) giveBack(ctx context.Context, keep bool) {
	if t.held {
		t.held = false
		t.sessions.give(ctx, t.session, keep)
	}
	if t.admitted {
		t.admitted = false
		t.sessions.leave()
	}
}

// pause waits as decided and returns the context's cause if it ended first.
func (t *transaction) pause(ctx context.Context, d decision) error {
	t.fresh = true
	if d.redial {
		if t.hooks.Redial != nil {
			t.hooks.Redial(ctx, t.describe())
		}
		return nil
	}
	if t.hooks.Wait != nil {
		t.hooks.Wait(ctx, Wait{Attempt: t.describe(), Delay: d.wait, Verdict: d.verdict})
	}
	timer := time.NewTimer(d.wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	t.number++
	return nil
}

// end ends the transaction with an error.
func (t *transaction) end(ctx context.Context, err error, d decision) error {
	elapsed := time.Since(t.start)
	if t.op.unknown && !errors.Is(err, ErrOutcomeUnknown) {
		err = &final{reason: ErrOutcomeUnknown, err: err}
	}
	err = &Error{
		Op: t.op.verb, Path: t.op.path, Attempts: t.number, Elapsed: elapsed,
		Verdict: d.verdict, Reason: d.reason, Err: err,
	}
	if t.hooks.Done != nil {
		t.hooks.Done(ctx, Done{Op: t.op.verb, Path: t.op.path, Attempts: t.number, Elapsed: elapsed, Err: err, Moved: t.moved, MovedTwice: t.twice})
	}
	return err
}

func (t *transaction) describe() Attempt {
	return Attempt{Op: t.op.verb, Path: t.op.path, Number: t.number}
}
