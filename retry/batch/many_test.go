package batch_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

const mostMemory = 200 << 20

// TestMemoryDoesNotGrowWithTheNumberOfJobs runs jobs with a journal, and once
// more when all are done, in a process of its own that has the server, too.
// FTPRETRY_JOBS says how many; a million takes some minutes.
func TestMemoryDoesNotGrowWithTheNumberOfJobs(t *testing.T) {
	t.Parallel()
	jobs := "5000"
	if text := os.Getenv("FTPRETRY_JOBS"); text != "" {
		jobs = text
	}
	cmd := program(t.Context(), t, "many", jobs, filepath.Join(t.TempDir(), "journal"))
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	require.NoError(t, cmd.Run(), problems.String())
	t.Log(out.String())
	peak, err := strconv.ParseInt(string(regexp.MustCompile(`peak (\d+)`).FindSubmatch(out.Bytes())[1]), 10, 64)
	require.NoError(t, err)
	assert.Less(t, peak, int64(mostMemory))
}

// many is the program of the test above.
func many(args []string) error {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	// MKD is not executed, so that the server's tree stays small.
	srv, err := retrytest.Start(retrytest.Config{InMemory: true, LogSize: -1, Faults: []retrytest.Fault{{On: "MKD", Times: -1, Reply: "257 Made."}}})
	if err != nil {
		return err
	}
	defer srv.Close()
	client, err := retry.New(retry.Config{Addr: srv.Addr(), Dial: srv.Dial, MaxConns: 8})
	if err != nil {
		return err
	}
	defer client.Close()
	j, err := batch.OpenJournal(args[1])
	if err != nil {
		return err
	}
	defer j.Close()
	jobs := func(yield func(batch.Job) bool) {
		for i := range count {
			if !yield(batch.Job{Kind: batch.MakeDir, Remote: fmt.Sprintf("/archive/of/%05d/the-directory-with-number-%08d", i/100, i)}) {
				return
			}
		}
	}
	r := batch.Runner{Client: client, Workers: 8, Journal: j}
	for _, want := range []batch.Counts{{Total: int64(count), Done: int64(count)}, {Total: int64(count), Skipped: int64(count)}} {
		began := time.Now()
		rep, err := r.Run(context.Background(), jobs)
		if err != nil {
			return err
		}
		if rep.Jobs != want {
			return fmt.Errorf("%+v: %+v", rep.Jobs, rep.Problems)
		}
		fmt.Printf("%d jobs in %s: %.0f a second\n", count, time.Since(began).Round(time.Millisecond), float64(count)/time.Since(began).Seconds())
	}
	info, err := os.Stat(args[1])
	if err != nil {
		return err
	}
	fmt.Printf("journal %d bytes\npeak %d bytes\n", info.Size(), peakMemory())
	return nil
}

// peakMemory is the most that this process has had: of the system's memory, the
// pages of the journal's file included, where the system tells.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status); err == nil && found != nil {
		kilobytes, _ := strconv.ParseInt(string(found[1]), 10, 64)
		return kilobytes << 10
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
