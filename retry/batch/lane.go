package batch

import (
	"context"
	"errors"
	"time"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/transient"
)

// lane is one worker. It runs one job at a time; the hooks of that job's
// operations are called in its own goroutine.
type lane struct {
	run    *run
	number int
	client *retry.Client
	ctx    context.Context

	job     Job
	plan    plan  // of job
	next    *plan // of the job after it; nil = it is not known yet
	began   time.Time
	attempt int             // number of the operation's attempt at hand
	class   transient.Class // of which the last one failed
	wait    Span            // under way, if it has a reason
	res     Result
	moved   int64 // by transfers
}

func newLane(n *run, number int) *lane {
	l := &lane{run: n, number: number}
	l.ctx = context.WithValue(n.ctx, laneKey{}, l)
	l.client = n.Client.WithHooks(n.Client.Hooks().And(n.Hooks.Hooks).And(l.hooks()))
	return l
}

type laneKey struct{}

// Current returns the job, and the number of the worker, for which a hook of
// retry.Hooks is called with ctx; false where ctx is not that of a job. It is
// to be called from the hook itself.
func Current(ctx context.Context) (job Job, worker int, ok bool) {
	l, ok := ctx.Value(laneKey{}).(*lane)
	if !ok {
		return Job{}, -1, false
	}
	return l.job, l.number, true
}

// work runs jobs until there are none.
func (l *lane) work() {
	for {
		if p := l.next; p != nil {
			l.next = nil
			l.take(*p)
			continue
		}
		job, ok := <-l.run.queue
		switch {
		case !ok:
			return
		case l.run.over():
			l.drop(plan{job: job})
		default:
			l.take(l.look(job))
		}
	}
}

// take runs a job to its end.
func (l *lane) take(p plan) {
	n, job := l.run, p.job
	switch {
	case n.over():
		l.drop(p)
		return
	case p.err != nil:
		n.stop(p.err)
		l.drop(p)
		return
	case p.past.done:
		n.doneBy(p.past.run)
		n.end(Result{Job: job, State: Skipped, Worker: -1})
		n.landed(job)
		return
	}
	l.plan = p
	l.job, l.began, l.moved = job, time.Now(), 0
	l.res = Result{Job: job, Worker: l.number, Began: l.began, Attempts: 1}
	if n.Hooks.Began != nil {
		n.Hooks.Began(l.number, job)
	}
	err := l.do(job)
	l.endWait(time.Now())
	l.res.Err, l.res.State, l.res.Took = err, Failed, time.Since(l.began)
	switch {
	case err == nil:
		l.res.State = Done
		if n.log != nil {
			n.doneBy(n.log.run)
		}
		l.res.Bytes = max(0, l.moved-l.res.MovedTwice)
	case errors.Is(err, retry.ErrOutcomeUnknown):
		l.res.State = Unknown
	}
	l.settle()
	n.tell(l.res)
	n.landed(job)
}

// hooks are what the lane wants to be told.
func (l *lane) hooks() retry.Hooks {
	books := l.run.tally
	return retry.Hooks{
		Attempt: func(_ context.Context, a retry.Attempt) {
			l.endWait(time.Now())
			if a.Number == l.attempt && a.Number > 1 {
				return // after Redial
			}
			l.attempt = a.Number
			if a.Number > 1 {
				l.res.Attempts++
				books.replay(l.class)
			}
			books.attempt()
		},
		Down:   func(_ context.Context, d retry.Down) { books.sessions(func(o *outages) { o.down(d) }) },
		Up:     func(context.Context, retry.Up) { books.sessions(func(o *outages) { o.up(time.Now()) }) },
		Failed: func(_ context.Context, f retry.Failed) { l.class = f.Verdict.Class },
		Wait: func(_ context.Context, w retry.Wait) {
			l.wait = Span{Lane: l.number, From: time.Since(l.run.began), Why: why(w.Verdict, nil)}
		},
		Done: func(_ context.Context, d retry.Done) {
			l.endWait(time.Now())
			l.attempt = 0
			l.res.MovedTwice += d.MovedTwice
			if d.Op == "STOR" || d.Op == "RETR" {
				l.moved += d.Moved
			}
		},
	}
}

// endWait ends the wait under way, which a cancellation may have cut short.
func (l *lane) endWait(now time.Time) {
	if l.wait.Why == "" {
		return
	}
	l.wait.To = now.Sub(l.run.began)
	l.res.Waited += l.wait.To - l.wait.From
	l.run.tally.waited(l.wait)
	l.wait = Span{}
}

// why tells in a few words what an attempt failed of.
func why(v transient.Verdict, err error) string {
	switch {
	case v.Reply != nil:
		return brief(v.Class.String() + ": " + v.Reply.Error())
	case err != nil:
		return brief(v.Class.String() + ": " + err.Error())
	case v.Rule != "":
		return brief(v.Class.String() + ": " + v.Rule)
	}
	return v.Class.String()
}
