package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/ftpretry/ftpretry/retry/batch"
)

// mirrorUp is the command mirror-up.
func mirrorUp(t terminal, c command, args []string) (int, error) {
	s, rest, strange, err := c.parse(t, args, 2)
	if err != nil {
		return 0, err
	}
	if _, err := os.ReadDir(rest[0]); err != nil {
		return 0, misuse("cannot send %s: %w", shown(rest[0]), err)
	}
	m := s.mirror(rest[0], rest[1])
	return s.copyTree(t, strange, m, (*batch.Runner).MirrorUp)
}

// mirrorDown is the command mirror-down.
func mirrorDown(t terminal, c command, args []string) (int, error) {
	s, rest, strange, err := c.parse(t, args, 2)
	if err != nil {
		return 0, err
	}
	if err := canFill(rest[1]); err != nil && !s.dryRun {
		return 0, misuse("cannot write to %s: %w", shown(rest[1]), err)
	}
	m := s.mirror(rest[1], rest[0])
	return s.copyTree(t, strange, m, (*batch.Runner).MirrorDown)
}

// canFill finds out whether files can be made in the directory dir, which is
// made first.
func canFill(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return canWrite(filepath.Join(dir, "trial"))
}

func (s *settings) mirror(local, remote string) batch.Mirror {
	return batch.Mirror{
		Local: local, Remote: remote, Include: s.include, Exclude: s.exclude, Delete: s.delete, DryRun: s.dryRun,
		Compare: map[string]batch.Compare{"time": batch.SizeAndTime, "size": batch.Size, "hash": batch.Hash}[s.compare.String()],
	}
}

// copyTree mirrors one way or the other.
func (s *settings) copyTree(t terminal, strange []string, m batch.Mirror,
	way func(*batch.Runner, context.Context, batch.Mirror) (*batch.Report, error),
) (int, error) {
	return perform(t, s, strange, func(ctx context.Context, r *batch.Runner, tell teller) (*batch.Report, error) {
		plan := &plan{out: t.out, tell: tell, dry: s.dryRun, all: s.verbose, kinds: make(map[batch.Kind]int64)}
		plan.log, _ = tell.(*log)
		m.Plan = plan.step
		report, err := way(r, ctx, m)
		if s.dryRun && err == nil {
			tell.remark("dry run, nothing was changed: %s", plan.summary())
		}
		return report, err
	})
}
