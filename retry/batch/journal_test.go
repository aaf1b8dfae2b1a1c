package batch_test

import (
	"context"
	"errors"
	"fmt"
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

// journal opens a journal of its own for the test.
func journal(t testing.TB, name string) *batch.Journal {
	t.Helper()
	j, err := batch.OpenJournal(name)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, j.Close()) })
	return j
}

func TestWhatIsDoneIsNotDoneAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		for _, name := range []string{"/there", "/old", "/unwanted"} {
			require.NoError(t, srv.WriteFile(name, []byte(name)))
		}
		dir, jobs := files(t, 3)
		jobs = append(jobs,
			batch.Job{Kind: batch.Download, Remote: "/there", Local: filepath.Join(dir, "there")},
			batch.Job{Kind: batch.Rename, Remote: "/old", To: "/new"},
			batch.Job{Kind: batch.Delete, Remote: "/unwanted"},
			batch.Job{Kind: batch.MakeDir, Remote: "/made"},
		)
		name := filepath.Join(t.TempDir(), "journal")
		run := func() *batch.Report {
			j := journal(t, name)
			defer j.Close()
			r := batch.Runner{Client: client(t, srv), Journal: j}
			rep, err := r.Run(t.Context(), slices.Values(jobs))
			require.NoError(t, err)
			return rep
		}
		assert.Equal(t, batch.Counts{Total: 7, Done: 7}, run().Jobs)
		before := len(srv.Log())
		assert.Equal(t, batch.Counts{Total: 7, Skipped: 7}, run().Jobs)
		assert.Len(t, srv.Log(), before, "the server is not asked for anything")

		require.NoError(t, os.WriteFile(jobs[0].Local, []byte("changed"), 0o600))
		require.NoError(t, os.Chtimes(jobs[1].Local, time.Time{}, time.Now().Add(time.Hour)))
		require.NoError(t, os.Remove(jobs[2].Local))
		jobs[3].Size = 99
		rep := run()
		assert.Equal(t, batch.Counts{Total: 7, Done: 3, Skipped: 4}, rep.Jobs,
			"a changed file and a changed time are other jobs; a file that is gone is not")
		text, err := srv.ReadFile("/f0")
		require.NoError(t, err)
		assert.Equal(t, "changed", string(text))
		read, err := batch.ReadReport(name)
		require.NoError(t, err)
		assert.Equal(t, rep.Jobs, read.Jobs)
		assert.Empty(t, read.Stopped)
		assert.Len(t, read.Bars, 3)
	})
}

func TestAJournalIsForOneAtATime(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "journal")
	j := journal(t, name)
	began := time.Now()
	_, err := batch.OpenJournal(name)
	require.ErrorIs(t, err, batch.ErrJournalInUse)
	_, err = batch.ReadReport(name)
	require.ErrorIs(t, err, batch.ErrJournalInUse)
	assert.Less(t, time.Since(began), 5*time.Second, "it does not wait")
	require.NoError(t, j.Close())
	require.NoError(t, j.Close(), "a second time")
	_, err = batch.ReadReport(name)
	assert.ErrorContains(t, err, "no run has used it yet")
	assert.NoError(t, journal(t, name).Close())
}

func TestAJournalOfAnotherServerIsRefused(t *testing.T) {
	t.Parallel()
	one := retrytest.NewServer(t, retrytest.Config{})
	other := retrytest.NewServer(t, retrytest.Config{})
	_, jobs := files(t, 2)
	name := filepath.Join(t.TempDir(), "journal")
	j := journal(t, name)
	r := batch.Runner{Client: client(t, one), Journal: j}
	_, err := r.Run(t.Context(), slices.Values(jobs))
	require.NoError(t, err)
	for told, c := range map[string]*retry.Client{
		"another server": client(t, other),
		"another user":   client(t, one, func(c *retry.Config) { c.User = "somebody" }),
	} {
		strange := batch.Runner{Client: c, Journal: j}
		rep, err := strange.Run(t.Context(), slices.Values(jobs))
		require.ErrorIs(t, err, batch.ErrJournalServer, told)
		assert.NotEmpty(t, rep.Stopped)
		assert.Contains(t, err.Error(), one.Addr())
	}
	assert.Empty(t, other.Log())
	rep, err := r.Run(t.Context(), slices.Values(jobs))
	require.NoError(t, err)
	assert.EqualValues(t, 2, rep.Jobs.Skipped, "nothing was lost")
}

func TestAHalfDoneUploadGoesOnInTheNextRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		dir := t.TempDir()
		local := filepath.Join(dir, "f")
		content := strings.Repeat("0123456789", 100_000)
		require.NoError(t, os.WriteFile(local, []byte(content), 0o600))
		jobs := []batch.Job{{Kind: batch.Upload, Local: local, Remote: "/f"}}
		j := journal(t, filepath.Join(dir, "journal"))
		impatient := client(t, srv).WithPolicy(policy.Policy{Attempts: 1})
		srv.Inject(retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 600_000, Reply: "426 Cut."})
		r := batch.Runner{Client: impatient, Journal: j}
		rep, err := r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)
		require.EqualValues(t, 1, rep.Jobs.Failed)
		require.Len(t, srv.Names(), 1, "the temporary file stays for the next run")

		rep, err = r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)
		require.EqualValues(t, 1, rep.Jobs.Done)
		assert.Equal(t, []string{"/f"}, srv.Names())
		text, err := srv.ReadFile("/f")
		require.NoError(t, err)
		assert.Equal(t, content, string(text))
		var sent int64
		for _, e := range srv.Log() {
			if e.Command == "STOR" { // and not what was read back to know the file by
				sent += e.Bytes
			}
		}
		assert.InDelta(t, len(content), sent, 4096, "no more was sent twice than proves the seam")
	})
}

