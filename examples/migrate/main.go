// Migrate shows what it takes to make a program survive its server's bad
// moments that was written for github.com/jlaffaye/ftp: the line that dials.
//
// It runs the same job twice, before and after, against an embedded server that
// fails now and then.
//
//	go run ./examples/migrate
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// before is the program as it was.
func before(ctx context.Context, addr string, out io.Writer) error {
	conn, err := ftp.Dial(addr, ftp.DialWithContext(ctx))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Quit() }()
	if err := conn.Login("anonymous", "anonymous"); err != nil {
		return err
	}
	if err := conn.ChangeDir("orders"); err != nil {
		return err
	}
	if err := conn.Stor("today.csv", strings.NewReader("17;nails\n18;screws\n")); err != nil {
		return err
	}
	files, err := conn.List("")
	if err != nil {
		return err
	}
	prices, err := conn.Retr("prices.csv")
	if err != nil {
		return err
	}
	text, err := io.ReadAll(prices)
	if err := errors.Join(err, prices.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "order sent, %d files there, %d bytes of prices\n", len(files), len(text))
	return err
}

// after is the program as it is.
func after(ctx context.Context, addr string, out io.Writer) error {
	conn, err := retry.Dial(ctx, retry.Config{Addr: addr, Policy: quick})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Quit() }()
	if err := conn.Login("anonymous", "anonymous"); err != nil {
		return err
	}
	if err := conn.ChangeDir("orders"); err != nil {
		return err
	}
	if err := conn.Stor("today.csv", strings.NewReader("17;nails\n18;screws\n")); err != nil {
		return err
	}
	files, err := conn.List("")
	if err != nil {
		return err
	}
	prices, err := conn.Retr("prices.csv")
	if err != nil {
		return err
	}
	text, err := io.ReadAll(prices)
	if err := errors.Join(err, prices.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "order sent, %d files there, %d bytes of prices\n", len(files), len(text))
	return err
}

// quick keeps the demonstration short. A program leaves Policy out, or reads it
// from its configuration.
var quick = policy.Policy{Initial: 20 * time.Millisecond, Max: time.Second}

// faults are what goes wrong, each once.
var faults = []retrytest.Fault{
	{On: retrytest.Connect, Reply: "421 Too many users, please try again later.", Control: retrytest.FIN},
	{On: "STOR", Reply: "450 Requested file action not taken."},
	{On: "STOR", Nth: 2, After: true, Lose: true, Control: retrytest.FIN},
	{On: "MLSD", Reply: "425 Can't open data connection."},
	{On: "RETR", Data: retrytest.FIN, At: 5000, Reply: "426 Connection closed; transfer aborted."},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "migrate:", err)
		os.Exit(1)
	}
}

// run shows both programs meet each fault, and then all of them.
func run(ctx context.Context, out io.Writer) error {
	for i := range len(faults) + 1 {
		met, what := faults, "all of it"
		if i < len(faults) {
			fault := faults[i]
			fault.Nth = 1
			met, what = []retrytest.Fault{fault}, describe(fault)
		}
		fmt.Fprintln(out, what)
		_ = attempt(ctx, out, "before", before, met) // what it ends with is shown
		if err := attempt(ctx, out, "after", after, met); err != nil {
			return fmt.Errorf("the program does not survive it: %w", err)
		}
	}
	return nil
}

// attempt runs one of the programs against a server of its own.
func attempt(ctx context.Context, out io.Writer, name string, program func(context.Context, string, io.Writer) error, met []retrytest.Fault) error {
	server, err := retrytest.Start(retrytest.Config{Faults: met})
	if err != nil {
		return err
	}
	defer server.Close()
	if err := server.WriteFile("orders/prices.csv", []byte(strings.Repeat("17;0.02\n", 2000))); err != nil {
		return err
	}
	fmt.Fprintf(out, "  %-7s ", name)
	if err = program(ctx, server.Addr(), out); err != nil {
		fmt.Fprintln(out, "FAILED:", err)
	}
	return err
}

func describe(f retrytest.Fault) string {
	switch {
	case f.Lose:
		return f.On + " is executed, but its reply is lost"
	case f.Data != retrytest.Keep:
		return fmt.Sprintf("%s is cut after %d bytes: %s", f.On, f.At, f.Reply)
	}
	return f.On + " is answered " + f.Reply
}
