package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// mostFailures is how many failed jobs are told of as they happen. The report
// has more of them.
const mostFailures = 50

// notes are lines about single jobs: of all, or of those that failed.
type notes struct {
	print   func(line string)
	verbose bool

	mu       sync.Mutex
	failures int
}

func (n *notes) client() retry.Hooks {
	if !n.verbose {
		return retry.Hooks{}
	}
	return retry.Hooks{
		Failed: func(ctx context.Context, f retry.Failed) {
			n.print(fmt.Sprintf("attempt %d of %s %s failed: %s", f.Number, f.Op, shown(f.Path), shown(f.Err.Error())))
		},
		Wait: func(ctx context.Context, w retry.Wait) {
			n.print(fmt.Sprintf("%s %s waits %s: %s", w.Op, shown(w.Path), clock(w.Delay), cause(w.Verdict)))
		},
	}
}

func (n *notes) runner() batch.Hooks {
	return batch.Hooks{Ended: func(r batch.Result) {
		switch {
		case r.State == batch.Failed, r.State == batch.Unknown:
			if n.another() {
				n.print(fmt.Sprintf("%v: %s: %s", r.State, task(r.Job), shown(r.Err.Error())))
			}
		case n.verbose && r.State == batch.Done:
			n.print(fmt.Sprintf("%v: %s, %s in %s", r.State, task(r.Job), amount(r.Bytes), clock(r.Took)))
		case n.verbose:
			n.print(fmt.Sprintf("%v: %s", r.State, task(r.Job)))
		}
	}}
}

// another reports whether one more failure is to be told.
func (n *notes) another() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failures++
	if n.failures == mostFailures+1 && !n.verbose {
		n.print("more jobs fail; the report has them")
	}
	return n.failures <= mostFailures || n.verbose
}

// and joins the hooks of two that are told the same.
func and(a, b batch.Hooks) batch.Hooks {
	both := batch.Hooks{Hooks: a.Hooks.And(b.Hooks), Began: a.Began, Ended: a.Ended}
	if b.Began != nil {
		both.Began = func(worker int, job batch.Job) {
			if a.Began != nil {
				a.Began(worker, job)
			}
			b.Began(worker, job)
		}
	}
	if b.Ended != nil {
		both.Ended = func(r batch.Result) {
			if a.Ended != nil {
				a.Ended(r)
			}
			b.Ended(r)
		}
	}
	return both
}
