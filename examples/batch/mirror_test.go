package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// faulty meets every third upload and download with something that heals.
func faulty() (faults []retrytest.Fault) {
	for i := 2; i < 30; i += 3 {
		faults = append(faults,
			retrytest.Fault{On: "STOR", Nth: i, Data: retrytest.RST, At: 100, Lose: true, Control: retrytest.RST},
			retrytest.Fault{On: "RETR", Nth: i, Data: retrytest.FIN, At: 100, Reply: "426 Cut."})
	}
	return append(faults, retrytest.Fault{On: "MLSD", Nth: 2, Reply: "450 Busy."}, retrytest.Fault{On: "RNTO", Nth: 3, After: true, Lose: true, Control: retrytest.FIN})
}

// aTree is files in directories.
func aTree() map[string]string {
	files := map[string]string{"empty": "", "with space/\u00fc.txt": "x", ".hidden": "y"}
	for i := range 20 {
		files[fmt.Sprintf("d%d/e/%d.csv", i%3, i)] = strings.Repeat(fmt.Sprint(i), 100*i+1)
	}
	return files
}

// read is what put has written.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := os.DirFS(dir)
	require.NoError(t, fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		files[name] = string(data)
		return err
	}))
	return files
}

func TestATreeGoesUpAndComesDownAgain(t *testing.T) {
	srv := server(t, retrytest.Config{Faults: faulty()})
	tree := aTree()
	up, down := put(t, tree), t.TempDir()
	status, out, errs := ran(t, up, join([]string{"mirror-up"}, to(srv), []string{".", "/in"})...)
	require.Equal(t, allDone, status, errs)
	require.Contains(t, out, "All ")
	status, _, errs = ran(t, down, join([]string{"mirror-down"}, to(srv), []string{"/in", "got"})...)
	require.Equal(t, allDone, status, errs)
	require.Equal(t, tree, read(t, filepath.Join(down, "got")))

	srv.ResetLog()
	for _, args := range [][]string{{"mirror-up", up, "/in"}, {"mirror-down", "/in", "got"}} {
		status, _, errs = ran(t, down, join(args, to(srv))...)
		require.Equal(t, allDone, status, errs)
	}
	for _, command := range srv.Commands() {
		require.NotRegexp(t, "^(STOR|RETR|DELE|MKD)", command, "a second run has nothing to do")
	}
}

func TestADryRunShowsThePlanAndChangesNothing(t *testing.T) {
	srv := server(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("in/old.txt", nil))
	require.NoError(t, srv.WriteFile("in/b.tmp", nil))
	dir := put(t, map[string]string{"a.txt": "alpha", "b.tmp": "", "sub/c.txt": "c"})
	args := join([]string{"mirror-up", "-dry-run", "-delete", "-exclude", "*.tmp"}, to(srv), []string{dir, "/in"})
	status, out, errs := ran(t, dir, args...)
	require.Equal(t, allDone, status, errs)
	for _, want := range []string{"upload    a.txt", "mkdir     sub/", "upload    sub/c.txt", "delete    old.txt"} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "b.tmp")
	require.Contains(t, errs, "dry run, nothing was changed: upload 2 (6 B), delete 1, mkdir 1, leave")
	require.Equal(t, []string{"/in/b.tmp", "/in/old.txt"}, srv.Names())

	status, out, _ = ran(t, dir, join(args, []string{"-v", "-json"})...)
	require.Equal(t, allDone, status)
	require.Contains(t, out, `"msg":"planned","what":"delete","name":"old.txt"`)

	status, _, errs = ran(t, dir, args[0], args[2], args[3], args[4], "-addr", srv.Addr(), "-user", "u", dir, "/in")
	require.Equal(t, allDone, status, errs)
	require.Equal(t, []string{"/in/a.txt", "/in/b.tmp", "/in/sub/c.txt"}, srv.Names())
}

func TestWhatCannotBeMirroredIsExplained(t *testing.T) {
	dir := put(t, map[string]string{"file": "x", "tree/a.txt": "alpha"})
	for what, row := range map[string]struct {
		args   string
		status int
		want   string
	}{
		"no local directory":           {"mirror-up nowhere /in", wrongUsage, "batch: cannot send nowhere: open nowhere: no such file"},
		"a file in place of it":        {"mirror-up file /in", wrongUsage, "batch: cannot send file: "},
		"a file where one is to be":    {"mirror-down /in file", wrongUsage, "batch: cannot write to file: "},
		"a place that does not exist":  {"mirror-down /in /proc/nowhere", wrongUsage, "batch: cannot write to /proc/nowhere: "},
		"no directory on the server":   {"mirror-down /nowhere got", someFailed, "No such file or directory."},
		"a pattern that is none":       {"mirror-up -include [ tree /in", wrongUsage, `Include has the pattern "["`},
		"a comparison that is none":    {"mirror-up -compare name tree /in", wrongUsage, "want time, size, hash"},
		"arguments in excess":          {"mirror-up tree /in /out", wrongUsage, "mirror-up takes DIR REMOTE, but 3 arguments are given"},
		"a hash that no server has":    {"mirror-up -compare hash tree /in", wrongUsage, "the server computes no hashes"},
		"a server without a directory": {"mirror-up tree a.txt", someFailed, "a.txt"},
	} {
		t.Run(what, func(t *testing.T) {
			srv := server(t, retrytest.Config{Without: []string{"HASH", "XSHA", "XSHA512", "XSHA256", "XSHA1", "XMD5", "XCRC"}})
			require.NoError(t, srv.WriteFile("in/a.txt", []byte("ALPHA")))
			require.NoError(t, srv.WriteFile("a.txt", nil))
			before := srv.Files()
			status, _, errs := ran(t, dir, join(strings.Fields(row.args), to(srv))...)
			require.Equal(t, row.status, status, errs)
			require.Contains(t, errs, row.want)
			require.Equal(t, before, srv.Files())
		})
	}
}

// TestADirectoryThatCannotBeReadDoesNotStopTheOthers: at the server, because the
// tests may run as root.
func TestADirectoryThatCannotBeReadDoesNotStopTheOthers(t *testing.T) {
	srv := server(t, retrytest.Config{Faults: []retrytest.Fault{{On: "MLSD", Path: "/in/closed", Times: -1, Reply: "550 Permission denied."}}})
	require.NoError(t, srv.WriteFile("in/closed/a.txt", nil))
	require.NoError(t, srv.WriteFile("in/open/b.txt", []byte("beta")))
	dir := put(t, map[string]string{"got/extra.txt": "x"})
	status, out, errs := ran(t, dir, join([]string{"mirror-down", "-delete"}, to(srv), []string{"/in", "got"})...)
	require.Equal(t, someFailed, status, errs)
	require.Contains(t, errs, "/in/closed")
	require.Contains(t, errs, "Permission denied.")
	require.Contains(t, out, "1 failed")
	require.Equal(t, map[string]string{"open/b.txt": "beta", "extra.txt": "x"}, read(t, filepath.Join(dir, "got")), "nor is anything deleted")
}
