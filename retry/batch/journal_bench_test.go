package batch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// BenchmarkUploads is what a journal costs: uploads of 4 KiB by 8 workers, to a
// server that takes its time for each command and to one that does not.
func BenchmarkUploads(b *testing.B) {
	local := filepath.Join(b.TempDir(), "f")
	require.NoError(b, os.WriteFile(local, make([]byte, 4096), 0o600))
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		for _, with := range []string{"without", "with"} {
			b.Run(fmt.Sprintf("answers after %s/%s journal", delay, with), func(b *testing.B) {
				srv := retrytest.NewServer(b, retrytest.Config{LogSize: -1, Faults: []retrytest.Fault{{On: "*", Times: -1, Delay: delay, After: true}}})
				c, err := retry.New(retry.Config{Addr: srv.Addr(), MaxConns: 8})
				require.NoError(b, err)
				defer c.Close()
				r := batch.Runner{Client: c, Workers: 8}
				if with == "with" {
					r.Journal = journal(b, filepath.Join(b.TempDir(), "journal"))
				}
				b.ResetTimer()
				rep, err := r.Run(b.Context(), func(yield func(batch.Job) bool) {
					for i := range b.N {
						if !yield(batch.Job{Kind: batch.Upload, Local: local, Remote: fmt.Sprintf("/f%d", i)}) {
							return
						}
					}
				})
				b.StopTimer()
				require.NoError(b, err)
				require.EqualValues(b, b.N, rep.Jobs.Done, rep.Problems)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
			})
		}
	}
}
