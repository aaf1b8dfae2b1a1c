package batch_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// steady is a policy without chance in its waits.
func steady(attempts int) func(*retry.Config) {
	return func(c *retry.Config) {
		c.Policy = policy.Policy{Attempts: attempts, Initial: time.Second, Max: time.Second, Jitter: -1}
	}
}

// check holds what a run has told against its report: each job once, each with
// an end.
func (e *ended) check(t *testing.T, jobs []batch.Job, rep *batch.Report) map[batch.State]int64 {
	t.Helper()
	told := make(map[string]int)
	states := make(map[batch.State]int64)
	for _, res := range e.all {
		told[fmt.Sprint(res.Kind, res.Remote, res.Local, res.To)]++
		states[res.State]++
		if res.State == batch.Failed || res.State == batch.Unknown {
			assert.Error(t, res.Err)
		} else {
			assert.NoError(t, res.Err)
		}
	}
	for _, job := range jobs {
		if job.Kind != batch.Barrier {
			assert.Equal(t, 1, told[fmt.Sprint(job.Kind, job.Remote, job.Local, job.To)], "%v is told once", job)
		}
	}
	assert.Equal(t, batch.Counts{
		Total: int64(len(e.all)), Done: states[batch.Done], Skipped: states[batch.Skipped], Failed: states[batch.Failed],
		Unknown: states[batch.Unknown], NotRun: states[batch.NotRun],
	}, rep.Jobs)
	return states
}

