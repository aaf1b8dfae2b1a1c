package main

import (
	"fmt"
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
			for name, data := range srv.Files() {
				require.True(t, len(data) == 1<<20 || strings.HasSuffix(name, ".ftpretry"), "%s is half a file", name)
			}
		})
	}
}
