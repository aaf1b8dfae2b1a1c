package main

import (
	"context"
	"sync"
	"time"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/transient"
)

// board is what the run is doing now: it is written by hooks and read by
// whoever shows it.
type board struct {
	mu     sync.Mutex
	began  time.Time
	total  int64 // of jobs, with what will be left as it is; less than 1 if not known
	left   int64 // as it is
	counts batch.Counts
	bytes  int64 // of jobs that have ended
	lanes  []lane
	beside lane // what is done for no job: to log in, to list

	samples []sample // of the last seconds, for the rate
}

// lane is what one worker does.
type lane struct {
	busy    bool
	job     batch.Job
	bytes   int64 // of the transfer under way
	size    int64 // its whole; less than 1 if not known
	waiting string
	until   time.Time // the wait's end
}

type sample struct {
	at    time.Time
	bytes int64
}

func newBoard(workers int) *board {
	now := time.Now()
	return &board{began: now, lanes: make([]lane, workers), samples: []sample{{at: now}}}
}

// expect tells how many jobs there will be.
func (b *board) expect(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total = n
}

// leave tells of something that is left as it is.
func (b *board) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left++
}

// ended is how much has had its turn. The caller holds the lock.
func (b *board) ended() int64 { return b.counts.Total - b.counts.NotRun + b.left }

// client are the hooks that the board wants of the client.
func (b *board) client() retry.Hooks {
	return retry.Hooks{
		Attempt: func(ctx context.Context, _ retry.Attempt) {
			b.update(ctx, func(l *lane) { l.waiting, l.bytes = "", 0 })
		},
		Progress: func(ctx context.Context, p retry.Progress) {
			b.update(ctx, func(l *lane) { l.bytes, l.size = p.Bytes, p.Total })
		},
		Wait: func(ctx context.Context, w retry.Wait) {
			b.update(ctx, func(l *lane) { l.waiting, l.until = cause(w.Verdict), time.Now().Add(w.Delay) })
		},
		Done: func(ctx context.Context, _ retry.Done) { b.update(ctx, func(l *lane) { l.waiting = "" }) },
	}
}

// runner are those it wants of the runner.
func (b *board) runner() batch.Hooks {
	return batch.Hooks{
		Began: func(worker int, job batch.Job) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.lanes[worker] = lane{busy: true, job: job, size: job.Size}
		},
		Ended: func(r batch.Result) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if r.Worker >= 0 {
				b.lanes[r.Worker] = lane{}
			}
			b.counts.Total++
			b.bytes += r.Bytes
			switch r.State {
			case batch.Done:
				b.counts.Done++
			case batch.Skipped:
				b.counts.Skipped++
			case batch.Failed:
				b.counts.Failed++
			case batch.Unknown:
				b.counts.Unknown++
			case batch.NotRun:
				b.counts.NotRun++
			}
		},
	}
}

// update changes the lane for which a hook is called.
func (b *board) update(ctx context.Context, change func(*lane)) {
	_, worker, ok := batch.Current(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		change(&b.lanes[worker])
		return
	}
	change(&b.beside)
}

// moved is how many bytes have reached their goal, those under way included.
// The caller holds the lock.
func (b *board) moved() int64 {
	sum := b.bytes
	for _, l := range b.lanes {
		sum += l.bytes
	}
	return sum
}

// rate is how many bytes a second there were in the last seconds. The caller
// holds the lock.
func (b *board) rate() float64 {
	const window, most = 10 * time.Second, 11
	now, moved := time.Now(), b.moved()
	if n := len(b.samples); n == 0 || now.Sub(b.samples[n-1].at) >= window/(most-1) {
		b.samples = append(b.samples, sample{now, moved})
	}
	if len(b.samples) > most {
		b.samples = b.samples[1:]
	}
	first := b.samples[0]
	if since := now.Sub(first.at).Seconds(); since > 0 {
		return max(0, float64(moved-first.bytes)/since)
	}
	return 0
}

// rest is how long the run may still take, if that can be told. The caller
// holds the lock.
func (b *board) rest() (time.Duration, bool) {
	run, ended := time.Since(b.began), b.ended()
	if quick := b.counts.Skipped + b.left; b.total < 1 || ended == quick || run < 5*time.Second {
		return 0, false
	}
	rest := time.Duration(float64(run) / float64(ended) * float64(b.total-ended))
	return rest, rest > time.Second
}

// cause is what a wait is for, in a few words.
func cause(v transient.Verdict) string {
	switch {
	case v.Reply != nil:
		return shown(v.Reply.Error())
	case v.Rule != "":
		return v.Rule
	}
	return v.Class.String()
}
