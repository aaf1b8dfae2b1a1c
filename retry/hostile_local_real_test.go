//go:build linux

package retry_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// A full disk is the caller's: nothing is tried again, the old file stays, and
// what was written is given back for others to have.
func TestRealADownloadOntoAFullDiskLeavesItAsItWas(t *testing.T) {
	dir := ftpd.SmallDisk(t, "1m")
	write(t, dir, "f", "old")
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", pattern(4<<20))
	cl := client(t, srv)
	local := filepath.Join(dir, "f")
	err := cl.RetrFile(t.Context(), "/f", local)
	require.ErrorIs(t, err, syscall.ENOSPC)
	var e *retry.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 1, e.Attempts)
	assert.Contains(t, e.Verdict.Rule, "the caller's own")
	assert.Equal(t, []string{"f"}, left(t, dir))
	contains(t, local, "old")

	data := pattern(500_000)
	srv.WriteFile("/f", data)
	require.NoError(t, cl.RetrFile(t.Context(), "/f", local))
	contains(t, local, string(data))
}

func TestRealADownloadToADiskThatIsReadOnlySendsNothing(t *testing.T) {
	dir := ftpd.SmallDisk(t, "1m")
	write(t, dir, "f", "old")
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", []byte("content"))
	err := client(t, srv).RetrFile(t.Context(), "/f", filepath.Join(dir, "f"))
	require.ErrorIs(t, err, syscall.EROFS)
	require.ErrorIs(t, err, retry.ErrPermanent)
	assert.Empty(t, srv.Commands())
	contains(t, filepath.Join(dir, "f"), "old")

	require.NoError(t, client(t, srv).StorFile(t.Context(), "/g", filepath.Join(dir, "f")), "it can be read")
	holds(t, srv, "/g", "old")
}

// A file that is a file system of its own, as containers have them, cannot be
// renamed onto: the download is there, under its other name, and the error says so.
func TestRealADownloadOntoAMountedFileIsKeptBesideIt(t *testing.T) {
	dir := ftpd.SmallDisk(t, "1m")
	write(t, dir, "elsewhere", "old")
	write(t, dir, "f", "")
	local := filepath.Join(dir, "f")
	require.NoError(t, syscall.Mount(filepath.Join(dir, "elsewhere"), local, "", syscall.MS_BIND, ""))
	t.Cleanup(func() { _ = syscall.Unmount(local, syscall.MNT_DETACH) })
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/f", []byte("content"))
	err := client(t, srv).RetrFile(t.Context(), "/f", local)
	require.ErrorIs(t, err, syscall.EBUSY)
	assert.ErrorContains(t, err, "could not be renamed")
	contains(t, local, "old")
	contains(t, local+".part", "content")
	_, err = os.Stat(local + ".part.info")
	require.NoError(t, err, "the next run goes on with it")
}
