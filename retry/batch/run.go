package batch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/transient"
)

const (
	// readOnTime and readOnJobs bound how far the sequence is read after the
	// run has ended early. It may be without end.
	readOnTime = time.Second
	readOnJobs = 1 << 22
)

// run is one run of a Runner.
type run struct {
	*Runner
	ctx    context.Context // of jobs in flight
	cut    context.CancelCauseFunc
	wanted context.Context // ends when no more jobs are wanted
	enough context.CancelCauseFunc
	began  time.Time
	tally  *tally
	log    *logbook // nil = no journal
	queue  chan Job
	flying sync.WaitGroup // jobs handed to workers
	dials  int64          // of the client, before
	mirror *walk          // whose jobs they are; nil for others

	mu     sync.Mutex
	left   bool                  // jobs were left undone
	latest int                   // run of the journal that has done a job of this one, the last of them
	since  int                   // latest, at the last barrier
	grace  *time.Timer           // of jobs in flight
	away   int                   // jobs in a row that failed of a server that stays away
	flight map[Job]chan struct{} // identities of jobs in flight
}

func (r *Runner) start(ctx context.Context) *run {
	n := &run{Runner: r, began: time.Now(), queue: make(chan Job), flight: make(map[Job]chan struct{})}
	n.ctx, n.cut = context.WithCancelCause(ctx)
	if !r.Deadline.IsZero() {
		// Told beforehand, so that no wait is begun that would outlast it.
		var end context.CancelFunc
		outer := n.cut
		n.ctx, end = context.WithDeadlineCause(n.ctx, r.Deadline.Add(r.Grace), ErrDeadline)
		n.cut = func(cause error) { outer(cause); end() }
	}
	n.wanted, n.enough = context.WithCancelCause(ctx)
	n.tally = newTally(r.Workers, n.began, r.Client.Addr())
	n.dials = r.Client.Stats().Dials
	return n
}

// all runs everything.
func (n *run) all(jobs func(*run) iter.Seq[Job]) (*Report, error) {
	var workers sync.WaitGroup
	defer n.log.free()
	defer workers.Wait()
	defer n.cut(nil)
	defer n.enough(nil)
	if !n.Deadline.IsZero() {
		timer := time.AfterFunc(time.Until(n.Deadline), func() { n.stop(ErrDeadline) })
		defer timer.Stop()
	}
	for i := range n.Workers {
		l := newLane(n, i)
		workers.Add(1)
		go func() {
			defer workers.Done()
			l.work()
		}()
	}
	unread := n.feedAll(jobs(n))
	workers.Wait()
	cut, blind := n.mirror.ended()
	unread = unread || cut
	if !blind { // or what it could not see would be taken for stale
		n.tidy(unread)
	}
	return n.report(unread)
}

// feedAll is feed, and the end of the queue, even where the sequence panics: that
// is for the caller to see, not for the workers.
func (n *run) feedAll(jobs iter.Seq[Job]) bool {
	defer close(n.queue)
	return n.feed(jobs)
}

// feed hands the jobs of the sequence to the workers, and reports whether it
// was left before its end.
func (n *run) feed(jobs iter.Seq[Job]) (unread bool) {
	var readOn time.Time
	late := 0
	for job := range jobs {
		if !n.over() {
			n.pass(job)
			continue
		}
		if late == 0 {
			readOn = time.Now().Add(readOnTime)
		}
		n.pass(job)
		if late++; late >= readOnJobs || time.Now().After(readOn) {
			return true
		}
	}
	return false
}

// over reports whether no job is to begin any more. It does not wait for the
// timer of the deadline, which may come late, nor for the end of wanted where
// that of ctx has come already (test:
// TestTheEndOfTheContextIsTheEndOfTheRunInWhateverOrderItComes).
func (n *run) over() bool {
	if n.wanted.Err() == nil && (n.ctx.Err() != nil || !n.Deadline.IsZero() && !time.Now().Before(n.Deadline)) {
		n.stop(ErrDeadline)
	}
	return n.wanted.Err() != nil
}

// pass deals with one job of the sequence: hands it to a worker, or ends it
// here.
func (n *run) pass(job Job) {
	if job.Kind == Barrier {
		n.flying.Wait()
		n.mu.Lock()
		n.since = n.latest
		n.mu.Unlock()
		return
	}
	job.since = n.since
	if err := job.check(); err != nil {
		n.end(Result{Job: job, State: Failed, Err: err, Worker: -1})
		return
	}
	if !n.alone(job) {
		n.end(Result{Job: job, Worker: -1})
		return
	}
	n.flying.Add(1)
	select {
	case n.queue <- job:
	case <-n.wanted.Done():
		n.landed(job)
		n.end(Result{Job: job, Worker: -1})
	}
}

