package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// errInterrupted is the cause of a context that ended by a signal.
var errInterrupted error = interruption{}

// interruption is a context.Canceled that says what has canceled it.
type interruption struct{}

func (interruption) Error() string        { return "interrupted" }
func (interruption) Is(target error) bool { return target == context.Canceled }

// patience is how long an interrupted run may take to end by itself.
const patience = 4 * time.Second

// interruptible returns a context that ends at the first SIGINT or SIGTERM. At
// the second, or when the program has not ended by itself for a while, it is
// ended: a journal bears that at any moment.
func interruptible(tell func(format string, args ...any)) (ctx context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals, stop := listen()
	over := make(chan struct{})
	go func() {
		select {
		case got := <-signals:
			cancel(fmt.Errorf("%w (%v)", errInterrupted, got))
			go tell("%v: ending; a second one ends it at once", got) // it may be what does not end
		case <-over:
			return
		}
		select {
		case <-signals:
		case <-time.After(patience):
		case <-over:
			return
		}
		os.Exit(interrupted)
	}()
	return ctx, func() {
		stop()
		close(over)
		cancel(nil)
	}
}

// endAtSignal ends the program at the first signal, as long as nothing has
// begun.
func endAtSignal() (done func()) {
	signals, stop := listen()
	over := make(chan struct{})
	go func() {
		select {
		case <-signals:
			os.Exit(interrupted)
		case <-over:
		}
	}()
	return func() {
		stop()
		close(over)
	}
}

func listen() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals, func() { signal.Stop(signals) }
}
