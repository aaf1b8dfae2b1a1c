//go:build linux

package batch_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// disk mounts a file system of its own.
func disk(t *testing.T, options string) string {
	t.Helper()
	ftpd.Require(t)
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, options))
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

func TestRealADiskThatIsFullEndsTheRunAndLosesNothing(t *testing.T) {
	dir := disk(t, "size=80k")
	srv := retrytest.NewServer(t, retrytest.Config{})
	_, jobs := files(t, 2000)
	name := filepath.Join(dir, "journal")
	j := journal(t, name)
	var got ended
	r := batch.Runner{Client: client(t, srv), Journal: j, Hooks: got.hooks()}
	rep, err := r.Run(t.Context(), slices.Values(jobs))
	require.ErrorIs(t, err, batch.ErrJournalFailed)
	require.ErrorIs(t, err, syscall.ENOSPC)
	t.Log(err)
	states := got.check(t, jobs, rep)
	require.Positive(t, states[batch.Done])
	require.Positive(t, states[batch.NotRun])
	assert.Zero(t, states[batch.Failed])
	require.NoError(t, j.Close())

	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=8m"))
	r.Journal, r.Hooks = journal(t, name), batch.Hooks{}
	rep, err = r.Run(t.Context(), slices.Values(jobs))
	require.NoError(t, err)
	assert.EqualValues(t, len(jobs), rep.Jobs.Done+rep.Jobs.Skipped)
	assert.GreaterOrEqual(t, rep.Jobs.Skipped, states[batch.Done]-8, "what was told before the disk was full is in the journal")
	assert.Len(t, srv.Names(), len(jobs), "no temporary is left")
	require.NoError(t, r.Journal.Close())
}

func TestRealADiskWithoutSpaceForAJournalSaysSo(t *testing.T) {
	dir := disk(t, "size=8k")
	_, err := batch.OpenJournal(filepath.Join(dir, "journal"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	there, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, there)
}

func TestRealADirectoryThatIsReadOnlyHasReportsAndNoJournals(t *testing.T) {
	dir := disk(t, "size=1m")
	srv := retrytest.NewServer(t, retrytest.Config{})
	_, jobs := files(t, 3)
	name := filepath.Join(dir, "journal")
	j := journal(t, name)
	_, err := (&batch.Runner{Client: client(t, srv), Journal: j}).Run(t.Context(), slices.Values(jobs))
	require.NoError(t, err)
	require.NoError(t, j.Close())
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	_, err = batch.OpenJournal(filepath.Join(dir, "another"))
	require.ErrorIs(t, err, syscall.EROFS)
	assert.ErrorContains(t, err, "choose a directory that this user may write to")
	_, err = batch.OpenJournal(name)
	require.ErrorIs(t, err, syscall.EROFS)
	rep, err := batch.ReadReport(name)
	require.NoError(t, err)
	assert.EqualValues(t, 3, rep.Jobs.Done)
}
