package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// work is what a command does with a runner that is ready.
type work func(context.Context, *batch.Runner, teller) (*batch.Report, error)

// perform makes everything ready, does the work and tells of it. An error is
// one that kept it from beginning.
func perform(t terminal, s *settings, strange []string, do work) (status int, err error) {
	tell := s.teller(t)
	closed := false
	end := func() {
		if !closed {
			closed = true
			tell.close()
		}
	}
	defer end()
	client, err := s.client(tell.client())
	if err != nil {
		return 0, err
	}
	defer func() { _ = client.Close() }()
	for _, name := range strange {
		tell.remark("%s is no setting, and changes nothing", name)
	}
	runner := &batch.Runner{
		Client: client, Workers: int(s.workers), Hooks: tell.runner(),
		StopOnError: s.stopOnError, Deadline: s.deadline.Time, Direct: s.direct,
	}
	ctx, done := interruptible(tell.remark)
	defer done()
	if err := knock(ctx, client); err != nil {
		tell.remark("nothing was run: %v", err)
		return endOf(ctx, nil, err), nil
	}
	report, err := do(ctx, runner, tell)
	end()
	if err := s.conclude(t, report); err != nil {
		return someFailed, err
	}
	return endOf(ctx, report, err), nil
}

// conclude tells what came of the run.
func (s *settings) conclude(t terminal, r *batch.Report) error {
	if s.json {
		log := newLog(t.out, false)
		log.Info("run ended", slog.Any("report", r))
		return nil
	}
	n := r.Jobs
	_, err := fmt.Fprintf(t.out, "%s done, %s skipped, %s failed, %s unknown, %s not run\n",
		grouped(n.Done), grouped(n.Skipped), grouped(n.Failed), grouped(n.Unknown), grouped(n.NotRun))
	return err
}

// endOf is the exit status of a run that ended so.
func endOf(ctx context.Context, r *batch.Report, err error) int {
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errInterrupted):
		return interrupted
	case err != nil, r.Unread, r.Jobs.Failed+r.Jobs.Unknown+r.Jobs.NotRun > 0:
		return someFailed
	}
	return allDone
}

// runList is the command run.
func runList(t terminal, c command, args []string) (int, error) {
	s, rest, strange, err := c.parse(t, args, 1)
	if err != nil {
		return 0, err
	}
	list, err := openJobs(rest[0], t.in)
	if err != nil {
		return 0, err
	}
	defer list.close()
	return perform(t, s, strange, func(ctx context.Context, r *batch.Runner, tell teller) (*batch.Report, error) {
		for _, text := range list.absent {
			tell.remark("%s", text)
		}
		tell.expect(list.total, true)
		report, err := r.Run(ctx, list.jobs())
		return report, errors.Join(err, list.changed)
	})
}
