package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// TestARunThatWasKilledIsCarriedOn: nothing that was done is done again, and
// nothing is left over.
func TestARunThatWasKilledIsCarriedOn(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			const files = 40
			reached := make(chan struct{}, 1)
			srv := server(t, retrytest.Config{Faults: []retrytest.Fault{{On: "STOR", Nth: files / 2, StallData: true, At: 5000, Run: func() { reached <- struct{}{} }}}})
			tree := map[string]string{}
			list := "kind,local,remote\n"
			for i := range files {
				name := fmt.Sprintf("%02d.bin", i)
				tree[name] = strings.Repeat(name, 2000)
				list += "upload," + name + "," + name + "\n"
			}
			tree["list"] = list
			dir := put(t, tree)
			args := join([]string{"run"}, to(srv, "-journal", "night.db", "-workers", "1"), []string{"list"})
			p := launch(t, dir, nil, nil, args...)
			select {
			case <-reached:
			case <-time.After(30 * time.Second):
				t.Fatal(p.err.String())
			}
			p.signal(s)
			p.wait()
			before := stored(srv)
			require.Len(t, before, files/2)

			status, out, errs := ran(t, dir, "report", "night.db")
			require.Equal(t, allDone, status, errs)
			require.Contains(t, out, "ended early")

			srv.ResetLog()
			status, out, errs = ran(t, dir, args...)
			require.Equal(t, allDone, status, errs)
			require.Contains(t, out, fmt.Sprintf("%d done, %d done earlier, 0 failed", files/2+1, files/2-1))
			require.Len(t, stored(srv), files/2+1, "nothing is sent twice")
			delete(tree, "list")
			got := map[string]string{}
			for name, data := range srv.Files() {
				got[strings.TrimPrefix(name, "/")] = string(data)
			}
			require.Equal(t, tree, got)
		})
	}
}

// stored are the uploads that the server has heard of.
func stored(srv *retrytest.Server) (names []string) {
	for _, command := range srv.Commands() {
		if strings.HasPrefix(command, "STOR ") {
			names = append(names, command)
		}
	}
	return names
}

func TestASecondRunOnAJournalIsRefused(t *testing.T) {
	p, srv := stuck(t, "-journal", "night.db")
	dir := p.cmd.Dir
	status, _, errs := ran(t, dir, join([]string{"run"}, to(srv, "-journal", "night.db"), []string{"list"})...)
	require.Equal(t, wrongUsage, status)
	require.Contains(t, errs, "journal is in use")
	status, _, errs = ran(t, dir, "report", "night.db")
	require.Equal(t, wrongUsage, status)
	require.Contains(t, errs, "journal is in use")
	p.signal(syscall.SIGINT)
	require.Equal(t, interrupted, p.wait())
	status, _, errs = ran(t, dir, "report", "night.db")
	require.Equal(t, allDone, status, errs)
}

func TestAJournalThatIsNoneIsRefusedAndLeftAsItIs(t *testing.T) {
	srv := server(t, retrytest.Config{})
	dir := put(t, map[string]string{"list": oneDelete, "foreign": strings.Repeat("my letters\n", 1000)})
	for _, args := range [][]string{join([]string{"run"}, to(srv, "-journal", "foreign"), []string{"list"}), {"report", "foreign"}} {
		status, _, errs := ran(t, dir, args...)
		require.Equal(t, wrongUsage, status)
		require.Contains(t, errs, "journal cannot be used")
		require.Equal(t, 1, strings.Count(errs, "\n"), errs)
	}
	text, err := os.ReadFile(filepath.Join(dir, "foreign"))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("my letters\n", 1000), string(text))
	require.Empty(t, srv.Commands())
	status, _, errs := ran(t, dir, "report", "nowhere")
	require.Equal(t, wrongUsage, status)
	require.Contains(t, errs, "no such file")
	_, err = os.Stat(filepath.Join(dir, "nowhere"))
	require.ErrorIs(t, err, os.ErrNotExist, "report makes none")
}

func TestAJournalOfAnotherServerIsRefused(t *testing.T) {
	first, second := server(t, retrytest.Config{}), server(t, retrytest.Config{})
	dir := put(t, map[string]string{"list": oneDelete})
	for i, srv := range []*retrytest.Server{first, second} {
		require.NoError(t, srv.WriteFile("a.txt", nil))
		status, out, errs := ran(t, dir, join([]string{"run"}, to(srv, "-journal", "night.db"), []string{"list"})...)
		if i == 0 {
			require.Equal(t, allDone, status, errs)
			continue
		}
		require.Equal(t, wrongUsage, status)
		require.Contains(t, errs, "journal is of another server")
		require.Contains(t, errs, first.Addr())
		require.Empty(t, out)
		require.Empty(t, srv.Commands(), "it is not even told the password")
		require.True(t, srv.Exists("a.txt"))
	}
}
