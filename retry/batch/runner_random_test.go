package batch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// Whatever happens, and however a run is ended: each job is told once, with the
// truth, and the next runs, if there is a journal, bring all to its end.
func TestRandomRunsTellTheTruthAboutEachJob(t *testing.T) {
	t.Parallel()
	for range 40 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { randomRun(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func randomRun(t *testing.T, rnd *rand.Rand) {
	srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
	dir := t.TempDir()
	jobs := randomJobs(t, rnd, srv, dir)
	// Half of the faults would be missed if they were spread over more commands
	// than a run has.
	srv.Inject(fivePercent(rnd, 600)...)
	c := client(t, srv, func(c *retry.Config) { c.Policy = policy.Policy{Attempts: 2 + rnd.IntN(3)} })
	var j *batch.Journal
	if rnd.IntN(2) == 0 {
		j = journal(t, filepath.Join(dir, "journal"))
	}
	for last := false; !last; {
		last = rnd.IntN(3) == 0
		var got ended
		r := batch.Runner{Client: c, Journal: j, Hooks: got.hooks(), Workers: 1 + rnd.IntN(5), Grace: time.Duration(rnd.IntN(3)-1) * time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		if last {
			r.Client, r.GiveUp = c.WithPolicy(policy.Policy{Attempts: -1}), -1
		} else {
			r.StopOnError = rnd.IntN(3) == 0
			at := time.Duration(rnd.IntN(10_000)) * time.Millisecond
			switch rnd.IntN(3) {
			case 0:
				r.Deadline = time.Now().Add(at)
			case 1:
				time.AfterFunc(at, cancel)
			}
		}
		rep, err := r.Run(ctx, slices.Values(jobs))
		cancel()
		states := got.check(t, jobs, rep)
		assert.Equal(t, err != nil, rep.Stopped != "")
		assert.Equal(t, states[batch.NotRun] > 0, err != nil && states[batch.NotRun] > 0, "a job is left only where the run was ended")
		for _, res := range got.all {
			if res.State == batch.Done || res.State == batch.Skipped && j != nil {
				holds(t, srv, res)
			}
		}
		if last && j != nil {
			assert.Equal(t, int64(len(jobs)), states[batch.Done]+states[batch.Skipped], "%+v", rep.Problems)
			for _, name := range srv.Names() {
				assert.False(t, c.IsTemp(name[strings.LastIndexByte(name, '/')+1:]), "%s is left", name)
			}
		}
	}
}

// randomJobs are some of every kind.
func randomJobs(t *testing.T, rnd *rand.Rand, srv *retrytest.Server, dir string) (jobs []batch.Job) {
	for i := range 20 + rnd.IntN(20) {
		name := fmt.Sprintf("/f%d", i)
		local := filepath.Join(dir, fmt.Sprint(i))
		text := []byte(strings.Repeat(name, 1+rnd.IntN(1000)))
		switch rnd.IntN(5) {
		case 0:
			jobs = append(jobs, batch.Job{Kind: batch.MakeDir, Remote: name})
		case 1:
			require.NoError(t, srv.WriteFile(name, text))
			jobs = append(jobs, batch.Job{Kind: batch.Delete, Remote: name})
		case 2:
			require.NoError(t, srv.WriteFile(name, text))
			jobs = append(jobs, batch.Job{Kind: batch.Rename, Remote: name, To: name + "-new"})
		case 3:
			require.NoError(t, srv.WriteFile(name, text))
			jobs = append(jobs, batch.Job{Kind: batch.Download, Remote: name, Local: local})
		default:
			require.NoError(t, os.WriteFile(local, text, 0o600))
			jobs = append(jobs, batch.Job{Kind: batch.Upload, Remote: name, Local: local})
		}
	}
	return jobs
}

// holds checks that what is said to be done is done.
func holds(t *testing.T, srv *retrytest.Server, res batch.Result) {
	switch res.Kind {
	case batch.MakeDir:
		assert.True(t, srv.Exists(res.Remote), res.Remote)
	case batch.Delete:
		assert.False(t, srv.Exists(res.Remote), res.Remote)
	case batch.Rename:
		assert.False(t, srv.Exists(res.Remote), res.Remote)
		assert.True(t, srv.Exists(res.To), res.To)
	default:
		there, err := srv.ReadFile(res.Remote)
		require.NoError(t, err)
		here, err := os.ReadFile(res.Local)
		require.NoError(t, err)
		assert.Equal(t, string(there), string(here), res.Remote)
	}
}