// alone waits until no job with the identity of job is in flight and makes it
// the one; false where no more jobs are wanted.
func (n *run) alone(job Job) bool {
	id := job.identity()
	for {
		if n.wanted.Err() != nil {
			return false
		}
		n.mu.Lock()
		other := n.flight[id]
		if other == nil {
			n.flight[id] = make(chan struct{})
		}
		n.mu.Unlock()
		if other == nil {
			return true
		}
		<-other
	}
}

// doneBy notes which run has done a job.
func (n *run) doneBy(run int) {
	n.mu.Lock()
	n.latest = max(n.latest, run)
	n.mu.Unlock()
}

// landed ends the flight that alone has begun.
func (n *run) landed(job Job) {
	id := job.identity()
	n.mu.Lock()
	close(n.flight[id])
	delete(n.flight, id)
	n.mu.Unlock()
	n.flying.Done()
}

// end ends a job, well or not.
func (n *run) end(res Result) {
	n.tally.add(res)
	n.tell(res)
}

// tell tells of a job that has ended, and thinks about what that means for the
// run.
func (n *run) tell(res Result) {
	if res.State == NotRun {
		n.mu.Lock()
		n.left = true
		n.mu.Unlock()
	}
	res.mirror.end(res.State)
	if n.Hooks.Ended != nil {
		n.Hooks.Ended(res)
	}
	if res.State != Failed && res.State != Unknown {
		if res.State == Done {
			n.mu.Lock()
			n.away = 0
			n.mu.Unlock()
		}
		return
	}
	if n.StopOnError {
		n.stop(ErrFirstError)
	}
	n.mind(res.Err)
}

// mind thinks about what a failure says of the server: whether it stays away, or
// has refused the login.
func (n *run) mind(err error) {
	var failure *retry.Error
	switch {
	case !errors.As(err, &failure):
		return
	case errors.Is(err, retry.ErrLogin):
		n.stop(fmt.Errorf("%w: %w: %s", ErrLogin, failure.Err, adviceLogin))
		return
	case n.GiveUp < 0:
		return
	}
	class := failure.Verdict.Class
	n.mu.Lock()
	switch {
	case class == transient.Network || class == transient.Overload || errors.Is(err, retry.ErrNoSession):
		n.away++
	case failure.Verdict.Reply != nil:
		n.away = 0 // it is there, and answers
	}
	away := n.away
	n.mu.Unlock()
	if away >= n.GiveUp {
		n.stop(fmt.Errorf("%w: %d jobs in a row failed, the last of: %w", ErrServerDown, away, failure.Err))
	}
}

// stop ends the run early. Jobs in flight go on, for as long as that is of use.
func (n *run) stop(why error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.wanted.Err() != nil {
		return
	}
	if n.ctx.Err() != nil { // the context of both ends one after the other
		why = context.Cause(n.ctx)
	}
	n.enough(why)
	if !errors.Is(why, ErrFirstError) {
		n.grace = time.AfterFunc(n.Grace, func() { n.cut(why) })
	}
}

// report closes the books.
func (n *run) report(unread bool) (*Report, error) {
	over := n.over()
	n.mu.Lock()
	if n.grace != nil {
		n.grace.Stop()
	}
	left := n.left
	n.mu.Unlock()
	rep := n.whole()
	rep.Unread = unread
	var err error
	if over && (left || unread || n.ctx.Err() != nil) { // it did not come too late to matter
		why := context.Cause(n.wanted)
		rep.Stopped = why.Error()
		err = fmt.Errorf("batch: run ended early: %w", why)
	}
	if failed := n.log.finish(rep); failed != nil && !errors.Is(err, ErrJournalFailed) {
		err = errors.Join(err, fmt.Errorf("batch: %w", failed))
	}
	return rep, err
}

// whole is the report of the run as far as it has come.
func (n *run) whole() *Report { return n.tally.whole(n.spent()) }

// spent returns the connections that were made, and the time.
func (n *run) spent() (dials int64, took time.Duration) {
	return n.Client.Stats().Dials - n.dials, time.Since(n.began)
}
