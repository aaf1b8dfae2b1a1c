package batch_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestARunThatIsCutLeavesNoTemporaryFileThatNobodyKnowsOf(t *testing.T) {
	t.Parallel()
	stuck := retrytest.Fault{On: "STOR", StallData: true, At: 5, Times: -1}
	for told, c := range map[string]struct {
		fault   retrytest.Fault // after the cut
		down    bool            // the server is, after the cut
		journal bool
		left    int
		says    string
		took    time.Duration // after the cut, at most
	}{
		"it is removed":                      {took: time.Second},
		"over a slow line, too":              {fault: retrytest.Fault{On: "PASS", Delay: 500 * time.Millisecond, Times: -1}, took: 1500 * time.Millisecond},
		"a server that refuses it":           {fault: retrytest.Fault{On: "DELE", Reply: "550 Permission denied.", Times: -1}, left: 2, says: "left behind: /f", took: time.Second},
		"a server that is silent":            {fault: retrytest.Fault{On: retrytest.Connect, Stall: true, Times: -1}, left: 2, says: "left behind: /f", took: 2200 * time.Millisecond},
		"a server that is down":              {down: true, left: 2, says: "left behind: /f", took: 2200 * time.Millisecond},
		"with a journal, the next run is to": {journal: true, left: 2, took: time.Second},
	} {
		t.Run(told, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
				srv.Inject(stuck)
				_, jobs := files(t, 5)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var cut time.Time
				defer time.AfterFunc(time.Second, func() {
					if c.fault.On != "" {
						srv.Inject(c.fault)
					}
					if c.down {
						srv.Down()
					}
					cut = time.Now()
					cancel()
				}).Stop()
				var got ended
				r := batch.Runner{Client: client(t, srv, func(cfg *retry.Config) { cfg.StallTimeout = time.Hour }), Workers: 2, Hooks: got.hooks()}
				if c.journal {
					r.Journal = journal(t, t.TempDir()+"/journal")
				}

				rep, err := r.Run(ctx, slices.Values(jobs))

				require.ErrorIs(t, err, context.Canceled)
				assert.LessOrEqual(t, time.Since(cut), c.took)
				assert.EqualValues(t, 2, rep.Jobs.Failed)
				assert.Len(t, srv.Names(), c.left)
				for _, p := range rep.Problems {
					assert.Equal(t, c.says != "", strings.Contains(p.Error, "left behind: /f"), p.Error)
					assert.Equal(t, c.says != "", strings.Contains(p.Next, "delete the temporary file"), p.Next)
				}
				got.check(t, jobs, rep)
			})
		})
	}
}

// foreign is a context of which package context knows nothing, so that it needs a
// goroutine to follow it.
type foreign struct {
	context.Context
	done chan struct{}
}

func (f foreign) Done() <-chan struct{} { return f.done }

func TestARunThatCannotBeginLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		closed := journal(t, t.TempDir()+"/journal")
		require.NoError(t, closed.Close())
		r := batch.Runner{Client: client(t, srv), Journal: closed}
		_, err := r.Run(foreign{t.Context(), make(chan struct{})}, slices.Values([]batch.Job{}))
		require.ErrorIs(t, err, batch.ErrJournalClosed)
	})
}
