package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// stuck starts a run of 20 uploads of which some are stuck at the server for
// ever, and returns when they are.
func stuck(t *testing.T, more ...string) (*process, *retrytest.Server) {
	t.Helper()
	began := make(chan struct{}, 100)
	fault := retrytest.Fault{On: "STOR", Nth: 3, Times: -1, StallData: true, At: 1000, Run: func() { began <- struct{}{} }}
	srv := server(t, retrytest.Config{Faults: []retrytest.Fault{fault}})
	files := map[string]string{}
	list := "kind,local,remote\n"
	for i := range 20 {
		name := fmt.Sprintf("%02d.bin", i)
		files[name] = strings.Repeat("x", 1<<20)
		list += "upload," + name + "," + name + "\n"
	}
	files["list"] = list
	p := launch(t, put(t, files), nil, nil, join([]string{"run"}, to(srv, "-workers", "2"), more, []string{"list"})...)
	for range 2 {
		select {
		case <-began:
		case <-time.After(30 * time.Second):
			t.Fatalf("nothing is stuck: %s", p.err.String())
		}
	}
	return p, srv
}

func TestASignalEndsTheRunWithinFiveSeconds(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			p, srv := stuck(t)
			at := time.Now()
			p.signal(s)
			require.Equal(t, interrupted, p.wait(), p.err.String())
			require.Less(t, time.Since(at), 5*time.Second)
			require.Contains(t, p.err.String(), s.String())
			require.Contains(t, p.out.String(), "2 done", "what was done is told")
			require.Contains(t, p.out.String(), "run it again: the run was interrupted")
			for name, data := range srv.Files() {
				require.Len(t, data, 1<<20, "%s is half a file", name)
			}
		})
	}
}

// deaf starts a run that cannot end by itself: nobody reads its log.
func deaf(t *testing.T) *process {
	t.Helper()
	srv := server(t, retrytest.Config{})
	list := "kind,remote\n" + strings.Repeat("mkdir,x\n", 20000)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	p := prepare(t, put(t, map[string]string{"list": list}), nil, nil, join([]string{"run"}, to(srv, "-json", "-v"), []string{"list"})...)
	p.cmd.Stdout = w
	require.NoError(t, p.cmd.Start())
	require.NoError(t, w.Close())
	require.Eventually(t, func() bool { // until it is stuck
		before := len(srv.Log())
		time.Sleep(200 * time.Millisecond)
		return before > 0 && len(srv.Log()) == before
	}, 30*time.Second, time.Millisecond)
	return p
}

func TestARunThatDoesNotEndByItselfIsEnded(t *testing.T) {
	p := deaf(t)
	at := time.Now()
	p.signal(syscall.SIGTERM)
	require.Equal(t, interrupted, p.wait())
	require.Less(t, time.Since(at), 5*time.Second)
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	p := deaf(t)
	at := time.Now()
	p.signal(syscall.SIGINT)
	p.signal(syscall.SIGTERM) // two of a kind that come together are one
	require.Equal(t, interrupted, p.wait())
	require.Less(t, time.Since(at), patience-time.Second)
}

func TestASignalBeforeAnythingHasBegunEndsIt(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = r.Close(); _ = w.Close() }()
	srv := server(t, retrytest.Config{})
	p := launch(t, t.TempDir(), nil, r, join([]string{"run"}, to(srv), []string{"-"})...)
	_, err = w.Write(bytes.Repeat([]byte("\n"), 1<<20)) // more than a pipe holds: it has begun to read
	require.NoError(t, err)
	p.signal(syscall.SIGTERM)
	require.Equal(t, interrupted, p.wait())
	require.Empty(t, srv.Commands())
}
