package main

import (
	"context"
	"errors"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// runList is the command run.
func runList(t terminal, c command, args []string) (int, error) {
	s, rest, strange, err := c.parse(t, args, 1)
	if err != nil {
		return 0, err
	}
	done := endAtSignal()
	list, err := openJobs(rest[0], t.in)
	done()
	if err != nil {
		return 0, err
	}
	defer list.close()
	return perform(t, s, strange, func(ctx context.Context, r *batch.Runner, tell teller) (*batch.Report, error) {
		for _, text := range list.absent {
			tell.remark("job list, %s", text)
		}
		tell.expect(list.total)
		report, err := r.Run(ctx, list.jobs())
		return report, errors.Join(err, list.changed)
	})
}
