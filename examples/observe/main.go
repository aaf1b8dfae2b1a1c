// Observe tells a program's log what its FTP client does: every failed attempt
// with the server's reply and the verdict on it, every wait, every operation
// that ends.
//
// It uploads a few files to an embedded server that fails now and then.
//
//	go run ./examples/observe
//	go run ./examples/observe -json -debug
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// hooks writes to log. The context is the operation's, so that a handler finds
// in it what the program has put there, as a request's number. Neither the
// password nor the content of a file ever comes here.
func hooks(log *slog.Logger) retry.Hooks {
	at := func(a retry.Attempt) slog.Attr {
		return slog.Group("ftp", "op", a.Op, "path", a.Path, "attempt", a.Number)
	}
	return retry.Hooks{
		Attempt: func(ctx context.Context, a retry.Attempt) {
			log.DebugContext(ctx, "attempt", at(a))
		},
		Connect: func(ctx context.Context, c retry.Connect) {
			log.InfoContext(ctx, "connected", at(c.Attempt), "addr", c.Addr, "tls", c.TLS, "took", c.Took)
		},
		Progress: func(ctx context.Context, p retry.Progress) {
			log.DebugContext(ctx, "progress", at(p.Attempt), "bytes", p.Bytes, "total", p.Total)
		},
		Failed: func(ctx context.Context, f retry.Failed) {
			code := 0 // no reply
			if f.Verdict.Reply != nil {
				code = f.Verdict.Reply.Code
			}
			log.WarnContext(ctx, "attempt failed", at(f.Attempt), "command", f.Command, "code", code,
				"class", f.Verdict.Class, "rule", f.Verdict.Rule, "err", f.Err, "took", f.Took)
		},
		Redial: func(ctx context.Context, a retry.Attempt) {
			log.InfoContext(ctx, "idle session had ended", at(a))
		},
		Wait: func(ctx context.Context, w retry.Wait) {
			log.InfoContext(ctx, "waiting", at(w.Attempt), "delay", w.Delay, "class", w.Verdict.Class)
		},
		Done: func(ctx context.Context, d retry.Done) {
			level, last := slog.LevelInfo, retry.Attempt{Op: d.Op, Path: d.Path, Number: d.Attempts}
			attrs := []slog.Attr{at(last), slog.Duration("elapsed", d.Elapsed)}
			if d.Err != nil {
				level = slog.LevelError
				attrs = append(attrs, slog.Any("err", d.Err))
			}
			log.LogAttrs(ctx, level, "done", attrs...)
		},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "observe:", err)
		os.Exit(1)
	}
}

// logger is what the flags ask for.
func logger(args []string, out io.Writer) (*slog.Logger, error) {
	flags := flag.NewFlagSet("observe", flag.ContinueOnError)
	flags.SetOutput(out)
	asJSON := flags.Bool("json", false, "log JSON instead of text")
	debug := flags.Bool("debug", false, "log every attempt and the progress of transfers too")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: see -h", flags.Arg(0))
	}
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if *debug {
		options.Level = slog.LevelDebug
	}
	if *asJSON {
		return slog.New(slog.NewJSONHandler(out, options)), nil
	}
	return slog.New(slog.NewTextHandler(out, options)), nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	log, err := logger(args, out)
	if err != nil {
		return err
	}
	server, err := retrytest.Start(retrytest.Config{
		Users: map[string]string{"robot": "open sesame"},
		Faults: []retrytest.Fault{
			{On: retrytest.Connect, Reply: "421 Too many users, please try again later.", Control: retrytest.FIN},
			{On: "STOR", Reply: "450 Requested file action not taken."},
			{On: "STOR", Nth: 3, Data: retrytest.RST, At: 20_000, Lose: true, Control: retrytest.RST},
			{On: "STOR", Nth: 5, Times: -1, Reply: "552 Exceeded storage allocation."},
		},
	})
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := retry.New(retry.Config{
		Addr: server.Addr(), User: "robot", Password: "open sesame",
		Policy: policy.Policy{Initial: 20 * time.Millisecond, Max: time.Second},
		Hooks:  hooks(log),
	})
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	for _, name := range []string{"one.csv", "two.csv", "too-many.csv"} {
		// The last one fails for good. The log has said so.
		_ = client.Stor(ctx, name, retry.Bytes(make([]byte, 50_000)))
	}
	stats := client.Stats()
	log.InfoContext(ctx, "stats", "attempts", stats.Attempts, "replays", stats.Replays, "dials", stats.Dials,
		"sent", stats.Sent, "moved_twice", stats.MovedTwice)
	return ctx.Err()
}
