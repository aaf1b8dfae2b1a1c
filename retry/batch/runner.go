package batch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/ftpretry/ftpretry/retry"
)

// The reasons for which a run ended before all jobs had their turn, found by
// errors.Is in the error of [Runner.Run]. When the context ended, its cause
// stands in place of them.
var (
	ErrFirstError = errors.New("stopped at the first job that was not done")
	ErrServerDown = errors.New("server stays away")
	ErrDeadline   = errors.New("run's deadline is over")
	ErrLogin      = errors.New("server refused the login") // it is not tried again for other jobs, which could lock the account
)

const (
	defaultWorkers = 4
	defaultGrace   = 30 * time.Second
	// leastGiveUp keeps a run of one or two workers from giving up for one
	// file's sake.
	leastGiveUp = 4
)

// Runner runs jobs. Client must be set; the zero value of every other field has
// the stated default. A Runner may be copied and used again, by one run at a
// time.
type Runner struct {
	Client *retry.Client
	// Workers is how many jobs there are at once; 0 = 4. More than the client's
	// MaxConns wait for a connection, which is of use with a Journal on a slow
	// disk: one waits for the disk while another has the connection.
	Workers int
	Hooks   Hooks
	// Journal is where runs write down what they have done, for the next one to
	// carry on; nil = none. Run does not close it.
	Journal *Journal

	// StopOnError ends the run when a job has failed or is unknown: jobs in
	// flight are finished, the rest are not run. Without it a job's failure is
	// its own.
	StopOnError bool
	// ContinueOnError says the default out loud. Together with StopOnError it
	// is refused.
	ContinueOnError bool

	// GiveUp is how many jobs in a row, with none done in between, must have
	// failed of the network or of an overloaded server, each after all the
	// attempts of the policy, or of a server that lets nobody in for good, for
	// the server to count as staying away: the run ends then. 0 = twice as many
	// as workers, 4 at least; < 0 = never. A user or password that was refused
	// ends the run at once.
	GiveUp int

	// Deadline is when the run ends: no job begins after it. Zero = none.
	Deadline time.Time
	// Grace is how long jobs in flight may go on after Deadline, and after the
	// server was given up, before they are cut; 0 = 30s, < 0 = not at all. The
	// end of Run's context cuts them at once. An upload that is cut with no
	// Journal to know of it takes 2s more at most, to remove its temporary file.
	Grace time.Duration

	// Direct uploads under the final name at once, for servers that do not
	// allow to rename. Otherwise uploads are atomic, see [retry.Atomic],
	// whatever the client's own mode.
	Direct bool
	// RequireTime makes it a failure that a file's time could not be set to
	// Job.Time. Otherwise it is a note in the result.
	RequireTime bool
}

// Hooks tell a program what happens. Any may be nil. They are called from the
// goroutines of the workers and of Run, several at once, and the run waits for
// them. Those of retry.Hooks are told of the operations that jobs are made of,
// after the client's own; [Current] tells them of which job.
type Hooks struct {
	Began func(worker int, job Job)
	Ended func(Result) // once for each job that the sequence gave
	retry.Hooks
}

// Run runs jobs and returns the report, which is never nil. The error says why
// the run ended before all jobs had their turn; jobs that failed are no error
// of the run, but counted in the report.
//
// Jobs are pulled from the sequence one by one as workers become free, and run
// in its order as far as several at once have one; only a [Barrier] makes what
// follows wait. A job that is in flight already, the same in Kind, Remote,
// Local and To, is not begun a second time before the first has ended.
//
// When the run ends early, what the sequence still gives is counted as not run,
// for a second at most: Report.Unread says if that was not the end of it. Run
// cannot interrupt the sequence: one that may block has to watch ctx.
//
// Run returns when every job it began has ended, and leaves no goroutine.
func (r *Runner) Run(ctx context.Context, jobs iter.Seq[Job]) (*Report, error) {
	return r.run(ctx, func(*run) iter.Seq[Job] { return jobs })
}

// run is Run with a sequence that is made for the run.
func (r *Runner) run(ctx context.Context, jobs func(*run) iter.Seq[Job]) (*Report, error) {
	settled, err := r.settle(ctx)
	if err != nil {
		return &Report{Started: time.Now(), Stopped: err.Error()}, err
	}
	n := settled.start(ctx)
	if n.log, err = settled.Journal.start(n); err != nil {
		n.enough(nil)
		n.cut(nil)
		return &Report{Server: settled.Client.Addr(), Started: n.began, Stopped: err.Error()}, fmt.Errorf("batch: %w", err)
	}
	return n.all(jobs)
}

// settle returns a copy of r with its defaults filled in, or what is wrong with
// it.
func (r *Runner) settle(ctx context.Context) (*Runner, error) {
	switch {
	case ctx == nil:
		return nil, errors.New("batch: context is nil: use context.Background()")
	case r == nil || r.Client == nil:
		return nil, errors.New("batch: Runner.Client is nil: make one with retry.New")
	case r.Workers < 0:
		return nil, fmt.Errorf("batch: Runner.Workers is %d: want 1 or more, or 0 for %d", r.Workers, defaultWorkers)
	case r.StopOnError && r.ContinueOnError:
		return nil, errors.New("batch: Runner.StopOnError and ContinueOnError are both set: choose one")
	}
	c := *r
	if c.Workers == 0 {
		c.Workers = defaultWorkers
	}
	if c.GiveUp == 0 {
		c.GiveUp = max(leastGiveUp, 2*c.Workers)
	}
	if c.Grace == 0 {
		c.Grace = defaultGrace
	}
	c.Grace = max(0, c.Grace)
	mode := retry.Atomic
	if c.Direct {
		mode = retry.Direct
	}
	c.Client = c.Client.WithUpload(mode)
	return &c, nil
}