func TestTemporariesThatNothingGoesOnWithAreRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		dir, jobs := files(t, 3)
		j := journal(t, filepath.Join(dir, "journal"))
		impatient := client(t, srv).WithPolicy(policy.Policy{Attempts: 1})
		srv.Inject(retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 5, Reply: "426 Cut.", Times: 3})
		r := batch.Runner{Client: impatient, Journal: j, Workers: 1}
		rep, err := r.Run(t.Context(), slices.Values(jobs))
		require.NoError(t, err)
		require.EqualValues(t, 3, rep.Jobs.Failed)
		require.Len(t, srv.Names(), 3)

		require.NoError(t, os.WriteFile(jobs[1].Local, []byte("another content of it"), 0o600))
		stopped, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = r.Run(stopped, slices.Values(jobs[:0]))
		require.Error(t, err)
		require.Len(t, srv.Names(), 3, "a run that was stopped has not seen all jobs")

		rep, err = r.Run(t.Context(), slices.Values(jobs[1:]))
		require.NoError(t, err)
		require.EqualValues(t, 2, rep.Jobs.Done)
		assert.Equal(t, []string{"/f1", "/f2"}, srv.Names(), "of the first, which is no job any more, nothing is left")
		text, err := srv.ReadFile("/f1")
		require.NoError(t, err)
		assert.Equal(t, "another content of it", string(text))
		assert.Empty(t, rep.Notes)
	})
}

func TestATemporaryIsRemovedWhenTheNextRunDoesWithout(t *testing.T) {
	t.Parallel()
	srv := retrytest.NewServer(t, retrytest.Config{})
	_, jobs := files(t, 1)
	j := journal(t, filepath.Join(t.TempDir(), "journal"))
	srv.Inject(retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 5, Reply: "426 Cut."})
	r := batch.Runner{Client: client(t, srv).WithPolicy(policy.Policy{Attempts: 1}), Journal: j}
	_, err := r.Run(t.Context(), slices.Values(jobs))
	require.NoError(t, err)
	require.NotEqual(t, []string{"/f0"}, srv.Names())
	r.Direct = true
	rep, err := r.Run(t.Context(), slices.Values(jobs))
	require.NoError(t, err)
	assert.EqualValues(t, 1, rep.Jobs.Done)
	assert.Equal(t, []string{"/f0"}, srv.Names())
}

func TestWhatAKilledRunMayHaveDoneIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, job := range []batch.Job{
		{Kind: batch.Delete, Remote: "/a"},
		{Kind: batch.Rename, Remote: "/a", To: "/b"},
	} {
		t.Run(fmt.Sprint(job.Kind), func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, retrytest.Config{})
			require.NoError(t, srv.WriteFile("/a", []byte("x")))
			j := journal(t, filepath.Join(t.TempDir(), "journal"))
			verb := map[batch.Kind]string{batch.Delete: "DELE", batch.Rename: "RNTO"}[job.Kind]
			ctx, cancel := context.WithCancelCause(t.Context())
			srv.Inject(retrytest.Fault{On: verb, After: true, Lose: true, Run: func() { cancel(errors.New("killed")) }, Delay: time.Millisecond})
			r := batch.Runner{Client: client(t, srv), Journal: j}
			rep, err := r.Run(ctx, slices.Values([]batch.Job{job}))
			require.Error(t, err)
			require.EqualValues(t, 1, rep.Jobs.Unknown)
			rep, err = r.Run(t.Context(), slices.Values([]batch.Job{job}))
			require.NoError(t, err)
			assert.EqualValues(t, 1, rep.Jobs.Done, rep.Problems)
		})
	}
}

func TestAJournalIsForOneRunAtATimeAndMustStayOpen(t *testing.T) {
	t.Parallel()
	srv := retrytest.NewServer(t, retrytest.Config{})
	_, jobs := files(t, 10)
	j := journal(t, filepath.Join(t.TempDir(), "journal"))
	r := batch.Runner{Client: client(t, srv), Workers: 1, Journal: j}
	second := r
	r.Hooks.Ended = func(res batch.Result) {
		if res.Remote == jobs[2].Remote {
			_, err := second.Run(t.Context(), slices.Values(jobs))
			assert.ErrorIs(t, err, batch.ErrJournalInUse)
			assert.NoError(t, j.Close())
		}
	}
	rep, err := r.Run(t.Context(), slices.Values(jobs))
	require.ErrorIs(t, err, batch.ErrJournalFailed)
	require.ErrorIs(t, err, batch.ErrJournalClosed)
	assert.GreaterOrEqual(t, rep.Jobs.NotRun, int64(6))
	assert.Zero(t, rep.Jobs.Failed)
}
