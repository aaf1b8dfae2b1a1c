package batch_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/night"
	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
)

// aNight runs the uploads of a night by 8 workers.
func aNight(t *testing.T, cfg night.Config) (*night.Night, *batch.Report) {
	t.Helper()
	cfg.InMemory, cfg.Seed, cfg.Files = true, 1, nightFiles
	n, err := night.Start(cfg)
	require.NoError(t, err)
	defer n.Close()
	dir := t.TempDir()
	require.NoError(t, n.Fill(dir))
	var jobs []batch.Job
	for _, name := range n.Dirs() {
		jobs = append(jobs, batch.Job{Kind: batch.MakeDir, Remote: name})
	}
	jobs = append(jobs, batch.Job{Kind: batch.Barrier})
	for _, f := range n.Files {
		jobs = append(jobs, batch.Job{Kind: batch.Upload, Local: f.Local(dir), Remote: f.Name})
	}
	client, err := retry.New(retry.Config{
		Addr: n.Addr(), Dial: n.Dial, TLS: n.Client, MaxConns: 8, Policy: policy.Policy{Attempts: 40},
	})
	require.NoError(t, err)
	defer client.Close()

	rep, err := (&batch.Runner{Client: client, Workers: 8}).Run(t.Context(), slices.Values(jobs))

	require.NoError(t, err)
	return n, rep
}

func TestTheNightEndsWithEveryFileInItsPlaceOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, rep := aNight(t, night.Config{TLS: true, Line: night.Line{RoundTrip: 20 * time.Millisecond, Rate: 1 << 20}})
		assert.NoError(t, n.Check())
		all := int64(len(n.Files) + len(n.Dirs()))
		assert.Equal(t, batch.Counts{Total: all, Done: all}, rep.Jobs)
	})
}