// How a run ends: each case has 12 uploads by 2 workers, a second long each.
func TestARunEndsAsItIsTold(t *testing.T) {
	t.Parallel()
	const count = 12
	stopped := errors.New("the operator has stopped it")
	slow := retrytest.Fault{On: "STOR", After: true, Delay: time.Second, Times: -1}
	alone := func(r *batch.Runner) { r.Workers = 1 }
	type want struct {
		states map[batch.State]int64
		took   time.Duration
		err    error // nil = none
	}
	for told, c := range map[string]struct {
		fault  retrytest.Fault
		change func(*batch.Runner)
		cancel time.Duration // after which the context ends
		down   time.Duration // after which the server is down
		want   want
	}{
		"all is done": {fault: slow, want: want{map[batch.State]int64{batch.Done: count}, 6 * time.Second, nil}},
		"a job that fails is its own affair": {
			fault: retrytest.Fault{On: "STOR", Nth: 3, Reply: "553 No."},
			want:  want{map[batch.State]int64{batch.Done: count - 1, batch.Failed: 1}, 0, nil},
		},
		"the first that fails is the last, and the one in flight is finished": {
			fault:  retrytest.Fault{On: "STOR", Nth: 3, Times: 2, Delay: time.Second, Reply: "553 No."},
			change: func(r *batch.Runner) { r.StopOnError = true },
			want:   want{map[batch.State]int64{batch.Done: 2, batch.Failed: 2, batch.NotRun: count - 4}, time.Second, batch.ErrFirstError},
		},
		"the last that fails stops nothing": {
			fault:  retrytest.Fault{On: "STOR", Nth: count, Reply: "553 No."},
			change: func(r *batch.Runner) { r.StopOnError = true },
			want:   want{map[batch.State]int64{batch.Done: count - 1, batch.Failed: 1}, 0, nil},
		},
		"its time is over, and jobs in flight are finished": {
			fault:  slow,
			change: func(r *batch.Runner) { r.Deadline = time.Now().Add(2500 * time.Millisecond) },
			want:   want{map[batch.State]int64{batch.Done: 6, batch.NotRun: count - 6}, 3 * time.Second, batch.ErrDeadline},
		},
		"its time is over, and so is its grace": {
			fault: slow,
			change: func(r *batch.Runner) {
				r.Deadline, r.Grace = time.Now().Add(2500*time.Millisecond), 200*time.Millisecond
			},
			want: want{map[batch.State]int64{batch.Done: 4, batch.Failed: 2, batch.NotRun: count - 6}, 2700 * time.Millisecond, batch.ErrDeadline},
		},
		"its time is over, and there is no grace": {
			fault:  slow,
			change: func(r *batch.Runner) { r.Deadline, r.Grace = time.Now().Add(2500*time.Millisecond), -1 },
			want:   want{map[batch.State]int64{batch.Done: 4, batch.Failed: 2, batch.NotRun: count - 6}, 2500 * time.Millisecond, batch.ErrDeadline},
		},
		"its time is over before it begins": {
			change: func(r *batch.Runner) { r.Deadline = time.Now() },
			want:   want{map[batch.State]int64{batch.NotRun: count}, 0, batch.ErrDeadline},
		},
		"there is time enough": {
			fault:  slow,
			change: func(r *batch.Runner) { r.Deadline = time.Now().Add(6*time.Second + time.Millisecond) },
			want:   want{map[batch.State]int64{batch.Done: count}, 6 * time.Second, nil},
		},
		"no wait begins that would outlast it": {
			fault: retrytest.Fault{On: "STOR", Reply: "450 Busy.", Times: -1},
			change: func(r *batch.Runner) {
				r.Deadline, r.Grace = time.Now().Add(500*time.Millisecond), -1
			},
			want: want{map[batch.State]int64{batch.Failed: count}, 0, nil},
		},
		"its context ends": {
			fault: slow, cancel: 2500 * time.Millisecond,
			want: want{map[batch.State]int64{batch.Done: 4, batch.Failed: 2, batch.NotRun: count - 6}, 2500 * time.Millisecond, stopped},
		},
		"its context has ended before": {
			cancel: time.Nanosecond,
			change: func(*batch.Runner) { time.Sleep(time.Millisecond) },
			want:   want{map[batch.State]int64{batch.NotRun: count}, 0, stopped},
		},
		"the server stays away": { // 3 attempts of a job need 2 s
			fault: slow, down: 1500 * time.Millisecond, change: alone,
			want: want{map[batch.State]int64{batch.Done: 1, batch.Failed: 4, batch.NotRun: count - 5}, 9500 * time.Millisecond, batch.ErrServerDown},
		},
		"the server stays away, and is waited for": {
			fault: slow, down: 1500 * time.Millisecond,
			change: func(r *batch.Runner) { r.Workers, r.GiveUp = 1, -1 },
			want:   want{map[batch.State]int64{batch.Done: 1, batch.Failed: count - 1}, 23500 * time.Millisecond, nil},
		},
		"a server that takes nobody is away": {
			fault:  retrytest.Fault{On: retrytest.Connect, Reply: "421 Too many users.", Control: retrytest.FIN, Times: -1},
			change: alone,
			want:   want{map[batch.State]int64{batch.Failed: 4, batch.NotRun: count - 4}, 8 * time.Second, batch.ErrServerDown},
		},
		"a server that lets nobody in, for good, is away": {
			fault:  retrytest.Fault{On: retrytest.Connect, Reply: "500 Go away.", Control: retrytest.FIN, Times: -1},
			change: alone,
			want:   want{map[batch.State]int64{batch.Failed: 4, batch.NotRun: count - 4}, 0, batch.ErrServerDown},
		},
		"a server that refuses each file is there": {
			fault: retrytest.Fault{On: "STOR", Reply: "553 No.", Times: -1},
			want:  want{map[batch.State]int64{batch.Failed: count}, 0, nil},
		},
		"one job that is done is a sign of life": {
			fault:  retrytest.Fault{On: "STOR", Nth: 2, Control: retrytest.RST, Lose: true, Times: 9},
			change: alone,
			want:   want{map[batch.State]int64{batch.Done: count - 3, batch.Failed: 3}, 6 * time.Second, nil},
		},
	} {
		t.Run(told, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
				_, jobs := files(t, count)
				if c.fault.On != "" {
					srv.Inject(c.fault)
				}
				ctx := t.Context()
				if c.cancel > 0 {
					var cancel context.CancelCauseFunc
					ctx, cancel = context.WithCancelCause(ctx)
					defer time.AfterFunc(c.cancel, func() { cancel(stopped) }).Stop()
				}
				if c.down > 0 {
					defer time.AfterFunc(c.down, srv.Down).Stop()
				}
				var got ended
				r := batch.Runner{Client: client(t, srv, steady(3)), Workers: 2, Hooks: got.hooks()}
				if c.change != nil {
					c.change(&r)
				}
				began := time.Now()

				rep, err := r.Run(ctx, slices.Values(jobs))

				took := time.Since(began)
				assert.InDelta(t, c.want.took.Seconds(), took.Seconds(), 0.1+c.want.took.Seconds()/4, "waits for a server that is away are not exact")
				assert.Equal(t, took, rep.Took)
				assert.Equal(t, c.want.states, got.check(t, jobs, rep))
				if c.want.err == nil {
					require.NoError(t, err)
					assert.Empty(t, rep.Stopped)
					return
				}
				require.ErrorIs(t, err, c.want.err)
				assert.Contains(t, rep.Stopped, c.want.err.Error())
				for _, p := range rep.Problems {
					assert.NotEmpty(t, p.Next)
				}
			})
		})
	}
}

