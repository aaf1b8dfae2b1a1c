package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
)

// real runs the command against a real server.
func real(t *testing.T, srv *ftpd.Server, dir string, args ...string) (status int, out, errs string) {
	t.Helper()
	p := launch(t, dir, []string{passwordVariable + "=" + srv.Password}, nil, append(args, "-addr", srv.Addr, "-user", srv.User)...)
	status = p.wait()
	require.NotContains(t, p.out.String()+p.err.String(), srv.Password)
	return status, p.out.String(), p.err.String()
}

func TestRealServersGetATreeAndGiveItBack(t *testing.T) {
	ftpd.Require(t)
	for _, kind := range ftpd.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			srv := ftpd.Start(t, kind, ftpd.Options{})
			tree := aTree()
			up, down := put(t, tree), t.TempDir()
			status, _, errs := real(t, srv, up, "mirror-up", ".", "/in")
			require.Equal(t, allDone, status, errs)
			require.Equal(t, tree, read(t, filepath.Join(srv.Root, "in")))
			status, _, errs = real(t, srv, down, "mirror-down", "/in", "got")
			require.Equal(t, allDone, status, errs)
			require.Equal(t, tree, read(t, filepath.Join(down, "got")))
			for _, again := range [][]string{{"mirror-up", up, "/in"}, {"mirror-down", "/in", "got"}} {
				status, out, errs := real(t, srv, down, append(again, "-dry-run")...)
				require.Equal(t, allDone, status, errs)
				require.Empty(t, out, "a second run has nothing to do")
			}
		})
	}
}

func TestRealLocalDiskThatIsFullIsExplainedAndTheNextRunGoesOn(t *testing.T) {
	ftpd.Require(t)
	srv := ftpd.Start(t, ftpd.VSFTPD, ftpd.Options{})
	for name, size := range map[string]int{"a.bin": 100 << 10, "big.bin": 2 << 20, "c.bin": 100 << 10} {
		require.NoError(t, os.WriteFile(filepath.Join(srv.Root, name), []byte(strings.Repeat("x", size)), 0o644))
	}
	srv.Adopt()
	dir := ftpd.SmallDisk(t, "1m")
	status, out, errs := real(t, srv, dir, "mirror-down", "/", "got", "-workers", "1")
	require.Equal(t, someFailed, status)
	require.Contains(t, errs, "big.bin")
	require.Contains(t, errs, "no space left on device")
	require.Contains(t, out, "free space on the local disk")
	require.FileExists(t, filepath.Join(dir, "got/a.bin"))
	require.NoFileExists(t, filepath.Join(dir, "got/big.bin"))

	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=4m"))
	status, _, errs = real(t, srv, dir, "mirror-down", "/", "got")
	require.Equal(t, allDone, status, errs)
	require.Equal(t, read(t, srv.Root), read(t, filepath.Join(dir, "got")))
}

func TestRealTargetThatIsReadOnlyIsToldOfBeforeAnythingRuns(t *testing.T) {
	ftpd.Require(t)
	srv := ftpd.Start(t, ftpd.VSFTPD, ftpd.Options{})
	dir := ftpd.SmallDisk(t, "1m")
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	for _, args := range [][]string{{"mirror-down", "/", dir}, {"mirror-down", "/", filepath.Join(dir, "new")}} {
		status, out, errs := real(t, srv, t.TempDir(), args...)
		require.Equal(t, wrongUsage, status)
		require.Contains(t, errs, "batch: cannot write to "+args[2]+": ")
		require.Contains(t, errs, "read-only file system")
		require.Empty(t, out)
	}
	list := put(t, map[string]string{"list": "kind,remote,local\ndownload,a.bin," + dir + "/a.bin\ndownload,a.bin,here.bin\n"})
	require.NoError(t, os.WriteFile(filepath.Join(srv.Root, "a.bin"), []byte("x"), 0o644))
	status, out, errs := real(t, srv, list, "run", "list")
	require.Equal(t, someFailed, status)
	require.Contains(t, errs, "read-only file system")
	require.Contains(t, out, "1 done")
	require.FileExists(t, filepath.Join(list, "here.bin"))
}

// TestRealDirectoryThatIsReadOnlyOnTheServerFailsFileByFile: what it refuses is
// the server's word, and other directories take theirs.
func TestRealDirectoryThatIsReadOnlyOnTheServerFailsFileByFile(t *testing.T) {
	ftpd.Require(t)
	srv := ftpd.Start(t, ftpd.VSFTPD, ftpd.Options{})
	for _, name := range []string{"open", "closed"} {
		require.NoError(t, os.Mkdir(filepath.Join(srv.Root, name), 0o755))
	}
	srv.Adopt()
	require.NoError(t, os.Chown(filepath.Join(srv.Root, "closed"), 0, 0))
	dir := put(t, map[string]string{"open/a.txt": "a", "closed/b.txt": "b"})
	status, out, errs := real(t, srv, dir, "mirror-up", ".", "/")
	require.Equal(t, someFailed, status)
	require.Contains(t, errs, "closed/b.txt")
	require.Contains(t, errs, "553")
	require.Contains(t, out, "1 failed")
	require.Equal(t, map[string]string{"open/a.txt": "a"}, read(t, srv.Root))
}
