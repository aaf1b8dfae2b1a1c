package batch_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// once allows no replay.
func once(c *retry.Config) { c.Policy = policy.Policy{Attempts: 1} }

func TestARerunDoesNotUndoWhatWasDoneBehindABarrier(t *testing.T) {
	for _, kind := range []batch.Kind{batch.Delete, batch.Rename} {
		srv := retrytest.NewServer(t, retrytest.Config{})
		require.NoError(t, srv.WriteFile("/x", []byte("old")))
		_, up := files(t, 1)
		up[0].Remote = "/x"
		jobs := []batch.Job{{Kind: kind, Remote: "/x"}, {Kind: batch.Barrier}, up[0]}
		verb := "DELE"
		if kind == batch.Rename {
			jobs[0].To, verb = "/old", "RNFR"
		}
		srv.Inject(retrytest.Fault{On: verb, Path: "/x", Reply: "450 Busy."})
		j := journal(t, filepath.Join(t.TempDir(), "j"))
		r := batch.Runner{Client: client(t, srv, once), Journal: j}
		rep, err := r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)
		t.Log(kind, rep.Jobs, srv.Names())
		rep, err = r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)
		t.Log(kind, rep.Jobs, srv.Names())
		b, err := srv.ReadFile("/x")
		assert.NoError(t, err)
		assert.Equal(t, "content of f0", string(b))
	}
}

func TestAJobThatIsCutInItsCommandIsDoneInTheNextRun(t *testing.T) {
	for _, kind := range []batch.Kind{batch.Delete, batch.Rename, batch.RemoveDir, batch.MakeDir} {
		srv := retrytest.NewServer(t, retrytest.Config{})
		require.NoError(t, srv.WriteFile("/x", []byte("old")))
		job := batch.Job{Kind: kind, Remote: "/x"}
		verb := "DELE"
		switch kind {
		case batch.Rename:
			job.To, verb = "/y", "RNTO"
		case batch.RemoveDir:
			verb = "RMD"
			job.Remote = "/d"
			require.NoError(t, srv.WriteFile("/d/a", nil))
			cl := client(t, srv)
			require.NoError(t, cl.Delete(t.Context(), "/d/a"))
		case batch.MakeDir:
			verb = "MKD"
			job.Remote = "/dd"
		}
		ctx, cancel := context.WithCancel(t.Context())
		srv.Inject(retrytest.Fault{On: verb, After: true, Lose: true, Run: func() { time.AfterFunc(50*time.Millisecond, cancel) }})
		j := journal(t, filepath.Join(t.TempDir(), "j"))
		r := batch.Runner{Client: client(t, srv, once), Journal: j}
		rep, err := r.Run(ctx, slices.Values([]batch.Job{job}))
		t.Log(kind, rep.Jobs, err, srv.Names())
		for _, p := range rep.Problems {
			t.Log(p.Error, "|", p.Next)
		}
		rep, err = r.Run(t.Context(), slices.Values([]batch.Job{job}))
		require.NoError(t, err)
		t.Log(kind, rep.Jobs, srv.Names())
		assert.EqualValues(t, 1, rep.Jobs.Done)
	}
}

// The second run does what is before the barrier and ends before what is behind.
func TestWhatIsBehindABarrierIsDoneAgainEvenAfterAnotherRunThatEndedEarly(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/x", []byte("old")))
	_, up := files(t, 1)
	up[0].Remote = "/x"
	jobs := []batch.Job{{Kind: batch.Delete, Remote: "/x"}, {Kind: batch.Barrier}, up[0]}
	srv.Inject(retrytest.Fault{On: "DELE", Path: "/x", Reply: "450 Busy."})
	j := journal(t, filepath.Join(t.TempDir(), "j"))
	r := batch.Runner{Client: client(t, srv, once), Journal: j}
	_, err := r.Run(t.Context(), slices.Values(jobs))
	require.NoError(t, err)
	_, err = r.Run(t.Context(), slices.Values(jobs[:1])) // as if it were killed behind the first
	require.NoError(t, err)
	rep, err := r.Run(t.Context(), slices.Values(jobs))
	require.NoError(t, err)
	b, err := srv.ReadFile("/x")
	assert.NoError(t, err, rep.Jobs)
	assert.Equal(t, "content of f0", string(b))
	rep, err = r.Run(t.Context(), slices.Values(jobs))
	require.NoError(t, err)
	assert.EqualValues(t, 2, rep.Jobs.Skipped, "and not once more")
}
