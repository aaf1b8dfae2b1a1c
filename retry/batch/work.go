package batch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ftpretry/ftpretry/retry"
)

// do runs one job. What it does on the server is run again, where that helps,
// by the client alone.
func (l *lane) do(job Job) error {
	switch job.Kind {
	case Upload:
		return l.upload(job)
	case Download:
		return l.download(job)
	case Delete:
		ctx, err := l.begin()
		if err != nil {
			return err
		}
		return l.client.Delete(ctx, job.Remote)
	case Rename:
		ctx, err := l.begin()
		if err != nil {
			return err
		}
		return l.client.Rename(ctx, job.Remote, job.To)
	case RemoveDir:
		ctx, err := l.begin()
		if err != nil {
			return err
		}
		return l.client.RemoveDir(ctx, job.Remote)
	case LocalDir, LocalDelete:
		return inRoot(l.ctx, job)
	default:
		return l.client.EnsureDir(l.ctx, job.Remote)
	}
}

var errNoFile = errors.New("is no regular file")

func (l *lane) upload(job Job) error {
	local, err := os.Stat(job.Local)
	if err != nil {
		return err
	}
	if !local.Mode().IsRegular() && !local.IsDir() { // a device may have no end, and a pipe cannot be read again
		return &os.PathError{Op: "upload", Path: job.Local, Err: errNoFile}
	}
	l.see(versionOf(job, local))
	ctx, err := l.begin()
	if err != nil {
		return err
	}
	if err := l.client.StorFile(ctx, job.Remote, job.Local); err != nil {
		return err
	}
	if after, err := os.Stat(job.Local); err == nil && versionOf(job, after) != l.plan.now {
		return fmt.Errorf("%w: %s was written to meanwhile", retry.ErrChanged, job.Local)
	}
	if job.Time.IsZero() || job.Time.Equal(local.ModTime()) {
		return nil // StorFile has set it
	}
	return l.dated(l.client.SetTime(l.ctx, job.Remote, job.Time))
}

func (l *lane) download(job Job) error {
	root := retry.RootOf(l.ctx)
	if root == nil { // a mirror has made it
		if err := os.MkdirAll(filepath.Dir(job.Local), 0o777); err != nil {
			return err
		}
	}
	ctx := l.ctx
	if job.Size > 0 {
		ctx = retry.WithSize(ctx, job.Size)
	}
	if err := l.client.RetrFile(ctx, job.Remote, job.Local); err != nil {
		return err
	}
	if job.Time.IsZero() {
		return nil
	}
	if root != nil {
		return l.dated(setTimeIn(root, job))
	}
	return l.dated(os.Chtimes(job.Local, time.Time{}, job.Time))
}

// dated says what becomes of a job whose file has arrived and whose time could
// perhaps not be set.
func (l *lane) dated(err error) error {
	if err == nil {
		return nil
	}
	if l.run.RequireTime || errors.Is(err, context.Canceled) {
		return fmt.Errorf("file has arrived, but its time is not set: %w", err)
	}
	l.res.Note = "time not set: " + reason(err)
	return nil
}

// reason is what err comes down to, without the names that make it another for
// each file.
func reason(err error) string {
	var failure *retry.Error
	if errors.As(err, &failure) {
		if failure.Verdict.Reply != nil {
			return brief(failure.Verdict.Reply.Error())
		}
		return brief(failure.Err.Error())
	}
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return brief(err.Error())
}