// inTurn is a context that ends those derived from it one after the other, in
// the order in which they were made: package context has no order.
type inTurn struct {
	context.Context
	done chan struct{}

	mu   sync.Mutex
	told []func()
}

func (c *inTurn) Done() <-chan struct{} { return c.done }

func (c *inTurn) Err() error {
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

// AfterFunc is what package context asks for.
func (c *inTurn) AfterFunc(f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, f)
	return func() bool { return false }
}

// end ends them. What each has for a consequence comes before the next.
func (c *inTurn) end() {
	c.mu.Lock()
	told := slices.Clone(c.told)
	c.mu.Unlock()
	close(c.done)
	for _, f := range told {
		f()
		synctest.Wait()
	}
}

func TestTheEndOfTheContextIsTheEndOfTheRunInWhateverOrderItComes(t *testing.T) {
	t.Parallel()
	for told, change := range map[string]func(*batch.Runner){
		"a run":                              func(*batch.Runner) {},
		"one that ends at the first failure": func(r *batch.Runner) { r.StopOnError = true },
		"one of no more jobs":                func(r *batch.Runner) { r.Workers = 5 },
	} {
		t.Run(told, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
				srv.Inject(retrytest.Fault{On: "STOR", After: true, Delay: time.Minute, Times: -1})
				_, jobs := files(t, 5)
				ctx := &inTurn{Context: t.Context(), done: make(chan struct{})}
				defer time.AfterFunc(time.Second, ctx.end).Stop()
				var got ended
				r := batch.Runner{Client: client(t, srv), Workers: 2, Hooks: got.hooks()}
				change(&r)

				rep, err := r.Run(ctx, slices.Values(jobs))

				require.ErrorIs(t, err, context.Canceled)
				assert.NotErrorIs(t, err, batch.ErrFirstError)
				assert.Equal(t, context.Canceled.Error(), rep.Stopped)
				assert.EqualValues(t, r.Workers, rep.Jobs.Failed, "those in flight")
				assert.EqualValues(t, len(jobs)-r.Workers, rep.Jobs.NotRun)
				got.check(t, jobs, rep)
			})
		})
	}
}

func TestWhatFollowsABarrierBeginsWhenAllBeforeHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		srv.Inject(
			retrytest.Fault{On: "MKD", Path: "/b", Delay: 5 * time.Second},
			retrytest.Fault{On: "MKD", Path: "/c", Delay: time.Second, Reply: "550 No."},
		)
		var before, after []batch.Job
		for _, name := range []string{"/a", "/b", "/c"} {
			before = append(before, batch.Job{Kind: batch.MakeDir, Remote: name})
			after = append(after, batch.Job{Kind: batch.MakeDir, Remote: name + "2"})
		}
		barrier := batch.Job{Kind: batch.Barrier}
		jobs := slices.Concat([]batch.Job{barrier}, before, []batch.Job{barrier, barrier}, after, []batch.Job{barrier})
		began := time.Now()
		starts := make(map[string]time.Duration)
		var got ended
		hooks := got.hooks()
		hooks.Began = func(_ int, job batch.Job) {
			got.mu.Lock()
			defer got.mu.Unlock()
			starts[job.Remote] = time.Since(began)
		}
		r := batch.Runner{Client: client(t, srv), Workers: 3, Hooks: hooks}
		rep, err := r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)
		assert.Equal(t, map[batch.State]int64{batch.Done: 5, batch.Failed: 1}, got.check(t, jobs, rep), "barriers are no jobs of the report")
		for _, name := range []string{"/a", "/b", "/c"} {
			assert.Less(t, starts[name], time.Second)
			assert.GreaterOrEqual(t, starts[name+"2"], 5*time.Second)
		}
	})
}

func TestTheSameJobIsNotInFlightTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		srv.Inject(retrytest.Fault{On: "STOR", After: true, Delay: time.Second, Times: -1})
		_, jobs := files(t, 2)
		jobs = []batch.Job{jobs[0], jobs[0], jobs[1], jobs[0]}
		flying := make(map[string]int)
		var got ended
		hooks := got.hooks()
		hooks.Began = func(_ int, job batch.Job) {
			got.mu.Lock()
			defer got.mu.Unlock()
			flying[job.Remote]++
			assert.Equal(t, 1, flying[job.Remote])
		}
		collect := hooks.Ended
		hooks.Ended = func(r batch.Result) {
			collect(r)
			got.mu.Lock()
			defer got.mu.Unlock()
			flying[r.Remote]--
		}
		r := batch.Runner{Client: client(t, srv), Workers: 4, Hooks: hooks}
		rep, err := r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)
		assert.Equal(t, batch.Counts{Total: 4, Done: 4}, rep.Jobs)
		assert.InDelta(t, 3, rep.Took.Seconds(), 0.2)
	})
}

// A sequence may be without end, and may be slow.
func TestASequenceIsReadNoFurtherThanIsOfUse(t *testing.T) {
	t.Parallel()
	endless := func(pause time.Duration) iter.Seq[batch.Job] {
		return func(yield func(batch.Job) bool) {
			for i := 0; yield(batch.Job{Kind: batch.MakeDir, Remote: fmt.Sprintf("/d%d", i)}); i++ {
				time.Sleep(pause)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		var got ended
		r := batch.Runner{Client: client(t, srv), Hooks: got.hooks(), Deadline: time.Now().Add(10 * time.Second)}
		rep, err := r.Run(t.Context(), endless(100*time.Millisecond))
		require.ErrorIs(t, err, batch.ErrDeadline)
		assert.True(t, rep.Unread)
		assert.InDelta(t, 11, rep.Took.Seconds(), 0.3, "it is read for another second, to count what was not run")
		states := got.check(t, nil, rep)
		assert.InDelta(t, 100, states[batch.Done], 2)
		assert.InDelta(t, 10, states[batch.NotRun], 2)
	})
}

func TestAPanicOfTheSequenceLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		j := journal(t, t.TempDir()+"/journal")
		r := batch.Runner{Client: client(t, srv), Journal: j}
		assert.PanicsWithValue(t, "no more jobs", func() {
			_, _ = r.Run(t.Context(), func(yield func(batch.Job) bool) {
				yield(batch.Job{Kind: batch.MakeDir, Remote: "/d"})
				panic("no more jobs")
			})
		})
		rep, err := r.Run(t.Context(), slices.Values([]batch.Job{{Kind: batch.MakeDir, Remote: "/d"}}))
		require.NoError(t, err, "the journal can be used again")
		assert.EqualValues(t, 1, rep.Jobs.Total)
	})
}

func TestARunnerThatCannotRunSaysWhy(t *testing.T) {
	t.Parallel()
	srv := retrytest.NewServer(t, retrytest.Config{})
	c := client(t, srv)
	closed := journal(t, t.TempDir()+"/journal")
	require.NoError(t, closed.Close())
	for want, r := range map[string]*batch.Runner{
		"Runner.Client is nil":                     {},
		"Runner.Workers is -1":                     {Client: c, Workers: -1},
		"StopOnError and ContinueOnError are both": {Client: c, StopOnError: true, ContinueOnError: true},
		"journal is closed":                        {Client: c, Journal: closed},
		"open it with OpenJournal":                 {Client: c, Journal: new(batch.Journal)},
	} {
		rep, err := r.Run(t.Context(), func(func(batch.Job) bool) { t.Error("it is not asked for jobs") })
		require.ErrorContains(t, err, want)
		assert.Contains(t, rep.Stopped, want)
	}
	var none context.Context
	_, err := (&batch.Runner{Client: c}).Run(none, slices.Values([]batch.Job{}))
	assert.ErrorContains(t, err, "context is nil")
	assert.Empty(t, srv.Log())
}
