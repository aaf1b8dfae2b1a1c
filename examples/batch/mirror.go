package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

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
	return s.copyTree(t, strange, s.mirror(rest[0], rest[1]), up)
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
	return s.copyTree(t, strange, s.mirror(rest[1], rest[0]), down)
}

// up is MirrorUp that tells beforehand how much there is to look at. That is
// counted meanwhile; with patterns it is not known.
func up(r *batch.Runner, ctx context.Context, m batch.Mirror, tell teller) (*batch.Report, error) {
	if len(m.Include)+len(m.Exclude) > 0 {
		return r.MirrorUp(ctx, m)
	}
	ctx, cancel := context.WithCancel(ctx)
	var counting sync.WaitGroup
	counting.Go(func() {
		if n, err := count(ctx, m.Local); err == nil {
			tell.expect(n)
		}
	})
	defer counting.Wait()
	defer cancel()
	return r.MirrorUp(ctx, m)
}

// count is how many files and directories there are in dir.
func count(ctx context.Context, dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(string, fs.DirEntry, error) error {
		n++
		return ctx.Err()
	})
	return n - 1, err
}

// down is MirrorDown. How much there is, only the server knows.
func down(r *batch.Runner, ctx context.Context, m batch.Mirror, _ teller) (*batch.Report, error) {
	return r.MirrorDown(ctx, m)
}

// canFill finds out whether files can be made in the directory dir, or where it is
// not there, in the one that it would be made in. It makes nothing that stays.
func canFill(dir string) error {
	info, err := os.Stat(dir)
	switch up := filepath.Dir(filepath.Clean(dir)); {
	case errors.Is(err, fs.ErrNotExist) && up != dir:
		return canFill(up)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", shown(dir))
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
	way func(*batch.Runner, context.Context, batch.Mirror, teller) (*batch.Report, error),
) (int, error) {
	return perform(t, s, strange, func(ctx context.Context, r *batch.Runner, tell teller) (*batch.Report, error) {
		plan := &plan{out: t.out, tell: tell, dry: s.dryRun, all: s.verbose, kinds: make(map[batch.Kind]int64)}
		plan.log, _ = tell.(*log)
		m.Plan = plan.step
		report, err := way(r, ctx, m, tell)
		if s.dryRun && err == nil {
			tell.remark("dry run, nothing was changed: %s", plan.summary())
		}
		return report, err
	})
}
