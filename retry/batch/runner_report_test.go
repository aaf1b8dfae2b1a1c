package batch_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestEachHookIsToldOfWhichJobItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		srv.Inject(retrytest.Fault{On: "STOR", Nth: 3, Reply: "450 Busy."}, retrytest.Fault{On: "STOR", Nth: 7, Control: retrytest.RST, Lose: true})
		_, jobs := files(t, 12)
		var mu sync.Mutex
		running := make(map[int]string) // by worker
		attempts := make(map[string]int)
		told := 0
		r := batch.Runner{Client: client(t, srv, steady(3)), Workers: 3, Hooks: batch.Hooks{
			Began: func(worker int, job batch.Job) {
				mu.Lock()
				defer mu.Unlock()
				assert.Empty(t, running[worker], "a worker has one job at a time")
				running[worker] = job.Remote
			},
			Ended: func(res batch.Result) {
				mu.Lock()
				defer mu.Unlock()
				assert.Equal(t, running[res.Worker], res.Remote)
				assert.Equal(t, attempts[res.Remote], res.Attempts)
				delete(running, res.Worker)
			},
			Hooks: retry.Hooks{Attempt: func(ctx context.Context, a retry.Attempt) {
				mu.Lock()
				defer mu.Unlock()
				job, worker, ok := batch.Current(ctx)
				assert.True(t, ok)
				assert.Equal(t, running[worker], job.Remote)
				attempts[job.Remote]++
				told++
			}},
		}}
		rep, err := r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)
		assert.EqualValues(t, 12, rep.Jobs.Done)
		assert.Empty(t, running)
		assert.Equal(t, 14, told)
		_, _, ok := batch.Current(t.Context())
		assert.False(t, ok)
	})
}

func TestAReportSaysWhatTheTroubleWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, Without: []string{"MFMT"}})
		srv.Inject(
			retrytest.Fault{On: "STOR", Nth: 1, Reply: "450 Busy."},
			retrytest.Fault{On: "STOR", Nth: 3, Data: retrytest.FIN, At: 4, Lose: true, Control: retrytest.FIN},
			retrytest.Fault{On: "STOR", Nth: 5, Reply: "553 No."},
		)
		_, jobs := files(t, 5)
		jobs[4].Time = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		r := batch.Runner{Client: client(t, srv, steady(4)), Workers: 1}
		began := time.Now()
		rep, err := r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)

		assert.Equal(t, batch.Counts{Total: 5, Done: 4, Failed: 1}, rep.Jobs)
		assert.Equal(t, srv.Addr(), rep.Server)
		assert.True(t, rep.Started.Equal(began))
		assert.Equal(t, 1, rep.Workers)
		assert.EqualValues(t, 4*len("content of f0"), rep.Uploaded)
		assert.Equal(t, map[string]int64{"busy": 1, "network": 1}, rep.Replays)
		assert.Equal(t, 2*time.Second, rep.Waited)
		assert.Len(t, rep.Waits, 2)
		assert.EqualValues(t, 3, rep.Dials, "a replay is on a new connection")
		require.Len(t, rep.Problems, 1)
		p := rep.Problems[0]
		assert.Equal(t, jobs[2].Remote, p.Remote)
		assert.Contains(t, p.Error, "553")
		assert.NotEmpty(t, p.Next)
		require.Len(t, rep.Replayed, 2)
		assert.Equal(t, 2, rep.Replayed[0].Attempts)
		assert.Len(t, rep.Slowest, 5)
		assert.Len(t, rep.Bars, 5)
		assert.Equal(t, map[string]int64{"time not set: SetTime is not supported": 1}, rep.Notes)

		r.RequireTime = true
		rep, err = r.Run(t.Context(), slices.Values(jobs[4:]))
		require.NoError(t, err)
		assert.EqualValues(t, 1, rep.Jobs.Failed)
		assert.Contains(t, rep.Problems[0].Error, "file has arrived, but its time is not set")
	})
}

func TestALocalFileThatIsWrittenToMeanwhileIsNotDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		_, jobs := files(t, 1)
		srv.Inject(retrytest.Fault{On: "RNTO", Run: func() {
			assert.NoError(t, os.WriteFile(jobs[0].Local, []byte("CONTENT OF f0"), 0o600))
			assert.NoError(t, os.Chtimes(jobs[0].Local, time.Time{}, time.Now().Add(time.Hour)))
		}, Reply: "250 Renamed.", After: true})
		j := journal(t, t.TempDir()+"/journal")
		r := batch.Runner{Client: client(t, srv), Journal: j}
		rep, err := r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)
		require.EqualValues(t, 1, rep.Jobs.Failed)
		assert.Contains(t, rep.Problems[0].Error, "was written to meanwhile")
		assert.Contains(t, rep.Problems[0].Next, "when nothing writes to the file any more")
		rep, err = r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)
		assert.EqualValues(t, 1, rep.Jobs.Done)
		text, err := srv.ReadFile(jobs[0].Remote)
		require.NoError(t, err)
		assert.Equal(t, "CONTENT OF f0", string(text))
	})
}

// However many jobs there are, a report has its limits.
func TestAReportDoesNotGrowWithoutEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, Faults: []retrytest.Fault{
			{On: "MKD", Times: -1, Reply: "257 Made."},
			{On: "DELE", Times: -1, Reply: "550 No."},
		}})
		const count = 25_000
		r := batch.Runner{Client: client(t, srv), Workers: 2}
		rep, err := r.Run(t.Context(), func(yield func(batch.Job) bool) {
			for i := range count {
				kind := batch.MakeDir
				if i%20 == 0 {
					kind = batch.Delete
				}
				if !yield(batch.Job{Kind: kind, Remote: fmt.Sprintf("/%d", i)}) {
					return
				}
			}
		})
		require.NoError(t, err)
		assert.Equal(t, batch.Counts{Total: count, Done: count * 19 / 20, Failed: count / 20}, rep.Jobs)
		assert.Len(t, rep.Problems, 1000)
		assert.LessOrEqual(t, len(rep.Bars), 20_000)
		bars, failed := 0, 0
		for _, b := range rep.Bars {
			bars += b.Jobs
			if b.State == batch.Failed {
				failed += b.Jobs
			}
		}
		assert.Equal(t, count, bars, "each job is in a bar")
		assert.GreaterOrEqual(t, failed, count/20, "what has failed is seen")
		assert.Len(t, rep.Slowest, 10)
	})
}
