package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// work is what a command does with a runner that is ready.
type work func(context.Context, *batch.Runner, teller) (*batch.Report, error)

// perform makes everything ready, does the work and tells of it. An error is
// one that kept it from beginning.
func perform(t terminal, s *settings, strange []string, do work) (status int, err error) {
	tell := s.teller(t)
	end := sync.OnceFunc(tell.close)
	defer end()
	client, err := s.client(tell.client())
	if err != nil {
		return 0, err
	}
	defer func() { _ = client.Close() }()
	switch err := canWrite(s.html); {
	case s.dryRun && s.html != "":
		tell.remark("-html is left out: a dry run has no report")
		s.html = ""
	case err != nil:
		return 0, misuse("-html: %w", err)
	}
	ctx, done := interruptible(tell.remark)
	defer done()
	runner := &batch.Runner{
		Client: client, Workers: int(s.workers), Hooks: tell.runner(),
		StopOnError: s.stopOnError, Deadline: s.deadline.Time, Direct: s.direct,
	}
	if s.dryRun {
		runner.Hooks.Ended = unlessNotRun(runner.Hooks.Ended)
	}
	if runner.Journal, err = s.openJournal(ctx); err != nil {
		if ctx.Err() != nil {
			tell.remark("nothing was run: %v", err)
			return exit(ctx, nil, err), nil
		}
		return 0, err
	}
	defer func() { _ = runner.Journal.Close() }()
	if err := runner.Journal.Serves(client); err != nil {
		return 0, err
	}
	for _, name := range strange {
		tell.remark("%s is no setting, and changes nothing", name)
	}
	began := time.Now()
	if err := knock(ctx, client, s.deadline.Time); err != nil {
		tell.remark("nothing was run: %v", err)
		tell.remark("what to do: %s", batch.Result{State: batch.Failed, Err: err}.Next())
		if s.html != "" { // or the page of an earlier night would be taken for that of this one
			page := &batch.Report{Server: client.Addr(), Started: began, Took: time.Since(began), Workers: runner.Workers, Stopped: "nothing was run: " + err.Error()}
			if err := writePage(s.html, page); err != nil {
				tell.remark("-html: %v", err)
			}
		}
		return exit(ctx, nil, err), nil
	}
	report, err := do(ctx, runner, tell)
	end()
	if err != nil && report.Jobs.Total == 0 && !errors.Is(err, batch.ErrDeadline) && ctx.Err() == nil {
		return 0, err // it was refused
	}
	if s.dryRun {
		report.Jobs.NotRun = 0 // as it should be
		return exit(ctx, report, err), nil
	}
	if err := s.conclude(t, report); err != nil {
		fmt.Fprintln(t.err, "batch: report:", err)
		return max(someFailed, exit(ctx, report, err)), nil
	}
	return exit(ctx, report, err), nil
}

// openJournal opens the journal, if there is to be one; nil = there is not. A dry
// run makes none: it has use for one only to leave it out of the plan.
func (s *settings) openJournal(ctx context.Context) (*batch.Journal, error) {
	if _, err := os.Stat(s.journal); s.journal == "" || s.dryRun && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return unlessEnded(ctx, func() (*batch.Journal, error) { return batch.OpenJournal(s.journal) })
}

// unlessEnded is what do returns, or the cause of ctx's end if that comes first.
// What do is about is left to itself then: the program ends.
func unlessEnded[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type answer struct {
		of  T
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		of, err := do()
		answers <- answer{of, err}
	}()
	select {
	case a := <-answers:
		return a.of, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// unlessNotRun leaves out what a dry run does of all jobs: nothing.
func unlessNotRun(told func(batch.Result)) func(batch.Result) {
	return func(r batch.Result) {
		if r.State != batch.NotRun {
			told(r)
		}
	}
}

// exit is the status of a run that ended so.
func exit(ctx context.Context, r *batch.Report, err error) int {
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errInterrupted):
		return interrupted
	case err != nil, r.Unread, r.Jobs.Failed+r.Jobs.Unknown+r.Jobs.NotRun > 0:
		return someFailed
	}
	return allDone
}
