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
	// turn is that of the attempt at hand.
	turn turn
}

func (op *operation) try(ctx context.Context, s *session) error { return op.run(ctx, s) }
func (op *operation) about() *operation                         { return op }

// runner runs operations: what Client and Conn have in common.
type runner struct {
	sessions   keeper
	policy     policy.Policy
	classifier transient.Classifier
	budget     *policy.Budget
	hooks      Hooks
	stats      *counters
	mistake    error // of the policy; no operation can run with it
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
	r.budget.Earn()
	for {
		err := t.attempt(ctx)
		if err == nil {
			return t.succeed(ctx)
		}
		next := t.decide(ctx, err)
		t.fail(ctx, err, &next)
		if next.stop {
			return t.end(ctx, t.reveal(ctx, err, &next), next)
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
	served   bool     // it has had its turn
	admitted bool     // it must leave
	held     bool     // its session must be given back
	ran      bool     // it had one that was logged in
	began    time.Time
	away     time.Time // when the attempt before failed of a server that is away; zero = it did not
	later    bool      // it is not the first, whether that counted or not
	fresh    time.Time // the next attempt needs a session that was opened no earlier; zero = any will do
	place    uint64    // in the order of arrival, of an attempt that is made again at once; 0 = none
	schedule *policy.Schedule
	before   *failure // what the attempt before failed of; nil = there was none
	progress int64    // before the attempt
	best     int64    // the most that it has been
	advanced bool     // the last attempt has made it more
	lied     error    // what came of a mismatch before, with no progress since; nil = none
	moved    int64    // by all attempts
	twice    int64    // of it, what was not kept
	same     sameness
}

// abandon gives back what a panic, in a function of the caller's, would keep.
func (t *transaction) abandon() {
	if t.held {
		t.session.wire.Close()
		t.sessions.give(context.Background(), t.session, false, &t.op.turn)
	}
	if t.admitted {
		t.sessions.leave(&t.op.turn, outcome{})
	}
}

// succeed ends the transaction well.
func (t *transaction) succeed(ctx context.Context) error {
	t.giveBack(ctx, true, outcome{})
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
	if d.redial && !d.crowded {
		t.giveSession(ctx, false) // it is made again in the same turn
	} else {
		t.giveBack(ctx, d.stop && d.keeps(), t.taught(err, d))
	}
	if !d.stop {
		t.before = &failure{d.verdict, d.command, err}
	}
	if t.hooks.Failed != nil {
		t.hooks.Failed(ctx, Failed{Attempt: t.describe(), Command: d.command, Verdict: d.verdict, Err: err, Took: time.Since(t.began)})
	}
}

// reveal is what an operation ends with that failed with err: where its last
// attempt has only waited, in vain, for a session, it is what the one before it
// failed of.
func (t *transaction) reveal(ctx context.Context, err error, d *decision) error {
	if t.served || t.before == nil {
		return err
	}
	switch {
	case errors.Is(err, ErrClosed):
		d.reason = ErrClosed
	case d.reason != ErrElapsed && ctx.Err() == nil:
		return err // it says more: how the server was found to be away
	}
	d.verdict = t.before.verdict
	return t.before.err
}

// giveBack ends the use of the attempt's session.
func (t *transaction) giveBack(ctx context.Context, keep bool, o outcome) {
	t.giveSession(ctx, keep)
	if t.admitted {
		t.sessions.leave(&t.op.turn, o)
		t.admitted = false
		t.tell(ctx)
	}
}

// pause waits as decided and returns the context's cause if it ended first.
func (t *transaction) pause(ctx context.Context, d decision) error {
	t.away = time.Time{}
	if d.away {
		t.away = time.Now()
	}
	t.later, t.place = true, 0
	if d.crowded {
		t.place = t.op.turn.place // it has waited already
	}
	switch {
	case d.crowded:
		t.fresh = time.Time{} // it has to be one of those there are
	case t.ran:
		t.fresh = time.Now()
	}
	if d.redial {
		if t.hooks.Redial != nil {
			t.hooks.Redial(ctx, t.describe())
		}
		return nil
	}
	if t.hooks.Wait != nil {
		t.hooks.Wait(ctx, Wait{Attempt: t.describe(), Delay: d.wait, Verdict: d.verdict})
	}
	var back <-chan struct{}
	if d.away {
		if back = t.sessions.away(); back == nil {
			d.wait = 0 // it is there again already
		}
	}
	timer := time.NewTimer(d.wait)
	defer timer.Stop()
	t.stats.waits.Add(1)
	defer func(began time.Time) { t.stats.waited.Add(int64(time.Since(began))) }(time.Now())
	select {
	case <-timer.C:
	case <-back:
	case <-t.sessions.closed():
		return ErrClosed
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
	if d.barred {
		err = d.outside(err)
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

func (t *transaction) giveSession(ctx context.Context, keep bool) {
	if t.held {
		t.held = false
		t.sessions.give(ctx, t.session, keep, &t.op.turn)
	}
}

func (t *transaction) describe() Attempt {
	return Attempt{Op: t.op.verb, Path: t.op.path, Number: t.number}
}
