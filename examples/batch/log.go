package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// log tells what happens as JSON, one object a line. Neither a password nor the
// content of a file is ever in it.
type log struct {
	*slog.Logger
}

func newLog(out io.Writer, verbose bool) *log {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return &log{slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))}
}

func (l *log) client() retry.Hooks {
	at := func(ctx context.Context, a retry.Attempt) slog.Attr {
		worker := -1
		if _, n, ok := batch.Current(ctx); ok {
			worker = n
		}
		return slog.Group("ftp", "op", a.Op, "path", a.Path, "attempt", a.Number, "worker", worker)
	}
	return retry.Hooks{
		Connect: func(ctx context.Context, c retry.Connect) {
			l.DebugContext(ctx, "connected", at(ctx, c.Attempt), "addr", c.Addr, "tls", c.TLS, "seconds", c.Took.Seconds())
		},
		Failed: func(ctx context.Context, f retry.Failed) {
			code := 0 // no reply
			if f.Verdict.Reply != nil {
				code = f.Verdict.Reply.Code
			}
			l.WarnContext(ctx, "attempt failed", at(ctx, f.Attempt), "command", f.Command, "code", code,
				"class", f.Verdict.Class.String(), "err", f.Err.Error())
		},
		Wait: func(ctx context.Context, w retry.Wait) {
			l.InfoContext(ctx, "waiting", at(ctx, w.Attempt), "seconds", w.Delay.Seconds(), "class", w.Verdict.Class.String())
		},
	}
}

func (l *log) runner() batch.Hooks {
	return batch.Hooks{
		Began: func(worker int, job batch.Job) {
			l.Debug("job begins", jobAttr(job), "worker", worker)
		},
		Ended: func(r batch.Result) {
			level := slog.LevelInfo
			attrs := []slog.Attr{
				jobAttr(r.Job), slog.String("state", r.State.String()), slog.Int("worker", r.Worker), slog.Int("attempts", r.Attempts),
				slog.Int64("bytes", r.Bytes), slog.Int64("moved_twice", r.MovedTwice),
				slog.Float64("seconds", r.Took.Seconds()), slog.Float64("waited", r.Waited.Seconds()),
			}
			if r.Note != "" {
				attrs = append(attrs, slog.String("note", r.Note))
			}
			if r.Err != nil {
				level = slog.LevelError
				attrs = append(attrs, slog.String("err", r.Err.Error()))
			}
			l.LogAttrs(context.Background(), level, "job ended", attrs...)
		},
	}
}

func jobAttr(j batch.Job) slog.Attr {
	attrs := []any{"kind", j.Kind.String()}
	for _, name := range []struct{ key, value string }{{"remote", j.Remote}, {"local", j.Local}, {"to", j.To}} {
		if name.value != "" {
			attrs = append(attrs, name.key, name.value)
		}
	}
	return slog.Group("job", attrs...)
}

func (l *log) expect(jobs int64) { l.Debug("jobs known", "total", jobs) }

func (l *log) leave() {}

func (l *log) remark(format string, args ...any) { l.Warn(fmt.Sprintf(format, args...)) }

func (l *log) close() {}
